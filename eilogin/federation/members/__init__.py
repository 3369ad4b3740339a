"""The members of the federation, and what this site needs of them.

* ``certificate_expiry``: finds expiring and expired certificates.
* ``configured_sources``: the sources of metadata that the options name.
* ``expiry_alarms``: reports the expiry of a certificate in stages.
* ``hub_requirements``: what our options require of our hubs.
* ``key_readiness``: whether others can know a key of ours.
* ``member_index``: the index file of all members.
* ``membership``: :class:`Membership`, the trusted members by entityID.
* ``trust_options``: the metadata to trust.
"""
