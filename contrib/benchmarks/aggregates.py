"""Metadata as large federations have it: made from a seed, so it is the same each time.

A member takes 7.8 kB, as in the aggregates of research and education: two certificates,
texts and a logo for pages, contacts, an organisation, who registered it, addresses for
four bindings and a list of attributes. One in five is a hub. The certificates are not
signed, at which nobody looks, and no two are for the same key.
"""

import base64
from collections.abc import Iterator
from random import Random

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from eilogin import clock
from eilogin.saml import bindings
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata.metadata_values import ENTITY_CATEGORY, IDPDISC, MDRPI
from eilogin.saml.safe_xml import NAMESPACES, SAMLP, serialize
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_signatures import RSA_SHA256, SHA256, sign

_SEED = 7
_YEAR = 365 * 86_400.0
_HUB_EACH = 5
_LANGUAGES = ("nl", "en")
_CONTACTS = ("technical", "support", "administrative")
_ATTRIBUTES = 4
_BINDINGS = (bindings.REDIRECT, bindings.POST, bindings.ARTIFACT, bindings.SOAP)
_CIPHERS = (
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2009/xmlenc11#rsa-oaep",
)
_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
_FORMATS = "".join(
    f"<md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:{name}"
    "</md:NameIDFormat>"
    for name in ("persistent", "transient")
)
_DECLARED = "".join(
    f' xmlns:{prefix}="{NAMESPACES[prefix]}"'
    for prefix in ("md", "ds", "mdui", "mdattr", "saml", "alg", "shibmd")
)
_REGISTRAR = "https://operator.federation.example.nl"
_REGISTERED = (
    f'<mdrpi:RegistrationInfo xmlns:mdrpi="{MDRPI}"'
    f' registrationAuthority="{_REGISTRAR}"'
    ' registrationInstant="2019-03-12T09:21:44Z">'
    '<mdrpi:RegistrationPolicy xml:lang="en">'
    f"{_REGISTRAR}/policy/registration-practice-statement-v1.html"
    "</mdrpi:RegistrationPolicy></mdrpi:RegistrationInfo>"
)
_CATEGORIES = (
    "<mdattr:EntityAttributes>"
    f'<saml:Attribute Name="{ENTITY_CATEGORY}" NameFormat="{_URI}">'
    "<saml:AttributeValue>http://www.geant.net/uri/dataprotection-code-of-conduct/v1"
    "</saml:AttributeValue><saml:AttributeValue>http://refeds.org/category/"
    "research-and-scholarship</saml:AttributeValue></saml:Attribute>"
    "</mdattr:EntityAttributes>"
)
_ALGORITHMS = (
    f'<alg:DigestMethod Algorithm="{SHA256}"/>'
    f'<alg:SigningMethod Algorithm="{RSA_SHA256}"/>'
)


def entity_id(number: int) -> str:
    """What the member with a number is called."""
    return f"https://site-{number}.example.nl/saml/metadata"


def aggregate(count: int, key: SigningKey, *, said: str = "citizens") -> bytes:
    """Metadata of so many members, which ``key`` signed; valid for a year.

    ``said`` is what stands in their descriptions, by which one differs from another.
    """
    certificates = _certificates()
    ends = write_instant(clock.now() + _YEAR)
    members = "".join(_member(n, certificates, said) for n in range(count))
    text = (
        f'<md:EntitiesDescriptor{_DECLARED} ID="_aggregate" Name="Benchmark"'
        f' validUntil="{ends}">{members}</md:EntitiesDescriptor>'
    )
    root = etree.fromstring(text, etree.XMLParser(huge_tree=True))
    sign(root, key)
    return serialize(root)


def _certificates() -> Iterator[str]:
    """Texts of certificates with a modulus each: to make a key takes far longer."""
    random = Random(_SEED)  # noqa: S311 - it is meant to be foreseen
    own = SigningKey.load(*new_key_pair("site.example.nl"))
    der = own.certificate.public_bytes(Encoding.DER)
    modulus = own.public.public_numbers().n.to_bytes(256)
    before, after = der.split(modulus)
    while True:
        number = random.getrandbits(2048) | 1 << 2047 | 1
        yield base64.encodebytes(before + number.to_bytes(256) + after).decode()


def _member(number: int, certificates: Iterator[str], said: str) -> str:
    """One member."""
    name = f"site-{number}.example.nl"
    role = _hub if number % _HUB_EACH == 0 else _participant
    return (
        f'<md:EntityDescriptor entityID="{entity_id(number)}">'
        f"<md:Extensions>{_REGISTERED}{_CATEGORIES}{_ALGORITHMS}</md:Extensions>"
        f"{role(name, certificates, said)}{_organisation(name)}"
        f"{''.join(_contact(kind, name) for kind in _CONTACTS)}"
        "</md:EntityDescriptor>\n"
    )


