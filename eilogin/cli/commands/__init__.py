"""The commands, each in a file.

A command holds its arguments and its output. Work that several commands share belongs
into a package beside this one.

``check_command``
    ``eilogin check FILE``: report every fault of an ini file.
``citizen_command``
    ``eilogin citizen add FILE``: add a citizen who can sign in at the hub.
``demo_command``
    ``eilogin demo``: run a whole federation on a laptop.
``join_command``
    ``eilogin join``: prepare a site to become a member of a federation.
``join_hub_command``
    ``eilogin join-hub``: prepare a hub to become a member of a federation.
``keys_command``
    ``eilogin keys new | list | calendar | ready FILE``: replace keys.
``metadata_command``
    ``eilogin metadata FILE``: print the metadata for the operator.
``options_command``
    ``eilogin options FILTER``: list the options of a filter or app.
``participant_end``
    ``eilogin sessions end FILE --participant``: end sessions at a participant.
``serve_command``
    ``eilogin serve FILE``: check an ini file, then serve all its servers.
``sessions_command``
    ``eilogin sessions end FILE``: end all sessions of somebody.
``store_command``
    ``eilogin store …``: look into stores, back them up, empty them.
``trust_command``
    ``eilogin trust``: show the active metadata, decide on pending changes.
``work_command``
    ``eilogin work FILE``, ``eilogin logouts FILE``: background work of a site.
"""
