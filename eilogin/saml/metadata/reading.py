"""Metadata from XML: what the operator signed, or what a file says that is trusted.

Stacks write it in many ways, and one member must not shut out all others: what we have
no use for is passed over, with a remark where somebody may wonder; a member that cannot
be used is left out, and known to be so.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TypedDict, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from eilogin.errors import MalformedMessage, PeerUnusable, PeerWithoutKeys
from eilogin.saml import bindings
from eilogin.saml.encryption import EncryptionMethod
from eilogin.saml.keys import PublicKey, encryption_key, key_name, public_key
from eilogin.saml.messages import read_duration, read_instant
from eilogin.saml.metadata.addresses import require_address, web_host
from eilogin.saml.metadata.ruled import read_ruled
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
    REGISTRATION_INFO,
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
_EXTENSIONS = q("md:Extensions")
_ENCRYPTION_METHOD = q("md:EncryptionMethod")

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


_URI = re.compile("[!-~]{1,1024}")
_INDEX = re.compile(r"\s*\+?(\d{1,5})\s*", re.ASCII)

#: An entity, and until when what is around it is valid.
_Found = tuple[etree._Element, float | None]  # noqa: SLF001 - it has no other name
_gone_through: ContextVar[Callable[[list[_Found]], Iterable[_Found]]] = ContextVar(
    "_gone_through", default=iter
)

#: Bytes from which on it takes less time to ask another thread for a part of the work.
_LARGE = 1024 * 1024

#: Elements by what they are.
_ByTag = Mapping[str, Sequence[etree._Element]]  # noqa: SLF001 - it has no other name


def _by_tag(parents: Sequence[etree._Element]) -> _ByTag:
    """The children of elements, which takes long for each time that they are asked."""
    found: dict[str, list[etree._Element]] = {}
    for parent in parents:
        for child in parent:
            found.setdefault(child.tag, []).append(child)
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """An entity or a role, looked through."""

    element: etree._Element
    children: _ByTag
    extensions: _ByTag

    @classmethod
    def of(cls, element: etree._Element) -> "_Part":
        children = _by_tag([element])
        return cls(element, children, _by_tag(children.get(_EXTENSIONS, ())))

    def all(self, name: str) -> Sequence[etree._Element]:
        return self.children.get(q(name), ())


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
    if len(octets) < _LARGE:
        return _read(trusted, faults_in(document), on_loopback=on_loopback)
    return _read_beside(document, trusted, on_loopback=on_loopback)


def read_unsigned(octets: bytes, *, on_loopback: bool = False) -> FederationMetadata:
    """What a document says that is trusted for where it lies, signed or not.

    As :func:`read_federation` for the rest.
    """
    document = parsed(octets)
    return _read(document, faults_in(document), on_loopback=on_loopback)


def _read_beside(
    document: etree._Element, trusted: etree._Element, *, on_loopback: bool
) -> FederationMetadata:
    """Read what is trusted while another thread judges by the schema, as it came.

    What was read is given away once no fault was found; where any was, it is forgotten,
    and read anew without the members that have them.
    """
    with ThreadPoolExecutor(1) as other:
        judging = other.submit(faults_in, document)
        try:
            found = _read(trusted, {}, on_loopback=on_loopback)
        except Exception:
            # The reader counts on what the schema sees to.
            if not judging.result():
                raise
        else:
            if not judging.result():
                return found
    return _read(trusted, judging.result(), on_loopback=on_loopback)


@contextmanager
def showing(through: Callable[[list[_Found]], Iterable[_Found]]) -> Iterator[None]:
    """Have members that are read inside gone through by a function that shows it."""
    token = _gone_through.set(through)
    try:
        yield
    finally:
        _gone_through.reset(token)


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
    for number, (element, valid_until) in enumerate(_gone_through.get()(found)):
        said = element.get("entityID", "")
        try:
            entity_id = _entity_id(said, taken)
        except PeerUnusable as error:
            left_out[said] = _of_member(error, element)
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
            left_out[entity_id] = _of_member(error, element)
    if not entities and left_out:
        raise next(iter(left_out.values()))
    return FederationMetadata(
        entities=tuple(entities.values()),
        valid_until=end_of(root),
        name=clean(root.get("Name", "")),
        created=_read_created(root),
        id=clean(root.get("ID", "")),
        cache_duration=earliest(*map(_cache_duration, _levels_of(root))),
        is_aggregate=root.tag == q("md:EntitiesDescriptor"),
        left_out=left_out,
        remarks=tuple(remarks),
    )


def _read_created(root: etree._Element) -> float | None:
    extensions = root.find(q("md:Extensions"))
    publication = None if extensions is None else extensions.find(PUBLICATION_INFO)
    text = None if publication is None else publication.get("creationInstant")
    return None if text is None else read_instant(text)


def _levels_of(root: etree._Element) -> Iterator[etree._Element]:
    """The root, and each group that is nested in it."""
    yield root
    for group in root.iterchildren(q("md:EntitiesDescriptor")):
        yield from _levels_of(group)


def _cache_duration(element: etree._Element) -> float | None:
    return read_duration(element.get("cacheDuration", ""))


def _of_member(error: PeerUnusable, element: etree._Element) -> PeerUnusable:
    """The error, with what is known of a member that cannot be read in whole."""
    error.is_hub = element.find(q("md:IDPSSODescriptor")) is not None
    error.registrar = _read_registrar(element)
    said = _read_entity_attributes(element)
    error.categories = frozenset(said.get(ENTITY_CATEGORY, ()))
    return error


def _entity_id(said: str, taken: Collection[str]) -> str:
    """The entityID that an attribute says, which is an xs:anyURI.

    White space around it is not part of it; but then it may not be one of those that
    are ``taken``, so that nobody shuts out another.
    """
    entity_id = said.strip(" \t\r\n")
    if not _URI.fullmatch(entity_id):
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
    entity = _Part.of(element)
    service = _role_of(entity, "md:SPSSODescriptor")
    identity = _role_of(entity, "md:IDPSSODescriptor")
    roles = [role for role in (service, identity) if role is not None]
    about = [_by_tag(role.extensions.get(q("mdui:UIInfo"), ())) for role in roles]
    said = _attributes_in(entity.extensions)
    return EntityDescriptor(
        entity_id=member.entity_id,
        service_provider=_read_service_provider(service, member),
        identity_provider=_read_identity(identity, entity, member),
        names=_read_texts(about, "mdui:DisplayName"),
        descriptions=_read_texts(about, "mdui:Description"),
        information_urls=_read_links(about, "mdui:InformationURL", member.tell),
        contacts=tuple(map(_read_contact, entity.all("md:ContactPerson"))),
        entity_categories=frozenset(said.get(ENTITY_CATEGORY, ())),
        supported_categories=frozenset(said.get(ENTITY_CATEGORY_SUPPORT, ())),
        digest_methods=_read_algorithms(entity, "alg:DigestMethod"),
        signing_methods=_read_algorithms(entity, "alg:SigningMethod"),
        registrar=_read_registrar(element),
        **read_ruled(said),
        valid_until=earliest(
            inherited, end_of(element), *(end_of(role.element) for role in roles)
        ),
    )


def _read_registrar(element: etree._Element | None) -> str:
    """Who took it in, or else the group that it is in (mdrpi 2.1), or ""."""
    while element is not None:
        for extensions in element.iterchildren(_EXTENSIONS):
            for found in extensions.iterchildren(REGISTRATION_INFO):
                return clean(found.get("registrationAuthority", "")).strip()
        element = element.getparent()
    return ""


def _read_entity_attributes(entity: etree._Element) -> dict[str, list[str]]:
    """The values of each, by its name."""
    return _attributes_in(_Part.of(entity).extensions)


def _attributes_in(extensions: _ByTag) -> dict[str, list[str]]:
    groups = _by_tag(extensions.get(q("mdattr:EntityAttributes"), ()))
    found: dict[str, list[str]] = {}
    for attribute in groups.get(q("saml:Attribute"), ()):
        values = attribute.iterchildren(q("saml:AttributeValue"))
        found.setdefault(attribute.get("Name", ""), []).extend(map(line, values))
    return found


def _read_algorithms(part: _Part, name: str) -> tuple[str, ...]:
    """What an entity or a role says that it takes (algorithm support 2.4)."""
    found = part.extensions.get(q(name), ())
    return tuple(attribute_of(method, "Algorithm") for method in found)


def _role_of(entity: _Part, name: str) -> _Part | None:
    roles = [
        role
        for role in entity.all(name)
        if SAMLP in role.get("protocolSupportEnumeration", "").split()
    ]
    if len(roles) > 1:
        raise MalformedMessage(
            f"more than one {name} for SAML 2.0; ask who runs it for metadata with one"
        )
    return _Part.of(roles[0]) if roles else None


def _read_service_provider(
    role: _Part | None, member: _Member
) -> ServiceProvider | None:
    if role is None:
        return None
    services = role.all("md:AttributeConsumingService")
    responses = role.extensions.get(DISCOVERY_RESPONSE, ())
    read = ServiceProvider(
        **_read_keys(role),
        assertion_consumers=_read_endpoints(
            role, "md:AssertionConsumerService", member
        ),
        single_logouts=_read_endpoints(role, "md:SingleLogoutService", member),
        discovery_responses=_read_addresses(responses, member),
        name_id_formats=_read_formats(role),
        attribute_services=tuple(map(_read_attribute_service, services)),
        authn_requests_signed=_read_flag(role.element, "AuthnRequestsSigned") is True,
        want_assertions_signed=_read_flag(role.element, "WantAssertionsSigned") is True,
    )
    return _with_usable_keys(read, member.tell)


def _read_identity(
    role: _Part | None, entity: _Part, member: _Member
) -> IdentityProvider | None:
    if role is None:
        return None
    resolutions = _read_endpoints(role, "md:ArtifactResolutionService", member)
    wants_signed = _read_flag(role.element, "WantAuthnRequestsSigned")
    read = IdentityProvider(
        **_read_keys(role),
        single_sign_ons=_read_endpoints(role, "md:SingleSignOnService", member),
        single_logouts=_read_endpoints(role, "md:SingleLogoutService", member),
        artifact_resolutions=resolutions,
        name_id_formats=_read_formats(role),
        want_authn_requests_signed=wants_signed is True,
        scopes=_read_scopes(role, entity),
    )
    return _with_usable_keys(read, member.tell)


def _read_scopes(role: _Part, entity: _Part) -> frozenset[str] | None:
    """The scopes of a hub, which may stand at its role or around it.

    In ASCII, as names of domains travel. One that is a regular expression is none:
    whoever wrote it would decide what it covers, and how long that takes to tell.
    """
    name = q("shibmd:Scope")
    found = [*role.extensions.get(name, ()), *entity.extensions.get(name, ())]
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


def _read_keys(role: _Part) -> _Keys:
    keys = role.all("md:KeyDescriptor")
    methods = (
        _read_encryption_method(method)
        for key in keys
        if key.get("use") != "signing"
        for method in key.iterchildren(_ENCRYPTION_METHOD)
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
    children = _by_tag([element])

    def parameter(name: str) -> str:
        found = children.get(q(name))
        return attribute_of(found[0], "Algorithm") if found else ""

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


def _read_endpoints(role: _Part, name: str, member: _Member) -> tuple[Endpoint, ...]:
    return _read_addresses(role.all(name), member)


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
    text = element.get("index")
    index = None if text is None else _INDEX.fullmatch(text)
    return int(index[1]) if index else None


def _read_flag(element: etree._Element, name: str) -> bool | None:
    text = element.get(name)
    return None if text is None else text.strip() in ("true", "1")


def _read_formats(role: _Part) -> tuple[str, ...]:
    return tuple(map(line, role.all("md:NameIDFormat")))


def _read_texts(about: Sequence[_ByTag], name: str) -> dict[str, str]:
    """By language, from the first role that has any."""
    for texts in about:
        if found := texts.get(q(name)):
            return {element.get(_LANGUAGE, ""): line(element) for element in found}
    return {}


def _read_links(about: Sequence[_ByTag], name: str, tell: _Tell) -> dict[str, str]:
    """By language: what can stand behind a link on a page, and be nothing but that."""
    links = _read_texts(about, name)
    usable = {language: link for language, link in links.items() if web_host(link)}
    if usable != links:
        tell("an InformationURL that is no web address is passed over")
    return usable


def _read_contact(element: etree._Element) -> Contact:
    children = _by_tag([element])

    def text(name: str) -> str:
        found = children.get(q(name))
        return line(found[0]) if found else ""

    return Contact(
        kind=element.get("contactType"),
        company=text("md:Company"),
        email=text("md:EmailAddress").removeprefix("mailto:").strip(),
        telephone=text("md:TelephoneNumber"),
    )
