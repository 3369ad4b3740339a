"""The commands: a module for each small one, and a room for each large one.

A command holds its arguments and its output. Work that several commands share belongs
into a package beside this one.

``check_command``
    ``eilogin check FILE``: report every fault of an ini file.
``citizen_command``
    ``eilogin citizen add FILE``: add a citizen who can sign in at the hub.
``command_setup``
    Variables and logging for commands that read a whole ini file.
``demo``
    ``eilogin demo``: run a whole federation on a laptop.
``joining``
    ``eilogin join`` and ``join-hub``: prepare a new member of a federation.
``keys``
    ``eilogin keys``: make, list and check the keys of a site.
``metadata_command``
    ``eilogin metadata FILE``: print the metadata for the operator.
``options_command``
    ``eilogin options FILTER``: list the options of a filter or app.
``running``
    ``eilogin serve``, ``work``, ``logouts`` and ``sessions``: loaded pipelines.
``store_command``
    ``eilogin store``: look into stores, back them up, empty them.
``trust``
    ``eilogin trust``: the active metadata, and decisions on pending changes.
"""
