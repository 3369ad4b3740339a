"""SAML 2.0 messages and metadata, without HTTP and without stores.

This package holds XML within limits, signatures, encryption, bindings, messages and
metadata as frozen values, the checks of them, and the call to python3-saml, whose
schemas ``safe_xml`` reads. Keys are arguments. The effect of a message on a session
belongs to the caller.

By module:

* ``artifact_responses``: open an ArtifactResponse, and take the Response out of it.
* ``assurance_levels``: levels of assurance, lowest first, and their AuthnContext
  classes.
* ``bindings``: the bindings Redirect, POST, Artifact and SOAP, without HTTP objects.
* ``decoy_assertion``: a decoy to verify if an assertion cannot be decrypted, so that
  time tells nothing.
* ``message_checks``: check the issuer, destination and age of a message.
* ``printable_text``: texts of messages, and how an error quotes them.
* ``response_checks``: check a Response: issuer, audience, recipient, time, and the
  signatures.
* ``safe_xml``: parse XML from outside within limits; the namespaces of SAML.
* ``second_opinion``: the call to python3-saml, which checks each Response a second
  time.
* ``sector_names``: DigiD's names of citizens: a sector code and a number (DigiD 1.4).
* ``signing_keys``: RSA and EC keys and certificates: read, check and generate them.
* ``weak_algorithms``: algorithms too weak for the default, by the names of our options.
* ``xml_encryption``: encrypt elements for a peer, and decrypt elements with our keys.
* ``xml_limits``: limits of XML from outside, for the octets and for the tree.
* ``messages``: the messages of SAML core as frozen values; write and read them as XML.
* ``metadata``: SAML metadata: the members of a federation, their keys and addresses.
* ``xml_signatures``: enveloped XML signatures, and signatures of octets for the
  redirect binding.
"""
