"""``eilogin federation``: the commands of a federation's operator.

``federation_command``
    The group of these commands.
``init_command``
    ``init``: make the folder of a new federation.
``member_commands``
    ``add``, ``remove``, ``list`` and ``show``: the members.
``rules_command``
    ``rules``: show or set the rules of a member.
``signing_commands``
    ``sign``, ``publish`` and ``diff``: sign and publish the metadata.
``rollover_command``
    ``rollover``: replace the operator's key by the next one.
``verify_command``
    ``verify``: check the signed metadata, and what expires.
``federation_lookup``
    Find the folder of a federation, and the member that a command means.
"""
