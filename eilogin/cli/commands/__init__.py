"""The commands: a module for each small one, and a package for each large one.

* ``check_command``: ``eilogin check FILE`` reports every fault of an ini file.
* ``citizen_command``: ``eilogin citizen add FILE`` adds a citizen of the hub.
* ``command_setup``: variables and logging for commands that read an ini file.
* ``demo``: ``eilogin demo`` runs a whole federation on a laptop.
* ``joining``: ``eilogin join`` and ``join-hub`` prepare a new member.
* ``keys``: ``eilogin keys`` makes, lists and checks the keys of a site.
* ``metadata_command``: ``eilogin metadata FILE`` prints metadata for the operator.
* ``options_command``: ``eilogin options FILTER`` lists options of a filter or app.
* ``running``: ``eilogin serve``, ``work``, ``logouts`` and ``sessions``.
* ``store_command``: ``eilogin store`` shows stores, backs them up, ends sessions.
* ``trust``: ``eilogin trust`` shows the active metadata, and decides on changes.
"""
