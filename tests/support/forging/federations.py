"""Metadata as attackers, and careless operators, bring it: signed by the right key.

What is wrong with the whole stops a start (:data:`WHOLE`), what is wrong with one
member leaves that one out (:data:`MEMBERS`); who trusts the file knows nobody by either
who should not be known.
"""

import base64
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree

from eilogin import clock
from eilogin.saml import messages, safe_xml, xml_signatures
from eilogin.saml.messages import write_instant
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from forging import Family
from forging.trees import having

UNUSABLE, NO_KEYS = "peer-unusable", "peer-without-keys"
WRONG, UNTRUSTED = "metadata-unusable", "metadata-untrusted"
EXPIRED, TOO_LONG = "metadata-expired", "metadata-lifetime"
OLDER, NO_HUB = "metadata-older", "hub-unknown"

WHOLE = Family("metadata", reasons=(WRONG,))
MEMBERS = Family("metadata-member", reasons=(UNUSABLE,))

_PUBLICATION = "urn:oasis:names:tc:SAML:metadata:rpi"
_YEAR = 31_536_000


@dataclass(frozen=True)
class Federated:
    """The metadata of a federation, which its operator is about to sign."""

    octets: bytes = field(repr=False)
    operator: SigningKey = field(repr=False)
    stranger: SigningKey = field(repr=False)

    def root(self) -> etree._Element:
        """The whole, fresh and not signed."""
        root = safe_xml.parse(self.octets, safe_xml.METADATA)
        for old in root.findall(safe_xml.q("ds:Signature")):
            root.remove(old)
        return root

    def signed(self, root: etree._Element, key: SigningKey | None = None) -> bytes:
        xml_signatures.sign(root, key or self.operator)
        return safe_xml.serialize(root)


def entities(root: etree._Element) -> list[etree._Element]:
    return list(root.iter(safe_xml.q("md:EntityDescriptor")))


# --- the whole ----------------------------------------------------------------------


def _valid_for(root: etree._Element, seconds: float) -> etree._Element:
    return having(root, validUntil=write_instant(clock.now() + seconds))


def _valid_until(text: "str | None") -> Callable[[Federated], bytes]:
    return lambda told: told.signed(having(told.root(), validUntil=text))


WHOLE("md-expired", reasons=(EXPIRED,))(
    lambda told: told.signed(_valid_for(told.root(), -61))
)
WHOLE("md-expired-long-ago", reasons=(EXPIRED,))(_valid_until("1999-01-01T00:00:00Z"))
WHOLE("md-validuntil-missing", rule="policy", reasons=(TOO_LONG,))(_valid_until(None))
WHOLE("md-validuntil-far", rule="policy", reasons=(TOO_LONG,))(
    lambda told: told.signed(_valid_for(told.root(), 3 * _YEAR))
)
for _name, _text in {
    "garbage": "soon",
    "empty": "",
    "local": "2099-01-01T00:00:00",
    "offset": "2099-01-01T00:00:00+01:00",
    "year-10000": "10000-01-01T00:00:00Z",
    "day-32": "2099-01-32T00:00:00Z",
    "negative": "-2099-01-01T00:00:00Z",
}.items():
    WHOLE(f"md-validuntil-{_name}")(_valid_until(_text))


@WHOLE("md-unsigned", reasons=(UNTRUSTED,))
def unsigned(told: Federated) -> bytes:
    return safe_xml.serialize(told.root())


@WHOLE("md-other-operator", reasons=(UNTRUSTED,))
def of_another_operator(told: Federated) -> bytes:
    return told.signed(told.root(), told.stranger)


@WHOLE("md-members-signed", reasons=(UNTRUSTED,))
def members_signed(told: Federated) -> bytes:
    """Each member by the operator, so that anybody can put them together."""
    root = told.root()
    for entity in entities(root):
        for old in entity.findall(safe_xml.q("ds:Signature")):
            entity.remove(old)
        entity.set("ID", messages.new_id())
        xml_signatures.sign(entity, told.operator)
    return safe_xml.serialize(root)


