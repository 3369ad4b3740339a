"""SAML 2.0 messages and metadata, without HTTP and without stores.

Keys are arguments. The effect of a message on a session belongs to the caller. The
modules:

* ``artifact_responses``: Open an ArtifactResponse; take the Response out of it.
* ``assurance_levels``: Levels of assurance, lowest first, and their classes.
* ``bindings``: The bindings Redirect, POST, Artifact and SOAP, without HTTP objects.
* ``decoy_assertion``: A decoy to verify if an assertion cannot be decrypted.
* ``message_checks``: Check the issuer, destination and age of a message.
* ``messages``: The messages of SAML core as frozen values; read and write them.
* ``metadata``: The members of a federation, their keys and addresses.
* ``printable_text``: Texts of messages, and how an error quotes them.
* ``reading_progress``: Show how many members of a federation have been read.
* ``response_checks``: Check a Response and its assertion, with the signatures.
* ``safe_xml``: Parse XML from outside within limits; the namespaces of SAML.
* ``second_opinion``: The call to python3-saml, which checks each Response too.
* ``sector_names``: DigiD's names of citizens: a sector code and a number.
* ``signing_keys``: RSA and EC keys and certificates: read, check and generate them.
* ``weak_algorithms``: Algorithms that are accepted only by an option.
* ``xml_encryption``: Encrypt elements for a peer; decrypt elements with our keys.
* ``xml_limits``: Limits of XML from outside, for the octets and for the tree.
* ``xml_signatures``: Enveloped XML signatures, and signatures of octets.
"""
