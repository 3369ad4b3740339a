"""Metadata from XML: what the operator signed, or nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages import read_instant
from eilogin.saml.metadata.values import (
    PUBLICATION_INFO,
    Contact,
    Endpoint,
    EntityDescriptor,
    FederationMetadata,
    IdentityProvider,
    Role,
    ServiceProvider,
)
from eilogin.saml.signatures import check_structure, signed
from eilogin.saml.xml import METADATA, SAMLP, parse, q, validate
from eilogin.settings import is_loopback

_RoleT = TypeVar("_RoleT", bound=Role)
_LANGUAGE = q("xml:lang")


def read_federation(octets: bytes, keys: Sequence[RSAPublicKey]) -> FederationMetadata:
    """What the operator signed: ``octets`` of a document, ``keys`` pinned beforehand.

    The root is an ``md:EntitiesDescriptor``, nested or not, or one
    ``md:EntityDescriptor``; it must be signed itself by one of ``keys``, and nothing is
    read before that has been verified. Roles of other protocols than SAML 2.0 are left
    out. Whether it is still valid is the caller's to judge by ``valid_until``.

    Raises :class:`~eilogin.errors.UntrustedSignature`, or
    :class:`~eilogin.errors.MalformedMessage`, which names the entityID where one entity
    is at fault: two of one entityID, a role without a usable signing key, or an address
    that is not https (or http on loopback).
    """
    document = parse(octets, METADATA)
    check_structure(document)
    validate(document, "metadata")
    root = signed(document, keys)
    entities: dict[str, EntityDescriptor] = {}
    for element, valid_until in _entities(root, None):
        entity = _read_entity(element, valid_until)
        if entity.entity_id in entities:
            raise MalformedMessage(f"entity '{entity.entity_id}' occurs twice")
        entities[entity.entity_id] = entity
    return FederationMetadata(
        entities=tuple(entities.values()),
        valid_until=_valid_until(root),
        name=root.get("Name", ""),
        created=_read_created(root),
    )


def _entities(
    element: etree._Element, inherited: float | None
) -> Iterator[tuple[etree._Element, float | None]]:
    """Each EntityDescriptor, with the earliest validUntil on the way to it."""
    if element.tag == q("md:EntityDescriptor"):
        yield element, inherited
        return
    if element.tag != q("md:EntitiesDescriptor"):
        raise MalformedMessage("the root is not SAML metadata")
    earliest = _earliest(inherited, _valid_until(element))
    members = (q("md:EntityDescriptor"), q("md:EntitiesDescriptor"))
    for child in element.iterchildren(*members):
        yield from _entities(child, earliest)


def _valid_until(element: etree._Element) -> float | None:
    text = element.get("validUntil")
    return None if text is None else read_instant(text)


def _earliest(*instants: float | None) -> float | None:
    return min((i for i in instants if i is not None), default=None)


def _read_created(root: etree._Element) -> float | None:
    extensions = root.find(q("md:Extensions"))
    publication = None if extensions is None else extensions.find(PUBLICATION_INFO)
    text = None if publication is None else publication.get("creationInstant")
    return None if text is None else read_instant(text)


def _read_entity(element: etree._Element, inherited: float | None) -> EntityDescriptor:
    entity_id = element.get("entityID")
    if not re.fullmatch(r"[!-~]{1,1024}", entity_id):
        raise MalformedMessage("an entityID is empty, too long or no URI")
    try:
        return _read_roles(element, entity_id, inherited)
    except MalformedMessage as error:
        raise MalformedMessage(f"entity '{entity_id}': {error}") from error


def _read_roles(
    element: etree._Element, entity_id: str, inherited: float | None
) -> EntityDescriptor:
    service = _role_element(element, "md:SPSSODescriptor")
    identity = _role_element(element, "md:IDPSSODescriptor")
    roles = [role for role in (service, identity) if role is not None]
    return EntityDescriptor(
        entity_id=entity_id,
        service_provider=None if service is None else _read_service_provider(service),
        identity_provider=None if identity is None else _read_identity(identity),
        names=_read_texts(roles, "mdui:DisplayName"),
        descriptions=_read_texts(roles, "mdui:Description"),
        information_urls=_read_links(roles, "mdui:InformationURL"),
        contacts=tuple(map(_read_contact, element.iterchildren(q("md:ContactPerson")))),
        valid_until=_earliest(inherited, *map(_valid_until, [element, *roles])),
    )


def _role_element(entity: etree._Element, name: str) -> etree._Element | None:
    roles = [
        role
        for role in entity.iterchildren(q(name))
        if SAMLP in role.get("protocolSupportEnumeration", "").split()
    ]
    if len(roles) > 1:
        raise MalformedMessage(f"more than one {name} for SAML 2.0")
    return roles[0] if roles else None


def _read_service_provider(role: etree._Element) -> ServiceProvider:
    requested = role.iterfind(
        f"{q('md:AttributeConsumingService')}/{q('md:RequestedAttribute')}"
    )
    names = dict.fromkeys(attribute.get("Name") for attribute in requested)
    return _with_usable_keys(
        ServiceProvider(
            signing_certificates=_read_certificates(role, "signing"),
            encryption_certificates=_read_certificates(role, "encryption"),
            assertion_consumers=_read_endpoints(role, "md:AssertionConsumerService"),
            single_logouts=_read_endpoints(role, "md:SingleLogoutService"),
            name_id_formats=_read_formats(role),
            requested_attributes=tuple(names),
            authn_requests_signed=_read_flag(role, "AuthnRequestsSigned") is True,
            want_assertions_signed=_read_flag(role, "WantAssertionsSigned") is True,
        )
    )


def _read_identity(role: etree._Element) -> IdentityProvider:
    wants_signed = _read_flag(role, "WantAuthnRequestsSigned") is True
    return _with_usable_keys(
        IdentityProvider(
            signing_certificates=_read_certificates(role, "signing"),
            encryption_certificates=_read_certificates(role, "encryption"),
            single_sign_ons=_read_endpoints(role, "md:SingleSignOnService"),
            single_logouts=_read_endpoints(role, "md:SingleLogoutService"),
            artifact_resolutions=_read_endpoints(role, "md:ArtifactResolutionService"),
            name_id_formats=_read_formats(role),
            want_authn_requests_signed=wants_signed,
        )
    )


def _with_usable_keys(role: _RoleT) -> _RoleT:
    """The role, of which no message could be verified if it had no key."""
    if not role.keys:
        raise MalformedMessage("a role has no signing certificate")
    return role


def _read_certificates(role: etree._Element, use: str) -> tuple[str, ...]:
    """Base64 texts; a KeyDescriptor without a use is for both (metadata 2.4.1.1)."""
    return tuple(
        "".join((certificate.text or "").split())
        for key in role.iterchildren(q("md:KeyDescriptor"))
        if key.get("use", use) == use
        for certificate in key.iter(q("ds:X509Certificate"))
    )


def _read_endpoints(role: etree._Element, name: str) -> tuple[Endpoint, ...]:
    return tuple(_read_endpoint(element) for element in role.iterchildren(q(name)))


def _read_endpoint(element: etree._Element) -> Endpoint:
    index = element.get("index")
    response_location = element.get("ResponseLocation", "")
    if response_location:
        _require_address(response_location)
    return Endpoint(
        binding=element.get("Binding"),
        location=_require_address(element.get("Location")),
        response_location=response_location,
        index=None if index is None else int(index),
        is_default=_read_flag(element, "isDefault"),
    )


def _read_flag(element: etree._Element, name: str) -> bool | None:
    text = element.get(name)
    return None if text is None else text.strip() in ("true", "1")


def _read_formats(role: etree._Element) -> tuple[str, ...]:
    return tuple(_line(element) for element in role.iterchildren(q("md:NameIDFormat")))


def _read_texts(roles: Sequence[etree._Element], name: str) -> dict[str, str]:
    """By language, from the first role that has any."""
    path = f"{q('md:Extensions')}/{q('mdui:UIInfo')}/{q(name)}"
    for role in roles:
        texts = {
            element.get(_LANGUAGE, ""): _line(element)
            for element in role.iterfind(path)
        }
        if texts:
            return texts
    return {}


def _read_links(roles: Sequence[etree._Element], name: str) -> dict[str, str]:
    """By language: what can stand behind a link on a page, and be nothing but that."""
    links = _read_texts(roles, name)
    for link in links.values():
        if not _web_host(link):
            raise MalformedMessage("an InformationURL is not a web address")
    return links


def _read_contact(element: etree._Element) -> Contact:
    def text(name: str) -> str:
        found = element.find(q(name))
        return "" if found is None else _line(found)

    return Contact(
        kind=element.get("contactType"),
        company=text("md:Company"),
        email=text("md:EmailAddress").removeprefix("mailto:"),
        telephone=text("md:TelephoneNumber"),
    )


def _line(element: etree._Element) -> str:
    """Text for people, on one line whatever way the metadata was indented."""
    return " ".join("".join(element.itertext()).split())


def _require_address(text: str) -> str:
    """An address that citizens and keys may be sent to: https, or http on loopback."""
    host = _web_host(text)
    if not host or not (text.startswith("https:") or is_loopback(host)):
        raise MalformedMessage("an address is not https (or http on loopback)")
    return text


def _web_host(text: str) -> str:
    """The host of an absolute http or https URL that is nothing else besides, or ""."""
    # A backslash is a slash to a browser, and a user name looks like a host to people.
    if not re.fullmatch(r"https?://[!-\[\]-~]+", text):
        return ""
    try:
        parts = urlsplit(text)
        is_plain = parts.username is None and "#" not in text and parts.port != 0
    except ValueError:
        return ""
    return parts.hostname or "" if is_plain else ""
