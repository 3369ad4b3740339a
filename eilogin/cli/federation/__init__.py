"""``eilogin federation``: the commands of a federation's operator.

Commands of a site do not belong here.

``federation_command``
    Make a federation; add, list and remove members; set rules; sign.
``federation_lookup``
    Find the folder of a federation, and the member that a command means.
``rollover_command``
    ``eilogin federation rollover``: replace the operator's key by the next one.
``verify_command``
    ``eilogin federation verify``: check the signed metadata, and what expires.
"""
