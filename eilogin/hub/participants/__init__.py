"""Settings and facts of each participant: NameIDs, attributes, levels and bindings.

* ``attribute_release``: The attributes that a participant gets, and their names.
* ``entity_options``: Options with a line for each participant.
* ``logout_bindings``: The bindings for the LogoutRequests to a participant.
* ``name_id_matching``: Find the sessions that the NameID of a LogoutRequest names.
* ``name_ids``: The NameID and SessionIndex of a visitor for each participant.
* ``requested_levels``: The levels that satisfy an AuthnRequest.
* ``response_protection``: The parts of a Response that are signed or encrypted.
* ``signed_in_services``: The services at which a visitor is signed in.
* ``sso_domains``: SSO domains: the participants that share a sign-in.
"""
