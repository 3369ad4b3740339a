"""``eilogin federation``: the commands of a federation's operator.

What belongs here, by module:

``federation_command``
    ``eilogin federation``: all that the operator of a federation does.
``federation_lookup``
    Find the folder of a federation, and the member that a command means.
``rollover_command``
    ``eilogin federation rollover``: the operator's key is replaced by the next
    one.
``verify_command``
    ``eilogin federation verify``: whether all is well, and what ends.
"""
