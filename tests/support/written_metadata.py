"""Addresses of a participant and a hub, and metadata signed after an edit."""

from lxml import etree

from eilogin.saml.metadata import write_federation
from eilogin.saml.safe_xml import METADATA, parse, q, serialize
from eilogin.saml.xml_signatures import sign

NOW = 1_767_268_800.0
TOMORROW = NOW + 86400
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
ARTIFACT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"
SOAP = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
AES_256_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
RSA_OAEP = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
RSA_OAEP_11 = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
MGF1_SHA256 = "http://www.w3.org/2009/xmlenc11#mgf1sha256"
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
UWV = "https://uwv.example.nl"
HUB = "https://inloggen.example.nl"


def signed_by(key):
    """Octets of a message that this key has signed."""
    message = etree.Element(q("samlp:LogoutRequest"), ID="_q")
    sign(message, key)
    return serialize(message)


def sp_role(root):
    return root.find(q("md:SPSSODescriptor"))


def signed_with_edit(members, key, edit):
    """A federation in which the operator signed what ``edit`` made of a member."""
    facts = {"name": "Voorbeeld", "valid_until": TOMORROW, "key": key}
    root = parse(write_federation(members, **facts), METADATA)
    root.remove(root.find(q("ds:Signature")))
    edit(root)
    sign(root, key)
    return serialize(root)
