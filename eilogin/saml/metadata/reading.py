"""Metadata from XML: what the operator signed, or what a file says that is trusted.

Stacks write it in many ways, and one member must not shut out all others: what we have
no use for is passed over, with a remark where somebody may wonder; a member that cannot
be used is left out, and known to be so.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from eilogin.errors import MalformedMessage, PeerUnusable, PeerWithoutKeys
from eilogin.saml import bindings
from eilogin.saml.encryption import EncryptionMethod
from eilogin.saml.keys import PublicKey, encryption_key, key_name, public_key
from eilogin.saml.messages import read_instant
from eilogin.saml.metadata.addresses import require_address, web_host
from eilogin.saml.metadata.soundness import (
    earliest,
    end_of,
    entities_in,
    faults_in,
    parsed,
)
from eilogin.saml.metadata.texts import attribute_of, clean, line, shown
from eilogin.saml.metadata.values import (
    DISCOVERY_RESPONSE,
    ENTITY_CATEGORY,
    ENTITY_CATEGORY_SUPPORT,
    PUBLICATION_INFO,
    AttributeService,
    Contact,
    Endpoint,
    EntityDescriptor,
    FederationMetadata,
    IdentityProvider,
    Role,
    ServiceProvider,
)
from eilogin.saml.signatures import signed
from eilogin.saml.text import short
from eilogin.saml.xml import SAMLP, q

_RoleT = TypeVar("_RoleT", bound=Role)
_LANGUAGE = q("xml:lang")

#: How a remark is made: a sentence about what was passed over.
_Tell = Callable[[str], object]

#: The bindings that we speak. An address for another one may be anything.
_SPOKEN = (bindings.REDIRECT, bindings.POST, bindings.ARTIFACT, bindings.SOAP)


@dataclass(frozen=True, slots=True)
class _Member:
    """A member that is being read."""

    entity_id: str
    #: Whether it may be on this machine.
    on_loopback: bool
    #: The remarks on all members.
    remarks: list[str]

    def tell(self, text: str) -> None:
        self.remarks.append(f"entity '{self.entity_id}': {text}")


def read_federation(
    octets: bytes, keys: Sequence[PublicKey], *, on_loopback: bool = False
) -> FederationMetadata:
    """What the operator signed: ``octets`` of a document, ``keys`` pinned beforehand.

    The root is an ``md:EntitiesDescriptor``, nested or not, or one
    ``md:EntityDescriptor``; it must be signed itself by one of ``keys``, and nothing is
    read before that has been verified. Roles of other protocols than SAML 2.0 are left
    out, and so is a member that cannot be used: one that is not valid by the schema,
    whose entityID is no URI, with a role without a usable signing key, or with an
    address of a binding that we speak that is not https. Where ``on_loopback`` is said
    it may be http on loopback too; else an address there is as bad, by https as well.
    Whether it is still valid is the caller's to judge by ``valid_until``.

    Raises :class:`~eilogin.errors.UntrustedSignature`;
    :class:`~eilogin.errors.MalformedMessage` for what is no metadata, or has two
    members of one entityID; and where no member can be used, the
    :class:`~eilogin.errors.PeerUnusable` of the first, which names it.
    """
    document = parsed(octets)
    trusted = signed(document, keys)
    # Only of what is trusted: to find what is wrong takes long.
    return _read(trusted, faults_in(document), on_loopback=on_loopback)


def read_unsigned(octets: bytes, *, on_loopback: bool = False) -> FederationMetadata:
    """What a document says that is trusted for where it lies, signed or not.

    As :func:`read_federation` for the rest.
    """
    document = parsed(octets)
    return _read(document, faults_in(document), on_loopback=on_loopback)


def read_created(octets: bytes, keys: Sequence[PublicKey]) -> float | None:
    """When the operator made what was read before as metadata, or None.

    Its signature is verified anew; raises as :func:`read_federation`.
    """
    return _read_created(signed(parsed(octets), keys))


def _read(
    root: etree._Element, faults: Mapping[int, PeerUnusable], *, on_loopback: bool
) -> FederationMetadata:
    entities: dict[str, EntityDescriptor] = {}
    left_out: dict[str, PeerUnusable] = {}
    remarks: list[str] = []
    found = list(entities_in(root, None))
    taken = {element.get("entityID", "") for element, _ in found}
    for number, (element, valid_until) in enumerate(found):
        said = element.get("entityID", "")
        is_hub = element.find(q("md:IDPSSODescriptor")) is not None
        try:
            entity_id = _entity_id(said, taken)
        except PeerUnusable as error:
            error.is_hub = is_hub
            left_out[said] = error
            continue
        if entity_id in entities or entity_id in left_out:
            raise MalformedMessage(f"entity '{entity_id}' occurs twice")
        taken.add(entity_id)
        try:
            if number in faults:
                raise faults[number]
            member = _Member(entity_id, on_loopback, remarks)
            entities[entity_id] = _read_entity(element, member, valid_until)
        except PeerUnusable as error:
            error.is_hub = is_hub
            left_out[entity_id] = error
    if not entities and left_out:
        raise next(iter(left_out.values()))
    return FederationMetadata(
        entities=tuple(entities.values()),
        valid_until=end_of(root),
        name=clean(root.get("Name", "")),
        created=_read_created(root),
        is_aggregate=root.tag == q("md:EntitiesDescriptor"),
        left_out=left_out,
        remarks=tuple(remarks),
    )


def _read_created(root: etree._Element) -> float | None:
    extensions = root.find(q("md:Extensions"))
    publication = None if extensions is None else extensions.find(PUBLICATION_INFO)
    text = None if publication is None else publication.get("creationInstant")
    return None if text is None else read_instant(text)


def _entity_id(said: str, taken: Collection[str]) -> str:
    """The entityID that an attribute says, which is an xs:anyURI.

    White space around it is not part of it; but then it may not be one of those that
    are ``taken``, so that nobody shuts out another.
    """
    entity_id = said.strip(" \t\r\n")
    if not re.fullmatch(r"[!-~]{1,1024}", entity_id):
        raise PeerUnusable(
            f"entity {shown(said)}: its entityID is empty, too long or no URI; ask who"
            " runs it for its metadata with one"
        )
    if entity_id != said and entity_id in taken:
        raise PeerUnusable(
            f"entity {shown(said)}: but for the white space another one is called so;"
            " ask the operator which of them is meant"
        )
    return entity_id


def _read_entity(
    element: etree._Element, member: _Member, inherited: float | None
) -> EntityDescriptor:
    try:
        return _read_roles(element, inherited, member)
    except PeerWithoutKeys as error:
        raise PeerWithoutKeys(f"entity '{member.entity_id}': {error}") from error
    except MalformedMessage as error:
        raise PeerUnusable(f"entity '{member.entity_id}': {error}") from error


def _read_roles(
    element: etree._Element, inherited: float | None, member: _Member
) -> EntityDescriptor:
    service = _role_element(element, "md:SPSSODescriptor")
    identity = _role_element(element, "md:IDPSSODescriptor")
    roles = [role for role in (service, identity) if role is not None]
    return EntityDescriptor(
        entity_id=member.entity_id,
        service_provider=_read_service_provider(service, member),
        identity_provider=_read_identity(identity, element, member),
        names=_read_texts(roles, "mdui:DisplayName"),
        descriptions=_read_texts(roles, "mdui:Description"),
        information_urls=_read_links(roles, "mdui:InformationURL", member.tell),
        contacts=tuple(map(_read_contact, element.iterchildren(q("md:ContactPerson")))),
        entity_categories=_read_categories(element, ENTITY_CATEGORY),
        supported_categories=_read_categories(element, ENTITY_CATEGORY_SUPPORT),
        digest_methods=_read_algorithms(element, "alg:DigestMethod"),
        signing_methods=_read_algorithms(element, "alg:SigningMethod"),
        valid_until=earliest(inherited, *map(end_of, [element, *roles])),
    )


def _read_categories(entity: etree._Element, name: str) -> frozenset[str]:
    path = "/".join(map(q, ("md:Extensions", "mdattr:EntityAttributes")))
    return frozenset(
        line(value)
        for attribute in entity.iterfind(f"{path}/{q('saml:Attribute')}")
        if attribute.get("Name") == name
        for value in attribute.iterchildren(q("saml:AttributeValue"))
    )


def _read_algorithms(element: etree._Element, name: str) -> tuple[str, ...]:
    """What an entity or a role says that it takes (algorithm support 2.4)."""
    found = element.iterfind(f"{q('md:Extensions')}/{q(name)}")
    return tuple(attribute_of(method, "Algorithm") for method in found)


def _role_element(entity: etree._Element, name: str) -> etree._Element | None:
    roles = [
        role
        for role in entity.iterchildren(q(name))
        if SAMLP in role.get("protocolSupportEnumeration", "").split()
    ]
    if len(roles) > 1:
        raise MalformedMessage(
            f"more than one {name} for SAML 2.0; ask who runs it for metadata with one"
        )
    return roles[0] if roles else None


def _read_service_provider(
    role: etree._Element | None, member: _Member
) -> ServiceProvider | None:
    if role is None:
        return None
    services = role.iterchildren(q("md:AttributeConsumingService"))
    responses = role.findall(f"{q('md:Extensions')}/{DISCOVERY_RESPONSE}")
    read = ServiceProvider(
        **_read_keys(role),
        assertion_consumers=_read_endpoints(
            role, "md:AssertionConsumerService", member
        ),
        single_logouts=_read_endpoints(role, "md:SingleLogoutService", member),
        discovery_responses=_read_addresses(responses, member),
        name_id_formats=_read_formats(role),
        attribute_services=tuple(map(_read_attribute_service, services)),
        authn_requests_signed=_read_flag(role, "AuthnRequestsSigned") is True,
        want_assertions_signed=_read_flag(role, "WantAssertionsSigned") is True,
    )
    return _with_usable_keys(read, member.tell)


def _read_identity(
    role: etree._Element | None, entity: etree._Element, member: _Member
) -> IdentityProvider | None:
    if role is None:
        return None
    resolutions = _read_endpoints(role, "md:ArtifactResolutionService", member)
    read = IdentityProvider(
        **_read_keys(role),
        single_sign_ons=_read_endpoints(role, "md:SingleSignOnService", member),
        single_logouts=_read_endpoints(role, "md:SingleLogoutService", member),
        artifact_resolutions=resolutions,
        name_id_formats=_read_formats(role),
        want_authn_requests_signed=_read_flag(role, "WantAuthnRequestsSigned") is True,
        scopes=_read_scopes(role, entity),
    )
    return _with_usable_keys(read, member.tell)


def _read_scopes(role: etree._Element, entity: etree._Element) -> frozenset[str] | None:
    """The scopes of a hub, which may stand at its role or around it.

    In ASCII, as names of domains travel. One that is a regular expression is none:
    whoever wrote it would decide what it covers, and how long that takes to tell.
    """
    path = f"{q('md:Extensions')}/{q('shibmd:Scope')}"
    found = [*role.iterfind(path), *entity.iterfind(path)]
    if not found:
        return None
    plain = (
        one for one in found if one.get("regexp", "").strip() in ("", "false", "0")
    )
    return frozenset(_as_domain(line(one)) for one in plain)


def _as_domain(text: str) -> str:
    """A name of a domain as it travels; what is none stays, and covers nothing."""
    try:
        return text.encode("idna").decode().lower()
    except UnicodeError:
        return text


def _read_attribute_service(element: etree._Element) -> AttributeService:
    wanted = element.findall(q("md:RequestedAttribute"))
    return AttributeService(
        requested=tuple(dict.fromkeys(attribute_of(a, "Name") for a in wanted)),
        required=frozenset(
            attribute_of(a, "Name") for a in wanted if _read_flag(a, "isRequired")
        ),
        index=_read_index(element) or 0,
        is_default=_read_flag(element, "isDefault"),
    )


class _Keys(TypedDict):
    """What both roles say of keys and algorithms, as the fields of :class:`Role`."""

    signing_certificates: tuple[str, ...]
    encryption_certificates: tuple[str, ...]
    encryption_methods: tuple[EncryptionMethod, ...]
    names_keys: bool
    digest_methods: tuple[str, ...]
    signing_methods: tuple[str, ...]


def _read_keys(role: etree._Element) -> _Keys:
    keys = role.findall(q("md:KeyDescriptor"))
    methods = (
        _read_encryption_method(method)
        for key in keys
        if key.get("use") != "signing"
        for method in key.iterchildren(q("md:EncryptionMethod"))
    )
    return _Keys(
        signing_certificates=_read_certificates(keys, "signing"),
        encryption_certificates=_read_certificates(keys, "encryption"),
        encryption_methods=tuple(dict.fromkeys(methods)),
        names_keys=any(map(_is_named, keys)),
        digest_methods=_read_algorithms(role, "alg:DigestMethod"),
        signing_methods=_read_algorithms(role, "alg:SigningMethod"),
    )


def _read_encryption_method(element: etree._Element) -> EncryptionMethod:
    def parameter(name: str) -> str:
        found = element.find(q(name))
        return "" if found is None else attribute_of(found, "Algorithm")

    return EncryptionMethod(
        attribute_of(element, "Algorithm"),
        digest=parameter("ds:DigestMethod"),
        mask=parameter("xenc11:MGF"),
    )


def _read_certificates(keys: Sequence[etree._Element], use: str) -> tuple[str, ...]:
    """Base64 texts; a KeyDescriptor without a use is for both (metadata 2.4.1.1).

    Of each the first certificate: those of a chain behind it are not the party's.
    """
    found = (
        next(key.iter(q("ds:X509Certificate")), None)
        for key in keys
        if key.get("use", use) == use
    )
    return tuple(
        "".join((certificate.text or "").split())
        for certificate in found
        if certificate is not None
    )


def _is_named(key: etree._Element) -> bool:
    """Whether a key is named as DigiD names it."""
    name = next(key.iter(q("ds:KeyName")), None)
    if name is None:
        return False
    certificates = _read_certificates([key], key.get("use", "signing"))
    try:
        return line(name) in map(key_name, certificates)
    except MalformedMessage:
        # Which is told of those that cannot be used.
        return False


def _with_usable_keys(role: _RoleT, tell: _Tell) -> _RoleT:
    """The role without the certificates that cannot be used.

    No message could be verified of a role that had none left to sign with.
    """
    faults: list[str] = []
    try:
        # Nearly always all of them can, and most parties have one key for both uses.
        known = dict(zip(role.signing_certificates, role.keys, strict=True))
        for text in role.encryption_certificates:
            if not isinstance(known.get(text), RSAPublicKey):
                encryption_key(text)
    except MalformedMessage:
        signing = _usable(
            role.signing_certificates, "signing", public_key, faults.append
        )
        for fault in faults:
            tell(fault)
        encryption = _usable(
            role.encryption_certificates, "encryption", encryption_key, tell
        )
        role = replace(
            role, signing_certificates=signing, encryption_certificates=encryption
        )
    if not role.keys:
        found = "; ".join(fault.partition(": ")[2] for fault in faults) or "none"
        raise PeerWithoutKeys(
            "a role has no signing certificate that can be used: expected a"
            " KeyDescriptor with an X509Certificate for an RSA key of 2048 bits or"
            f" more, or for an elliptic key, found {found}; ask who runs it for its"
            " metadata with one"
        )
    return role


def _usable(
    certificates: Sequence[str],
    use: str,
    read: Callable[[str], object],
    tell: _Tell,
) -> tuple[str, ...]:
    usable = []
    for text in certificates:
        try:
            read(text)
        except MalformedMessage as error:
            tell(f"a key for {use} is passed over: {error}")
        else:
            usable.append(text)
    return tuple(usable)


def _read_endpoints(
    role: etree._Element, name: str, member: _Member
) -> tuple[Endpoint, ...]:
    return _read_addresses(role.findall(q(name)), member)


def _read_addresses(
    elements: Sequence[etree._Element], member: _Member
) -> tuple[Endpoint, ...]:
    """The endpoints; one of a binding that we do not speak only if it is sound."""
    found = []
    for element in elements:
        try:
            found.append(_read_endpoint(element, on_loopback=member.on_loopback))
        except MalformedMessage as error:
            name = etree.QName(element).localname
            binding = element.get("Binding", "")
            if binding in _SPOKEN:
                raise MalformedMessage(
                    f"its {name} by {short(binding)}: {error}; ask who runs"
                    " it for its metadata with another address"
                ) from error
            article = "an" if name.startswith("A") else "a"
            member.tell(f"{article} {name} is passed over: {error}")
    return tuple(found)


def _read_endpoint(element: etree._Element, *, on_loopback: bool) -> Endpoint:
    location = element.get("Location", "")
    response_location = element.get("ResponseLocation", "")
    require_address(location, on_loopback=on_loopback)
    if response_location:
        require_address(response_location, on_loopback=on_loopback)
    return Endpoint(
        binding=attribute_of(element, "Binding"),
        location=location,
        response_location=response_location,
        index=_read_index(element),
        is_default=_read_flag(element, "isDefault"),
    )


def _read_index(element: etree._Element) -> int | None:
    # The schema does not know the index of what is in Extensions.
    index = re.fullmatch(r"\s*\+?(\d{1,5})\s*", element.get("index", ""), re.ASCII)
    return int(index[1]) if index else None


def _read_flag(element: etree._Element, name: str) -> bool | None:
    text = element.get(name)
    return None if text is None else text.strip() in ("true", "1")


def _read_formats(role: etree._Element) -> tuple[str, ...]:
    return tuple(line(element) for element in role.iterchildren(q("md:NameIDFormat")))


def _read_texts(roles: Sequence[etree._Element], name: str) -> dict[str, str]:
    """By language, from the first role that has any."""
    path = f"{q('md:Extensions')}/{q('mdui:UIInfo')}/{q(name)}"
    for role in roles:
        texts = {
            element.get(_LANGUAGE, ""): line(element) for element in role.iterfind(path)
        }
        if texts:
            return texts
    return {}


def _read_links(
    roles: Sequence[etree._Element], name: str, tell: _Tell
) -> dict[str, str]:
    """By language: what can stand behind a link on a page, and be nothing but that."""
    links = _read_texts(roles, name)
    usable = {language: link for language, link in links.items() if web_host(link)}
    if usable != links:
        tell("an InformationURL that is no web address is passed over")
    return usable


def _read_contact(element: etree._Element) -> Contact:
    def text(name: str) -> str:
        found = element.find(q(name))
        return "" if found is None else line(found)

    return Contact(
        kind=element.get("contactType"),
        company=text("md:Company"),
        email=text("md:EmailAddress").removeprefix("mailto:").strip(),
        telephone=text("md:TelephoneNumber"),
    )
