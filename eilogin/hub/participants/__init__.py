"""What the hub knows of each participant: names, attributes, levels and bindings.

What belongs here, by module:

``attribute_release``
    Which attributes of a citizen a participant gets, and by which names.
``entity_options``
    Lines of an option of the hub that say something of each participant.
``logout_bindings``
    By which way each participant is told of a logout, of what its metadata has.
``name_id_matching``
    Match the NameID of a LogoutRequest with the NameIDs that its sender was
    told.
``name_ids``
    What citizens are called: a name of hers for each participant, in the format
    it asks.
``requested_levels``
    Which levels would do for who asks, and what is said of the one that was
    reached.
``response_protection``
    The parts of an answer that are signed and encrypted, for all or for one.
``signed_in_services``
    The services that a citizen is logged in at, as pages of the hub name them.
``sso_domains``
    SSO domains: among which participants a login at one serves the others too.
"""
