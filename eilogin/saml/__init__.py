"""Messages in, messages out: SAML 2.0 without HTTP and without stores.

What belongs here: XML that came from outside and its limits, signatures, bindings,
messages and metadata as frozen values, what is checked of them, and the one door to
python3-saml's judgement (whose schemas ``xml`` reads). Keys come as arguments; what a
message does to a session is decided by who calls.

By module:

``assurance_levels``
    Levels of assurance, lowest first, and the AuthnContext classes that say them.
``bindings``
    How messages travel: Redirect, POST, Artifact and SOAP, without HTTP objects.
``decoy_assertion``
    What is judged in the place of an assertion that could not be opened.
``message_checks``
    Whether a message is from whom it should be, for us, and in time.
``printable_text``
    Texts as messages carry them, and as an error names what is in them.
``response_checks``
    Whether the answer to a login is meant for us, now, and from whom we asked.
``safe_xml``
    XML from outside, within limits; and the names of the vocabularies that SAML
    uses.
``second_opinion``
    The one door to python3-saml: the second opinion on the answer to a login.
``sector_names``
    Names of citizens as DigiD gives them: a sector code and a number (DIGID.md
    1.4).
``signing_keys``
    Keys and certificates, of RSA and of elliptic curves: read, checked, made.
``weak_algorithms``
    Algorithms that are too weak to be taken by default, by the names of our
    options.
``xml_encryption``
    Encrypted elements: made for a peer, and opened with our keys.
``xml_signatures``
    Enveloped XML signatures: see only what is signed.
``messages``
    The messages of SAML core: frozen values, writing them as XML and reading
    them.
``metadata``
    SAML metadata: who is in a federation, under which keys and at which
    addresses.
"""
