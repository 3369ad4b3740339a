"""The members of the federation, and what this site needs of them.

What belongs here, by module:

``certificate_expiry``
    Which certificates end, of ours and of our hubs, and which are over.
``expiry_alarms``
    How near the end of a certificate is, told in time and not every day.
``hub_requirements``
    What the metadata of our hubs must have for what our options want of them.
``key_readiness``
    Whether others can know a key of ours: whether the federation's metadata
    names it.
``member_index``
    What is known of a federation, as one value; and as a file that is ready to
    look up.
``membership``
    The members of the federation, as the metadata names them that we trust.
``trust_options``
    The options that say whom we trust, and what each of them brings.
"""