@WHOLE("md-more-than-signed", reasons=(UNTRUSTED,))
def one_more(told: Federated) -> bytes:
    root = safe_xml.parse(told.signed(told.root()), safe_xml.METADATA)
    entity = deepcopy(entities(root)[0])
    entity.set("entityID", "https://attacker.test/metadata")
    root.append(entity)
    return safe_xml.serialize(root)


@WHOLE("md-signed-inside", reasons=(UNTRUSTED, WRONG))
def signed_inside(told: Federated) -> bytes:
    """What the operator signed, in an aggregate of the attacker's."""
    inner = safe_xml.parse(told.signed(told.root()), safe_xml.METADATA)
    outer = told.root()
    for child in list(outer):
        outer.remove(child)
    outer.set("ID", messages.new_id())
    outer.append(inner)
    entity = deepcopy(entities(inner)[0])
    entity.set("entityID", "https://attacker.test/metadata")
    outer.append(entity)
    return safe_xml.serialize(outer)


@WHOLE("md-duplicate-entityid", reasons=(UNUSABLE,))
def twice(told: Federated) -> bytes:
    root = told.root()
    for entity in entities(root):
        root.append(deepcopy(entity))
    return told.signed(root)


@WHOLE("md-duplicate-entityid-nested", reasons=(UNUSABLE,))
def twice_nested(told: Federated) -> bytes:
    root = told.root()
    group = etree.SubElement(root, safe_xml.q("md:EntitiesDescriptor"))
    for entity in entities(root):
        group.append(deepcopy(entity))
    return told.signed(root)


@WHOLE("md-nobody")
def nobody(told: Federated) -> bytes:
    root = told.root()
    for entity in entities(root):
        entity.getparent().remove(entity)
    return told.signed(root)


@WHOLE("md-no-hub", reasons=(NO_HUB,))
def no_hub(told: Federated) -> bytes:
    root = told.root()
    for entity in entities(root):
        if entity.find(safe_xml.q("md:IDPSSODescriptor")) is not None:
            entity.getparent().remove(entity)
    return told.signed(root)


@WHOLE("md-other-root")
def another_root(told: Federated) -> bytes:
    root = told.root()
    root.tag = safe_xml.q("samlp:Response")
    return told.signed(root)


@WHOLE("md-unknown-child")
def unknown_child(told: Federated) -> bytes:
    root = told.root()
    etree.SubElement(root, "{urn:x}Also")
    return told.signed(root)


for _name, _octets in {
    "empty": b"",
    "text": b"metadata",
    "html": b"<!DOCTYPE html><title>Log in to our wifi</title>",
    "json": b'{"entities": []}',
    "nul": b"\0" * 100,
    "element": b"<EntitiesDescriptor/>",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "pem": b"-----BEGIN CERTIFICATE-----\n",
}.items():
    WHOLE(f"md-is-{_name}", reasons=(WRONG, UNTRUSTED))(
        lambda _, octets=_octets: octets
    )


def _created(text: str) -> Callable[[Federated], bytes]:
    def make(told: Federated) -> bytes:
        return told.signed(created(told.root(), text))

    return make


def created(root: etree._Element, text: str) -> etree._Element:
    """The same that says when it was made (metadata rpi 2.2)."""
    for old in root.findall(safe_xml.q("md:Extensions")):
        root.remove(old)
    extensions = etree.Element(
        safe_xml.q("md:Extensions"), nsmap={"saml": safe_xml.SAML}
    )
    root.insert(0, extensions)
    info = etree.SubElement(extensions, f"{{{_PUBLICATION}}}PublicationInfo")
    info.set("publisher", "https://federation.test")
    info.set("creationInstant", text)
    return root


WHOLE("md-created-garbage")(_created("yesterday"))

