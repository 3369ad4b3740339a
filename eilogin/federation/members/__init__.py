"""The members of the federation, and what this site needs of them.

Fetching and verifying metadata does not belong here. Modules:

``certificate_expiry``
    Find expiring and expired certificates.
``configured_sources``
    The sources of metadata that the options name.
``expiry_alarms``
    Report the expiry of a certificate in stages.
``hub_requirements``
    The requirements of our options on the metadata of our hubs.
``key_readiness``
    Whether other entities can know one of our keys.
``member_index``
    The index file of all members.
``membership``
    :class:`Membership`: the trusted members, by entityID.
``trust_options``
    The options that say which metadata to trust.
"""
