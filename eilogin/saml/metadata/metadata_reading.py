"""Read trusted metadata: each member, and the federation's own values.

Products write metadata in many ways, and one member must not shut out all others. This
module skips parts that eilogin does not use, with a remark if somebody may wonder. It
leaves out a member that cannot be used, and records that.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypedDict, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from eilogin import logos
from eilogin.errors import MalformedMessage, PeerUnusable, PeerWithoutKeys
from eilogin.saml import bindings
from eilogin.saml.messages import read_duration
from eilogin.saml.metadata.metadata_addresses import require_address, web_host
from eilogin.saml.metadata.metadata_texts import (
    attribute_of,
    clean,
    line,
    plain,
    shown,
    told_of,
)
from eilogin.saml.metadata.metadata_values import (
    CONTACT_KINDS,
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
    Logo,
    Role,
    ServiceProvider,
)
from eilogin.saml.metadata.rule_attributes import read_ruled
from eilogin.saml.metadata.schema_validation import (
    SOUND,
    Verdict,
    earliest,
    end_of,
    entities_in,
    instant_of,
)
from eilogin.saml.metadata.unread_elements import speaks_saml2
from eilogin.saml.printable_text import collapsed, short
from eilogin.saml.safe_xml import q
from eilogin.saml.signing_keys import encryption_key, key_name, public_key
from eilogin.saml.xml_encryption import EncryptionMethod

_RoleT = TypeVar("_RoleT", bound=Role)
_LANGUAGE = q("xml:lang")
_EXTENSIONS = q("md:Extensions")
_MEMBERS = (q("md:EntityDescriptor"), q("md:EntitiesDescriptor"))
_ENCRYPTION_METHOD = q("md:EncryptionMethod")
_OF_CONTACT = tuple(map(q, ("md:Company", "md:EmailAddress", "md:TelephoneNumber")))

#: Add a remark: a sentence about a skipped part.
_Tell = Callable[[str], object]

#: The bindings that we speak. An address for another one may be anything.
_SPOKEN = (bindings.REDIRECT, bindings.POST, bindings.ARTIFACT, bindings.SOAP)


@dataclass(frozen=True, slots=True)
class _Member:
    """A member that is being read."""

    entity_id: str
    #: Whether it may be on this machine.
    on_loopback: bool
    #: Its faults by the schema.
    verdict: Verdict
    #: The remarks on all members.
    remarks: list[str]

    def tell(self, text: str) -> None:
        self.remarks.append(f"entity '{self.entity_id}': {text}")


_URI = re.compile("[!-~]{1,1024}")
_SIDE = re.compile(r"\s*\+?(\d{1,5})\s*", re.ASCII)
#: How many logos of one member are kept.
_MOST_LOGOS = 8
_INDEX = re.compile(r"\s*\+?(\d{1,5})\s*", re.ASCII)

#: Goes through members, or what stands for them.
_Through = Callable[[list[Any]], Iterable[Any]]
_gone_through: ContextVar[_Through] = ContextVar("_gone_through", default=iter)

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


def gone_through() -> _Through:
    """How members are gone through here."""
    return _gone_through.get()


@contextmanager
def showing(through: _Through) -> Iterator[None]:
    """Have members that are read inside gone through by a function that shows it."""
    token = _gone_through.set(through)
    try:
        yield
    finally:
        _gone_through.reset(token)


def read_tree(
    root: etree._Element, verdicts: Mapping[int, Verdict], *, on_loopback: bool
) -> FederationMetadata:
    """Read a document that is trusted; ``verdicts`` are those of :func:`verdicts_on`.

    Where two members have one entityID, both are left out: nobody could tell which of
    them is meant. Raises the error of the first member where none can be used.
    """
    entities: dict[str, EntityDescriptor] = {}
    left_out: dict[str, PeerUnusable] = {}
    remarks: list[str] = []
    found = list(entities_in(root, None))
    names: dict[str, list[etree._Element]] = {}
    for element, _ in found:
        names.setdefault(element.get("entityID", ""), []).append(element)
    taken = set(names)
    for number, (element, valid_until) in enumerate(gone_through()(found)):
        said = element.get("entityID", "")
        try:
            entity_id = _entity_id(said, taken)
        except PeerUnusable as error:
            left_out[said] = _of_member(error, element)
            continue
        if len(names[said]) > 1:
            if element is names[said][0]:
                left_out[entity_id] = _repeated(entity_id, names[said])
            continue
        taken.add(entity_id)
        verdict = verdicts.get(number, SOUND)
        member = _Member(entity_id, on_loopback, verdict, remarks)
        try:
            entities[entity_id] = _read_entity(element, member, valid_until)
        except PeerUnusable as error:
            left_out[entity_id] = _of_member(error, element)
    if not entities and left_out:
        raise next(iter(left_out.values()))
    return FederationMetadata(
        entities=tuple(entities.values()),
        valid_until=end_of(root),
        name=clean(root.get("Name", "")),
        created=created_in(root),
        id=clean(root.get("ID", "")),
        cache_duration=earliest(*map(_cache_duration, _levels_of(root))),
        is_aggregate=root.tag == q("md:EntitiesDescriptor"),
        left_out=left_out,
        remarks=tuple(remarks),
    )


def created_in(root: etree._Element) -> float | None:
    """When the operator says that it was made, or None."""
    extensions = root.find(q("md:Extensions"))
    publication = None if extensions is None else extensions.find(PUBLICATION_INFO)
    return None if publication is None else instant_of(publication, "creationInstant")


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


def _repeated(entity_id: str, elements: Sequence[etree._Element]) -> PeerUnusable:
    """Return the error of several members of one entityID."""
    told = (
        f"entity '{entity_id}' occurs {len(elements)} times, so eilogin skips all"
        " of them; ask the operator which one is right"
    )
    error = _of_member(PeerUnusable(told), elements[-1])
    error.alternatives = tuple(
        _of_member(PeerUnusable(told), element) for element in elements
    )
    error.is_hub = any(one.is_hub for one in error.alternatives)
    return error


def _entity_id(said: str, taken: Collection[str]) -> str:
    """The entityID that an attribute says, which is an xs:anyURI.

    White space around it is not part of it; but then it may not be one of those that
    are ``taken``, so that nobody shuts out another.
    """
    entity_id = said.strip(" \t\r\n")
    if not _URI.fullmatch(entity_id):
        raise PeerUnusable(
            f"entity {shown(said)}: its entityID is empty, too long or not a URI;"
            " ask its administrator for metadata with a valid one"
        )
    if entity_id != said and entity_id in taken:
        raise PeerUnusable(
            f"entity {shown(said)}: another entity has the same entityID without"
            " the white space; ask the operator which one is right"
        )
    return entity_id


def _read_entity(
    element: etree._Element, member: _Member, inherited: float | None
) -> EntityDescriptor:
    fault = member.verdict.fault
    if fault is not None:
        raise PeerUnusable(
            f"entity '{member.entity_id}': {told_of(fault)}; ask its administrator"
            " for valid metadata"
        ) from fault
    for text in member.verdict.remarks:
        member.tell(text)
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
    of_hub = _role_of(entity, "md:IDPSSODescriptor", member)
    hub = None if of_hub is None else _read_identity(of_hub, entity, member)
    # A role that cannot be used costs itself alone. But without its role as a hub the
    # whole member is left out: else another one could become the hub in its place.
    of_participant, participant = _participant_of(entity, member, is_hub=bool(hub))
    roles = [role for role in (of_participant, of_hub) if role is not None]
    about = [_by_tag(role.extensions.get(q("mdui:UIInfo"), ())) for role in roles]
    said = _attributes_in(entity.extensions)
    contacts = (_read_contact(one) for one in entity.all("md:ContactPerson"))
    return EntityDescriptor(
        entity_id=member.entity_id,
        service_provider=participant,
        identity_provider=hub,
        names=_read_texts(about, "mdui:DisplayName"),
        descriptions=_read_texts(about, "mdui:Description"),
        information_urls=_read_links(about, "mdui:InformationURL", member.tell),
        keywords=_read_texts(about, "mdui:Keywords"),
        logos=_read_logos(about, member.tell),
        contacts=tuple(one for one in contacts if one.kind in CONTACT_KINDS),
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


def _participant_of(
    entity: _Part, member: _Member, *, is_hub: bool
) -> tuple[_Part | None, ServiceProvider | None]:
    """Return the role as a participant, or none where it is unusable and ``is_hub``."""
    try:
        role = _role_of(entity, "md:SPSSODescriptor", member)
        if role is None:
            return None, None
        end_of(role.element)
        return role, _read_service_provider(role, member)
    except (MalformedMessage, PeerWithoutKeys) as error:
        if not is_hub:
            raise
        member.tell(f"eilogin skips its SPSSODescriptor: {error}")
        return None, None


def _read_registrar(element: etree._Element | None) -> str:
    """Return the registrar of a member, or of its group (mdrpi 2.1), or ""."""
    while element is not None:
        for extensions in element.iterchildren(_EXTENSIONS, *_MEMBERS):
            if extensions.tag in _MEMBERS:
                # Those of a group come before its members, of which there may be many.
                break
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
    """Return the algorithms that an entity or role accepts (algorithm support 2.4)."""
    found = part.extensions.get(q(name), ())
    return tuple(attribute_of(method, "Algorithm") for method in found)


def _role_of(entity: _Part, name: str, member: _Member) -> _Part | None:
    roles = [role for role in entity.all(name) if speaks_saml2(role)]
    if len(roles) > 1:
        raise MalformedMessage(
            f"it has more than one {name} for SAML 2.0; ask its administrator for"
            " metadata with one"
        )
    if fault := member.verdict.roles.get(q(name)):
        raise MalformedMessage(f"{fault}; ask its administrator for valid metadata")
    return _Part.of(roles[0]) if roles else None


def _read_service_provider(role: _Part, member: _Member) -> ServiceProvider:
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


def _read_identity(role: _Part, entity: _Part, member: _Member) -> IdentityProvider:
    resolutions = _read_endpoints(role, "md:ArtifactResolutionService", member)
    wants_signed = _read_flag(role.element, "WantAuthnRequestsSigned")
    activity = role.extensions.get(q("act:ActivityService"), ())
    read = IdentityProvider(
        **_read_keys(role),
        single_sign_ons=_read_endpoints(role, "md:SingleSignOnService", member),
        single_logouts=_read_endpoints(role, "md:SingleLogoutService", member),
        artifact_resolutions=resolutions,
        activity_services=_read_addresses(activity, member),
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
    """Encode a domain name for the wire; an invalid one stays, and matches none."""
    try:
        return text.encode("idna").decode().lower()
    except UnicodeError:
        return text


def _read_attribute_service(element: etree._Element) -> AttributeService:
    wanted: dict[str, bool] = {}
    for attribute in element.iterchildren(q("md:RequestedAttribute")):
        name = attribute_of(attribute, "Name")
        is_required = _read_flag(attribute, "isRequired") is True
        wanted[name] = is_required or wanted.get(name, False)
    return AttributeService(
        requested=tuple(wanted),
        required=frozenset(name for name, is_required in wanted.items() if is_required),
        index=_index_of(element.get("index")) or 0,
        is_default=_read_flag(element, "isDefault"),
    )


class _Keys(TypedDict):
    """Keys and algorithms of a role, as the fields of :class:`Role`."""

    signing_certificates: tuple[str, ...]
    encryption_certificates: tuple[str, ...]
    encryption_methods: tuple[EncryptionMethod, ...]
    names_keys: bool
    digest_methods: tuple[str, ...]
    signing_methods: tuple[str, ...]


class _Key(NamedTuple):
    """A KeyDescriptor; of its certificates the first, or None.

    Those of a chain behind that are not the party's.
    """

    element: etree._Element
    use: str | None
    certificate: str | None

    @classmethod
    def of(cls, element: etree._Element) -> "_Key":
        found = next(element.iter(q("ds:X509Certificate")), None)
        text = None if found is None else "".join((found.text or "").split())
        return cls(element, element.get("use"), text)

    @property
    def is_named(self) -> bool:
        """Whether it is named as DigiD names it."""
        name = next(self.element.iter(q("ds:KeyName")), None)
        if name is None or self.certificate is None:
            return False
        try:
            return line(name) == key_name(self.certificate)
        except MalformedMessage:
            # Another remark already names the certificates that cannot be used.
            return False


def _read_keys(role: _Part) -> _Keys:
    keys = [_Key.of(element) for element in role.all("md:KeyDescriptor")]
    methods = (
        _read_encryption_method(method)
        for key in keys
        if key.use in (None, "encryption")
        for method in key.element.iterchildren(_ENCRYPTION_METHOD)
    )
    return _Keys(
        signing_certificates=_certificates_for("signing", keys),
        encryption_certificates=_certificates_for("encryption", keys),
        encryption_methods=tuple(dict.fromkeys(methods)),
        names_keys=any(key.is_named for key in keys),
        digest_methods=_read_algorithms(role, "alg:DigestMethod"),
        signing_methods=_read_algorithms(role, "alg:SigningMethod"),
    )


def _certificates_for(use: str, keys: Sequence[_Key]) -> tuple[str, ...]:
    """Base64 texts; a KeyDescriptor without a use is for both (metadata 2.4.1.1)."""
    return tuple(
        key.certificate
        for key in keys
        if key.certificate is not None and key.use in (None, use)
    )


def _read_encryption_method(element: etree._Element) -> EncryptionMethod:
    algorithm = attribute_of(element, "Algorithm")
    if not len(element):
        return EncryptionMethod(algorithm)
    children = _by_tag([element])

    def parameter(name: str) -> str:
        found = children.get(q(name))
        return attribute_of(found[0], "Algorithm") if found else ""

    return EncryptionMethod(
        algorithm, digest=parameter("ds:DigestMethod"), mask=parameter("xenc11:MGF")
    )


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
        found = "; ".join(fault.partition(": ")[2] for fault in faults) or "found none"
        raise PeerWithoutKeys(
            f"a role has no usable signing certificate: {found}. Expected a"
            " KeyDescriptor with an X509Certificate for an RSA key of 2048 bits or"
            " more, or for an elliptic key. Ask its administrator for metadata with"
            " one"
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
            tell(f"eilogin skips a key for {use}: {error}")
        else:
            usable.append(text)
    return tuple(usable)


def _read_endpoints(role: _Part, name: str, member: _Member) -> tuple[Endpoint, ...]:
    return _read_addresses(role.all(name), member)


def _read_addresses(
    elements: Sequence[etree._Element], member: _Member
) -> tuple[Endpoint, ...]:
    """The endpoints of one service whose address can be used.

    Raises :class:`~eilogin.errors.MalformedMessage` where there is one of a binding
    that we speak, and no such one can be used.
    """
    found, faults = [], []
    for element in elements:
        try:
            found.append(_read_endpoint(element, on_loopback=member.on_loopback))
        except MalformedMessage as error:
            name = etree.QName(element).localname
            binding = element.get("Binding", "")
            if binding in _SPOKEN:
                faults.append(f"its {name} by {short(binding)}: {error}")
            else:
                article = "an" if name.startswith("A") else "a"
                member.tell(f"eilogin skips {article} {name}: {error}")
    if faults and not any(one.binding in _SPOKEN for one in found):
        raise MalformedMessage(
            f"{faults[0]}; ask its administrator for metadata with another address"
        )
    for fault in faults:
        member.tell(f"eilogin skips an address and uses others: {fault}")
    return tuple(found)


def _read_endpoint(element: etree._Element, *, on_loopback: bool) -> Endpoint:
    # All at once: there are many of these.
    said = dict(element.items())
    location = said.get("Location", "")
    response_location = said.get("ResponseLocation", "")
    require_address(location, on_loopback=on_loopback)
    if response_location:
        require_address(response_location, on_loopback=on_loopback)
    return Endpoint(
        plain(said.get("Binding", "")),
        location,
        response_location,
        _index_of(said.get("index")),
        _flag_of(said.get("isDefault")),
    )


def _index_of(text: str | None) -> int | None:
    # The schema does not know the index of what is in Extensions.
    index = None if text is None else _INDEX.fullmatch(text)
    return int(index[1]) if index else None


def _read_flag(element: etree._Element, name: str) -> bool | None:
    return _flag_of(element.get(name))


def _flag_of(text: str | None) -> bool | None:
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
        tell("eilogin skips an InformationURL that is not a web address")
    return usable


def _read_logos(about: Sequence[_ByTag], tell: _Tell) -> tuple[Logo, ...]:
    """Return the logos of the first role that has any, without opening an image."""
    for texts in about:
        if elements := texts.get(q("mdui:Logo")):
            found = [*map(_read_logo, elements)]
            usable = [one for one in found if _may_be_shown(one) or web_host(one.url)]
            if usable != found:
                kilobytes = logos.MOST // 1024
                tell(
                    "eilogin skips a Logo; expected a web address, or a data:"
                    f" address of a PNG or SVG image of at most {kilobytes} KiB"
                )
            # Those of the web are never shown.
            return tuple(sorted(usable, key=_is_of_web)[:_MOST_LOGOS])
    return ()


def _read_logo(element: etree._Element) -> Logo:
    width, height = (_SIDE.fullmatch(element.get(n, "")) for n in ("width", "height"))
    return Logo(
        collapsed(element.text or ""),
        int(width[1]) if width else 0,
        int(height[1]) if height else 0,
        clean(element.get(_LANGUAGE, "")),
    )


def _may_be_shown(logo: Logo) -> bool:
    return logos.is_candidate(logo.url)


def _is_of_web(logo: Logo) -> bool:
    return not _may_be_shown(logo)


def _read_contact(element: etree._Element) -> Contact:
    said = dict.fromkeys(_OF_CONTACT, "")
    for child in element:
        # The first of two values counts.
        if said.get(child.tag) == "":
            said[child.tag] = line(child)
    company, email, telephone = said.values()
    email = email.removeprefix("mailto:").strip()
    return Contact(element.get("contactType", ""), company, email, telephone)