def _participant(name: str, certificates: Iterator[str], said: str) -> str:
    here = f"https://{name}/saml"
    requested = "".join(
        f'<md:RequestedAttribute FriendlyName="attribute{n}"'
        f' Name="urn:oid:1.3.6.1.4.1.5923.1.1.1.{n}" NameFormat="{_URI}"'
        f' isRequired="{"true" if n < 2 else "false"}"/>'
        for n in range(_ATTRIBUTES)
    )
    return (
        '<md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true"'
        f' protocolSupportEnumeration="{SAMLP}"><md:Extensions>{_about(name, said)}'
        f'<idpdisc:DiscoveryResponse xmlns:idpdisc="{IDPDISC}" Binding="{IDPDISC}"'
        f' Location="{here}/disco" index="1"/></md:Extensions>'
        f"{_keys(certificates)}"
        f"{_addresses('SingleLogoutService', f'{here}/logout')}{_FORMATS}"
        f"{_addresses('AssertionConsumerService', f'{here}/login', is_indexed=True)}"
        '<md:AttributeConsumingService index="1">'
        f"{_in_languages('md:ServiceName', f'Service of {name}')}{requested}"
        "</md:AttributeConsumingService></md:SPSSODescriptor>"
    )


def _hub(name: str, certificates: Iterator[str], said: str) -> str:
    here = f"https://{name}/saml"
    resolution = f"{here}/resolve"
    return (
        '<md:IDPSSODescriptor WantAuthnRequestsSigned="true"'
        f' protocolSupportEnumeration="{SAMLP}"><md:Extensions>'
        f'<shibmd:Scope regexp="false">{name}</shibmd:Scope>{_about(name, said)}'
        f"</md:Extensions>{_keys(certificates)}"
        f'<md:ArtifactResolutionService Binding="{bindings.SOAP}" index="0"'
        f' Location="{resolution}"/>'
        f"{_addresses('SingleLogoutService', f'{here}/logout')}{_FORMATS}"
        f"{_addresses('SingleSignOnService', f'{here}/sso')}"
        "</md:IDPSSODescriptor>"
    )


def _about(name: str, said: str) -> str:
    """What pages say of it."""
    text = (
        f"The service of {name} for {said}, companies and who works there: they see"
        " their own case, and what was decided in it."
    )
    site = f"https://{name}"
    return (
        f"<mdui:UIInfo>{_in_languages('mdui:DisplayName', f'Site {name}')}"
        f"{_in_languages('mdui:Description', text)}"
        f"{_in_languages('mdui:InformationURL', f'{site}/about')}"
        f"{_in_languages('mdui:PrivacyStatementURL', f'{site}/privacy')}"
        f'<mdui:Logo height="60" width="80">{site}/logo.png</mdui:Logo></mdui:UIInfo>'
    )


def _keys(certificates: Iterator[str]) -> str:
    methods = "".join(f'<md:EncryptionMethod Algorithm="{uri}"/>' for uri in _CIPHERS)
    return "".join(
        f'<md:KeyDescriptor use="{use}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>'
        f"{next(certificates)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{more}"
        "</md:KeyDescriptor>"
        for use, more in (("signing", ""), ("encryption", methods))
    )


def _addresses(element: str, location: str, *, is_indexed: bool = False) -> str:
    index = ' index="{}"' if is_indexed else ""
    return "".join(
        f'<md:{element} Binding="{binding}" Location="{location}/{number}"'
        f"{index.format(number)}/>"
        for number, binding in enumerate(_BINDINGS, 1)
    )


def _organisation(name: str) -> str:
    return (
        f"<md:Organization>{_in_languages('md:OrganizationName', name)}"
        f"{_in_languages('md:OrganizationDisplayName', f'Organisation {name}')}"
        f"{_in_languages('md:OrganizationURL', f'https://{name}/')}</md:Organization>"
    )


def _contact(kind: str, name: str) -> str:
    return (
        f'<md:ContactPerson contactType="{kind}"><md:Company>{name}</md:Company>'
        f"<md:GivenName>Desk for {kind} matters</md:GivenName>"
        f"<md:EmailAddress>mailto:{kind}@{name}</md:EmailAddress>"
        "<md:TelephoneNumber>+31 70 000 0000</md:TelephoneNumber></md:ContactPerson>"
    )


def _in_languages(element: str, text: str) -> str:
    return "".join(
        f'<{element} xml:lang="{language}">{text}</{element}>'
        for language in _LANGUAGES
    )
