"""Commands that load the pipelines of an ini file: serve, work, sessions, logouts.

``serve_command``
    ``eilogin serve``: check an ini file, then serve all its servers.
``work_command``
    ``eilogin work`` and ``eilogin logouts``: background work of hubs and sites.
``sessions_command``
    ``eilogin sessions end``: end all sessions of a person.
``participant_end``
    ``eilogin sessions end --participant``: end all sessions at a participant.
``loaded_members``
    Load the hubs and participants of an ini file, and reach what they hand on.
"""
