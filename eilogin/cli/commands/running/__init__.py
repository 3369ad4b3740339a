"""Commands that load the pipelines of an ini file: serve, work, sessions, logouts.

* ``serve_command``: ``eilogin serve`` checks an ini file, then serves its servers.
* ``work_command``: ``eilogin work`` and ``logouts``, the background work.
* ``sessions_command``: ``eilogin sessions end`` ends all sessions of a person.
* ``participant_end``: ``eilogin sessions end --participant`` ends all at a participant.
* ``loaded_members``: loads the hubs and participants of an ini file.
"""
