"""``eilogin check``: the faults of an ini file, and notes on it.

A check reads an ini file and builds nothing. Reading the file itself belongs into
``inifiles``.

``check_notes``
    Notes on an ini file, and the JSON form of a check.
``configuration_check``
    Find every fault of an ini file.
``configuration_notes``
    Note settings that are no faults, but hardly intended.
``exposure_notes``
    Note settings that leave a site, or its files, open to others.
``federation_check``
    Check the metadata of each federation: it is sound, and knows us and our hubs.
``join_steps``
    List the steps that remain until a site is a member of its federation.
``peer_capabilities``
    Compare our options with the metadata of our peers.
``pipeline_notes``
    Note options of a pipeline that contradict each other, or the metadata.
``pipeline_order``
    Find the faults of one pipeline: its filters, their order and role.
"""