# --- one member ---------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """A member in the tree of its federation, to be changed there."""

    entity: etree._Element
    role: etree._Element
    #: Members that it is not.
    others: list[etree._Element]

    def first(self, name: str) -> etree._Element:
        found = self.role.find(safe_xml.q(name))
        assert found is not None, name
        return found

    @property
    def main(self) -> list[etree._Element]:
        """The addresses at which it takes logins, or the answers to them."""
        is_hub = self.role.tag == safe_xml.q("md:IDPSSODescriptor")
        name = "md:SingleSignOnService" if is_hub else "md:AssertionConsumerService"
        return self.role.findall(safe_xml.q(name))

    @property
    def logout(self) -> list[etree._Element]:
        """The addresses at which it takes logouts."""
        return self.role.findall(safe_xml.q("md:SingleLogoutService"))

    @property
    def keys(self) -> list[etree._Element]:
        return self.role.findall(safe_xml.q("md:KeyDescriptor"))


#: What is no address to which citizens or keys may be sent.
LOCATIONS: Mapping[str, str] = {
    "javascript": "javascript:alert(document.domain)//https://x.test/",
    "javascript-case": "JaVaScRiPt:alert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "file": "file:///etc/passwd",
    "ftp": "ftp://x.test/",
    "relative": "/sso",
    "scheme-relative": "//x.test/sso",
    "crlf": "https://x.test/\r\nSet-Cookie: a=b",
    "tab": "https://x.test/\tx",
    "space": "https://x.test/ x",
    "space-before": " https://x.test/",
    "user": "https://inloggen.example@x.test/",
    "backslash": "https://x.test\\@y.test/",
    "fragment": "https://x.test/#sso",
    "http": "http://x.test/sso",
    "no-host": "https:///sso",
    "host-empty-port": "https://:443/sso",
    "port-0": "https://x.test:0/sso",
    "port-word": "https://x.test:port/sso",
    "port-large": "https://x.test:65536/sso",
    "octal": "https://0177.0.0.1/sso",
    "hexadecimal": "https://0x7f.1/sso",
    "one-number": "https://2130706433/sso",
    "escaped-host": "https://%78.test/sso",
    "unicode-host": "https://x\u3002test/sso",
    "empty": "",
}


def _leads_to(
    service: str, location: str, attribute: str = "Location"
) -> Callable[[Member], None]:
    """Have all addresses of a service lead there."""

    def make(member: Member) -> None:
        for element in getattr(member, service):
            element.set(attribute, location)

    return make


for _name, _location in LOCATIONS.items():
    MEMBERS(f"md-location-{_name}")(_leads_to("main", _location))
    MEMBERS(f"md-slo-location-{_name}")(_leads_to("logout", _location))
    if _location:
        MEMBERS(f"md-slo-response-location-{_name}")(
            _leads_to("logout", _location, "ResponseLocation")
        )


@MEMBERS("md-location-missing")
def no_location(member: Member) -> None:
    for element in member.main:
        del element.attrib["Location"]


@MEMBERS("md-no-key", reasons=(NO_KEYS,))
def no_key(member: Member) -> None:
    for key in member.keys:
        member.role.remove(key)


@MEMBERS("md-encryption-key-only", reasons=(NO_KEYS,))
def encryption_alone(member: Member) -> None:
    for key in member.keys:
        key.set("use", "encryption")


@MEMBERS("md-key-of-unknown-use")
def other_use(member: Member) -> None:
    for key in member.keys:
        key.set("use", "everything")


def _certified(member: Member, text: str) -> None:
    for key in member.keys:
        for certificate in key.iter(safe_xml.q("ds:X509Certificate")):
            certificate.text = text


MEMBERS("md-bad-cert", reasons=(NO_KEYS,))(
    lambda member: _certified(
        member, base64.b64encode(b"no certificate at all").decode()
    )
)
MEMBERS("md-bad-cert-base64", reasons=(NO_KEYS, UNUSABLE))(
    lambda member: _certified(member, "%%%%")
)
MEMBERS("md-cert-of-no-version", reasons=(NO_KEYS,))(
    lambda member: _certified(member, _of_no_version())
)
MEMBERS("md-cert-empty", reasons=(NO_KEYS,))(lambda member: _certified(member, ""))
MEMBERS("md-small-key", reasons=(NO_KEYS,))(
    lambda member: _certified(member, _small_certificate())
)


