"""``eilogin federation``: the commands of a federation's operator.

* ``init_command``: ``init`` makes the folder of a new federation.
* ``member_commands``: ``add``, ``remove``, ``list`` and ``show`` members.
* ``rules_command``: ``rules`` shows or sets the rules of a member.
* ``signing_commands``: ``sign``, ``publish`` and ``diff`` the metadata.
* ``rollover_command``: ``rollover`` replaces the operator's key by the next one.
* ``verify_command``: ``verify`` checks the signed metadata and its expiry.
* ``federation_lookup``: finds the member that a command means; paths in its folder.
"""
