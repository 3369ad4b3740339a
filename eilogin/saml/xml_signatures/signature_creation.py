"""Sign messages, assertions and metadata by an enveloped signature."""

from lxml import etree

from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import DS, SAML, SAMLP, canonical, serialize
from eilogin.saml.signing_keys import SigningKey, key_name
from eilogin.saml.xml_signatures.octet_signatures import sign_octets
from eilogin.saml.xml_signatures.signature_algorithms import (
    DIGEST_FUNCTIONS,
    ENVELOPED,
    EXCLUSIVE_C14N,
    SHA256,
    method_of,
)
from eilogin.saml.xml_signatures.signature_structure import is_signed


def sign(element: etree._Element, key: SigningKey) -> None:
    """Add a signature to an element that has an ID and no signature yet.

    The schemas require its place: after saml:Issuer in messages and assertions, first
    in metadata. The element must not change afterwards. A key with ``names_key`` signs
    as DigiD does.
    """
    identifier = element.get("ID")
    if not identifier or is_signed(element):
        raise ValueError("only an element with an ID and no signature can be signed")
    prefixes: tuple[str, ...] = ()
    if key.names_key:
        prefixes = _DIGID_PREFIXES
        # These prefixes count if in scope, used or not. The signed element declares
        # them itself, so that it can move into another message.
        etree.cleanup_namespaces(
            element, top_nsmap=_DIGID_SCOPE, keep_ns_prefixes=prefixes
        )
    # lxml ignores a listed prefix that it has not read in any document yet.
    covered = etree.fromstring(serialize(element)) if prefixes else element
    octets = canonical(covered, prefixes, is_ours=True)
    digest = DIGEST_FUNCTIONS[key.digest or SHA256](octets).digest()
    signature = etree.fromstring(_template(key).format(digest=to_base64(digest)))
    signed_info, value = signature[0], signature[1]
    signed_info[-1].set("URI", f"#{identifier}")
    first_child = element[0] if len(element) else None
    has_issuer = first_child is not None and first_child.tag == f"{{{SAML}}}Issuer"
    element.insert(1 if has_issuer else 0, signature)
    # In its place, because the namespaces in scope count.
    info = canonical(signed_info, is_ours=True)
    value.text = to_base64(sign_octets(key, info))


#: DigiD's PrefixList (DigiD 1.3), and the part that our messages declare.
_DIGID_PREFIXES = ("ds", "saml", "samlp", "xs")
_DIGID_SCOPE = {"saml": SAML, "samlp": SAMLP}
_PREFIX_LIST = (
    f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE_C14N}"'
    f' PrefixList="{" ".join(_DIGID_PREFIXES)}"/>'
)


def _template(key: SigningKey) -> str:
    """Return a ds:Signature by this key, without its ``{digest}``, URI and value."""
    scope, name = "", ""
    if key.names_key:
        scope = _PREFIX_LIST
        name = f"<ds:KeyName>{key_name(key.certificate_text)}</ds:KeyName>"
    return (
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"/>'
        f'<ds:SignatureMethod Algorithm="{method_of(key)}"/>'
        "<ds:Reference><ds:Transforms>"
        f'<ds:Transform Algorithm="{ENVELOPED}"/>'
        f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}">{scope}</ds:Transform>'
        f'</ds:Transforms><ds:DigestMethod Algorithm="{key.digest or SHA256}"/>'
        "<ds:DigestValue>{digest}</ds:DigestValue>"
        "</ds:Reference></ds:SignedInfo><ds:SignatureValue/>"
        f"<ds:KeyInfo>{name}<ds:X509Data>"
        f"<ds:X509Certificate>{key.certificate_text}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
