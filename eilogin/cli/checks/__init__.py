"""``eilogin check``: find the faults of an ini file, and write notes on it.

A check builds nothing.

* ``check_notes``: a note, and the JSON form of a check.
* ``configuration_check``: finds every fault of an ini file.
* ``configuration_notes``: notes settings that are no faults, but hardly intended.
* ``exposure_notes``: notes settings that leave a site or its files open to others.
* ``federation_check``: checks that metadata is sound, and knows us and our hubs.
* ``join_steps``: lists the steps until a site is a member of its federation.
* ``peer_capabilities``: compares our options with the metadata of our peers.
* ``pipeline_notes``: notes options that contradict each other or the metadata.
* ``pipeline_order``: finds the faults of a pipeline: its filters, order and role.
"""