@MEMBERS("md-key-named-beside-no-certificate", reasons=(NO_KEYS,))
def key_beside_no_certificate(member: Member) -> None:
    """In what the schema does not look into."""
    for key in member.keys:
        info = key.find(safe_xml.q("ds:KeyInfo"))
        assert info is not None
        other = etree.Element("{urn:example:x}other")
        safe_xml.add(other, "ds:X509Certificate").text = "A"
        info.insert(0, other)
        info.insert(0, safe_xml.add(etree.Element("x"), "ds:KeyName"))
        info[0].text = "x"


@MEMBERS("md-key-bare", rule="policy", reasons=(NO_KEYS,))
def bare_key(member: Member) -> None:
    """A KeyName alone: whose key it is has to be looked up somewhere."""
    for key in member.keys:
        info = key.find(safe_xml.q("ds:KeyInfo"))
        assert info is not None
        for child in list(info):
            info.remove(child)
        safe_xml.add(info, "ds:KeyName", "hub")


@MEMBERS("md-two-roles")
def two_roles(member: Member) -> None:
    """Which of them counts nobody could tell."""
    other = deepcopy(member.role)
    member.role.addnext(other)


@MEMBERS("md-entityid-empty", reasons=(UNUSABLE, WRONG))
def empty_name(member: Member) -> None:
    member.entity.set("entityID", "")


@MEMBERS("md-entityid-lines", reasons=(UNUSABLE,))
def name_with_lines(member: Member) -> None:
    member.entity.set("entityID", "https://x.test/\r\nHost: y")


@MEMBERS("md-entityid-long", reasons=(UNUSABLE,))
def long_name(member: Member) -> None:
    member.entity.set("entityID", "https://x.test/" + "a" * 1024)


@MEMBERS("md-entityid-space-of-another", reasons=(UNUSABLE,))
def name_of_another(member: Member) -> None:
    """But for white space that of another member."""
    member.entity.set("entityID", f" {member.others[0].get('entityID')} ")


def _second(member: Member) -> etree._Element:
    """Another member of the same name, with the key of somebody else."""
    second = deepcopy(member.entity)
    _, pem = new_key_pair("second")
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    for certificate in second.iter(safe_xml.q("ds:X509Certificate")):
        certificate.text = base64.b64encode(der).decode()
    return second


MEMBERS("md-entityid-again-behind")(
    lambda member: member.entity.addnext(_second(member))
)
MEMBERS("md-entityid-again-before")(
    lambda member: member.entity.addprevious(_second(member))
)


@MEMBERS("md-unknown-in-role")
def unknown_in_role(member: Member) -> None:
    etree.SubElement(member.role, "{urn:x}Also")


@MEMBERS("md-inner-validuntil-garbage")
def ends_never(member: Member) -> None:
    member.entity.set("validUntil", "never")


def _of_no_version() -> str:
    """A certificate of a version of X.509 that there is not."""
    _, pem = new_key_pair("member")
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    version = bytes.fromhex("a0030201")
    return base64.b64encode(der.replace(version + b"\2", version + b"\1", 1)).decode()


def _small_certificate() -> str:
    """Of an RSA key of 1024 bits."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - too small
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "small")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    return base64.b64encode(der).decode()


#: What makes a member one that is not known any more, or not in this role.
OVER: Mapping[str, Callable[[Member], object]] = {
    "md-inner-expired": lambda member: member.entity.set(
        "validUntil", write_instant(clock.now() - 61)
    ),
    "md-role-expired": lambda member: member.role.set(
        "validUntil", write_instant(clock.now() - 61)
    ),
    "md-protocol-saml1": lambda member: member.role.set(
        "protocolSupportEnumeration", "urn:oasis:names:tc:SAML:1.1:protocol"
    ),
    "md-protocol-lookalike": lambda member: member.role.set(
        "protocolSupportEnumeration", f"{safe_xml.SAMLP}x {safe_xml.SAMLP.upper()}"
    ),
}
