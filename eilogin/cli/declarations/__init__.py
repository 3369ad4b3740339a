"""The commands as users type them: their arguments, options and help.

These modules import nothing but click, the terminal's helpers and constants. So
``--help``, ``--version`` and the completion of a shell answer at once, for each
command. The function of a command imports its work when it runs, and hands on its
values.

* ``federation_declarations``: ``eilogin federation``, for the operator.
* ``joining_declarations``: ``eilogin join`` and ``join-hub``.
* ``keys_declarations``: ``eilogin keys``.
* ``running_declarations``: ``eilogin serve``, ``demo``, ``work`` and ``logouts``.
* ``sessions_declarations``: ``eilogin sessions``.
* ``shared_parameters``: arguments and options of several commands.
* ``site_declarations``: ``eilogin check``, ``options``, ``metadata`` and ``citizen``.
* ``store_declarations``: ``eilogin store``.
* ``trust_declarations``: ``eilogin trust``.
"""
