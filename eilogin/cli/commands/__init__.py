"""The commands, each in a file.

What belongs here, by module:

``check_command``
    ``eilogin check FILE``: every fault of an ini file, and nothing started.
``citizen_command``
    ``eilogin citizen add FILE``: somebody who can sign in at the hub itself.
``demo_command``
    ``eilogin demo``: a whole federation on a laptop, from a clone of the
    project.
``join_command``
    ``eilogin join``: what a site needs to become a member of a federation.
``join_hub_command``
    ``eilogin join-hub``: what a hub needs to become a member of a federation.
``keys_command``
    ``eilogin keys new | list | calendar | ready FILE``: the keys of a site.
``metadata_command``
    ``eilogin metadata FILE``: what the operator of the federation wants to
    have.
``options_command``
    ``eilogin options FILTER``: what a filter or app understands.
``participant_end``
    ``eilogin sessions end FILE --participant``: end all sessions at a
    participant.
``serve_command``
    ``eilogin serve FILE``: check an ini file, then serve all its servers.
``sessions_command``
    ``eilogin sessions end FILE``: end all sessions of somebody, or at a
    participant.
``store_command``
    ``eilogin store …``: look into the stores of an ini file, back them up,
    empty them.
``trust_command``
    ``eilogin trust``: which state of the federation is active, what waits, and
    who says.
``work_command``
    ``eilogin work FILE`` and ``eilogin logouts FILE``: what nobody waits for.
"""
