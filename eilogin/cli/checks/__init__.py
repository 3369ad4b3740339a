"""``eilogin check``: the faults of an ini file, and notes on it.

What belongs here, by module:

``check_notes``
    Notes on an ini file, and the form in which machines read what a check has
    found.
``configuration_check``
    Every fault of a paste ini file, found without building anything.
``configuration_notes``
    What is no fault of an ini file, and hardly what was meant.
``exposure_notes``
    Notes on what leaves a site, or what it keeps, open to others.
``join_steps``
    What is left to do until a site is a member of its federation, in its order.
``peer_capabilities``
    What options want of peers that their metadata does not have.
``pipeline_order``
    The faults of one pipeline: what stands in it, in which order, and in which
    role.
"""
