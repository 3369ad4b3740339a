"""The hub with ``profile = digid``: it does what DigiD does (DigiD 1 to 3).

Only the differences from the plain hub, for rehearsals of a connection. Elsewhere
belong the bugs of DigiD's code (DigiD 9) and its signatures (``saml``).

By module:

``digid_artifacts``
    Store and resolve artifacts as DigiD does.
``digid_logout``
    Single logout as DigiD does it (DigiD 3): by the session of the browser.
``digid_peers``
    Accept messages of connected parties only; answer all others with a 404.
``digid_requests``
    Check and read an AuthnRequest as DigiD does (DigiD 1.2).
``digid_response``
    Write DigiD's Response and assertion as XML (DigiD 1.5).
``digid_sso``
    Single sign-on in the order and with the timers of DigiD (DigiD 2.4).
``reauthentication``
    When DigiD asks a citizen to sign in again (DigiD 2.2 and 2.3).
``relay_state``
    The sticky RelayState that DigiD keeps in a browser (DigiD 1.1).
``sector_numbers``
    The number of a citizen that a participant gets (DigiD 1.4).
"""
