"""The members of a federation as frozen values, with lookups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import PlainSerializer

from eilogin.errors import PeerUnusable
from eilogin.saml.bindings import SOAP
from eilogin.saml.printable_text import short
from eilogin.saml.signing_keys import PublicKey, encryption_key, public_key
from eilogin.saml.xml_encryption import EncryptionMethod

#: mdrpi 2.1 and 2.2.
MDRPI = "urn:oasis:names:tc:SAML:metadata:rpi"
PUBLICATION_INFO = f"{{{MDRPI}}}PublicationInfo"
REGISTRATION_INFO = f"{{{MDRPI}}}RegistrationInfo"

#: Identity provider discovery 2.5; also the URI of its binding.
IDPDISC = "urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol"
DISCOVERY_RESPONSE = f"{{{IDPDISC}}}DiscoveryResponse"

#: The categories of an entity, and those that it supports (RFC 8409 3 and 4).
ENTITY_CATEGORY = "http://macedir.org/entity-category"
ENTITY_CATEGORY_SUPPORT = "http://macedir.org/entity-category-support"

#: Kinds of contacts, the best one to ask first (metadata 2.3.2.2).
CONTACT_KINDS = ("technical", "support", "administrative", "other", "billing")

#: Keywords of a member, and characters of one.
MOST_KEYWORDS, LONGEST_KEYWORD = 20, 40

#: The SSO domain of a member that shares no session.
NO_SSO = "none"


#: Texts without an order, always written in the same order.
Texts = Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str])]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a role (metadata 2.2.2 and 2.2.3).

    ``binding`` is a URI of :mod:`eilogin.saml.bindings`. ``response_location`` is "" if
    responses go to ``location``; ``index`` and ``is_default`` are None if absent.
    """

    binding: str
    location: str
    response_location: str = ""
    index: int | None = None
    is_default: bool | None = None

    @property
    def for_answers(self) -> str:
        """The address for responses (metadata 2.2.2)."""
        return self.response_location or self.location


def bindings_of(endpoints: Iterable[Endpoint]) -> str:
    """The bindings of endpoints for an error, or ``none``."""
    names = dict.fromkeys(short(endpoint.binding) for endpoint in endpoints)
    return ", ".join(names) or "none"


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact person (metadata 2.3.2.2); ``email`` without ``mailto:``."""

    #: technical, support, administrative, billing or other.
    kind: str
    company: str = ""
    email: str = ""
    telephone: str = ""


@dataclass(frozen=True, slots=True)
class Logo:
    """An image of a member (mdui 2.1.5), not verified yet.

    ``url`` is a ``data:`` address, or one of the web. No page shows the latter, because
    each browser would report to that site. ``width`` and ``height`` are the stated
    pixels, or 0.
    """

    url: str
    width: int = 0
    height: int = 0
    #: A language such as ``nl``, or "" for all.
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class Role:
    """The common parts of both roles (metadata 2.4.1 and 2.4.2).

    Certificates are base64 DER without white space. Only their keys count (metadata
    interoperability profile 2.6.1).
    """

    signing_certificates: tuple[str, ...] = ()
    encryption_certificates: tuple[str, ...] = ()
    #: The preferred one first.
    encryption_methods: tuple[EncryptionMethod, ...] = ()
    #: Listed by the role itself (algorithm support 2.4): see
    #: :meth:`EntityDescriptor.algorithms`.
    digest_methods: tuple[str, ...] = ()
    signing_methods: tuple[str, ...] = ()
    #: Whether it names its keys by the SHA-1 of the certificate, as DigiD does.
    names_keys: bool = False
    single_logouts: tuple[Endpoint, ...] = ()
    name_id_formats: tuple[str, ...] = ()

    @cached_property
    def keys(self) -> tuple[PublicKey, ...]:
        """The keys of the signing certificates, in order."""
        return tuple(public_key(text) for text in self.signing_certificates)

    @cached_property
    def encryption_keys(self) -> tuple[RSAPublicKey, ...]:
        """The keys with which to encrypt for this role, in order."""
        return tuple(map(encryption_key, self.encryption_certificates))

    def single_logout(self, *bindings: str) -> Endpoint | None:
        """The SingleLogoutService of the first binding that this role has, or None."""
        return _of_binding(bindings, self.single_logouts)


@dataclass(frozen=True, slots=True)
class AttributeService:
    """Attributes that a participant requests, or ``required`` (metadata 2.4.4.1)."""

    requested: tuple[str, ...]
    required: Texts = frozenset()
    index: int = 0
    is_default: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceProvider(Role):
    """A participant (metadata 2.4.4).

    A discovery service sends the visitor's choice to ``discovery_responses`` (identity
    provider discovery 2.5).
    """

    assertion_consumers: tuple[Endpoint, ...] = ()
    attribute_services: tuple[AttributeService, ...] = ()
    discovery_responses: tuple[Endpoint, ...] = ()
    authn_requests_signed: bool = False
    want_assertions_signed: bool = False

    def consumer(
        self, *, index: int | None = None, url: str = "", binding: str = ""
    ) -> Endpoint | None:
        """The address for a Response: by index, by exact URL, or the default one.

        It must have ``binding``, if given. None means that nothing may be sent.
        """
        matching = [
            endpoint
            for endpoint in self.assertion_consumers
            if index in (None, endpoint.index)
            and url in ("", endpoint.location)
            and binding in ("", endpoint.binding)
        ]
        return _default_of(matching)

    def attribute_service(self, index: int | None = None) -> AttributeService | None:
        """The attribute service of an index, or the default one, or None.

        An unknown index counts as none (SAML core 3.4.1).
        """
        matching = [
            service for service in self.attribute_services if service.index == index
        ]
        return _default_of(matching or self.attribute_services)


@dataclass(frozen=True, kw_only=True)
class IdentityProvider(Role):
    """A hub (metadata 2.4.3)."""

    single_sign_ons: tuple[Endpoint, ...] = ()
    artifact_resolutions: tuple[Endpoint, ...] = ()
    #: For activity reports (``act:ActivityService``, eilogin's extension).
    activity_services: tuple[Endpoint, ...] = ()
    want_authn_requests_signed: bool = False
    #: In lower case; None if it lists none (Shibboleth metadata extension 1.0).
    scopes: Texts | None = None

    def single_sign_on(self, *bindings: str) -> Endpoint | None:
        """The SingleSignOnService of the first binding that this hub has, or None."""
        return _of_binding(bindings, self.single_sign_ons)

    @property
    def activity_service(self) -> Endpoint | None:
        """The address for activity reports over SOAP, or None."""
        return _of_binding((SOAP,), self.activity_services)

    def artifact_resolution(self, index: int) -> Endpoint | None:
        """The ArtifactResolutionService of an EndpointIndex over SOAP, or None.

        For an unknown index, returns the default one: pysaml2 writes another number.
        """
        over_soap = [e for e in self.artifact_resolutions if e.binding == SOAP]
        matching = [e for e in over_soap if e.index == index]
        return _default_of(matching or over_soap)


@dataclass(frozen=True, kw_only=True)
class EntityDescriptor:
    """A member of a federation (metadata 2.3.2).

    ``names``, ``descriptions``, ``keywords`` and ``information_urls`` (mdui 2.1) are by
    language, such as ``nl``; keywords as in the metadata. The member belongs to
    ``entity_categories``, and releases attributes to ``supported_categories`` (RFC
    8409). ``digest_methods`` and ``signing_methods`` are accepted algorithms, the
    preferred one first (algorithm support 2). ``registrar`` is a URI (mdrpi 2.1).
    ``sso_domain``, ``required_level`` and ``released`` are the operator's rules
    (:mod:`~eilogin.saml.metadata.rule_attributes`). ``valid_until`` is the earliest
    validUntil from the root to its roles, or None.
    """

    entity_id: str
    service_provider: ServiceProvider | None = None
    identity_provider: IdentityProvider | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    information_urls: Mapping[str, str] = field(default_factory=dict)
    keywords: Mapping[str, str] = field(default_factory=dict)
    logos: tuple[Logo, ...] = ()
    contacts: tuple[Contact, ...] = ()
    entity_categories: Texts = frozenset()
    supported_categories: Texts = frozenset()
    digest_methods: tuple[str, ...] = ()
    signing_methods: tuple[str, ...] = ()
    registrar: str = ""
    #: Members of one domain share a session; "" for the usual one, :data:`NO_SSO` for
    #: none.
    sso_domain: str = ""
    #: The lowest level at which it serves a visitor, or "".
    required_level: str = ""
    #: All attributes that it may receive; None without a limit.
    released: Texts | None = None
    valid_until: float | None = None

    def name(self, language: str) -> str:
        """The display name, in ``language`` or else another; or the entityID."""
        return _text_in(language, self.names) or self.entity_id

    @property
    def whom_to_ask(self) -> str:
        """A contact for an administrator: an address, or a name."""
        contacts = [c for c in self.contacts if c.email or c.telephone]
        contact = min(contacts, key=_contact_rank, default=None)
        if contact is None:
            return f"the administrator of '{self.entity_id}'"
        return " ".join(
            filter(None, (contact.company, contact.email or contact.telephone))
        )

    def algorithms(self, role: Role) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The algorithms for a role: of signatures, and of their digests.

        Empty if not listed. The role's list replaces that of its entity (algorithm
        support 2.4).
        """
        return (
            role.signing_methods or self.signing_methods,
            role.digest_methods or self.digest_methods,
        )

    def description(self, language: str) -> str:
        """The purpose, in ``language`` or else another, or ""."""
        return _text_in(language, self.descriptions)

    def description_language(self, language: str) -> str:
        """The language of the description on a page in ``language``, or ""."""
        return _language_of(language, self.descriptions)

    def information_url(self, language: str) -> str:
        """The page for visitors, in ``language`` or else another, or ""."""
        return _text_in(language, self.information_urls)

    def keywords_in(self, language: str) -> tuple[str, ...]:
        """Keywords for a search, in ``language`` or else another.

        A blank separates two of them; a "+" is a blank within one (mdui 2.1.4).
        """
        raw_words = _text_in(language, self.keywords).split()
        words = (" ".join(word.replace("+", " ").split()) for word in raw_words)
        keywords = dict.fromkeys(
            word[:LONGEST_KEYWORD].strip() for word in words if word
        )
        return tuple(keywords)[:MOST_KEYWORDS]

    def logos_in(self, language: str) -> list[Logo]:
        """The logos, those in ``language`` first, then the larger ones first."""
        ranks = {"": 1, "en": 2, language: 0}
        return sorted(
            self.logos,
            key=lambda logo: (ranks.get(logo.language, 3), -logo.width * logo.height),
        )


@dataclass(frozen=True, slots=True)
class FederationMetadata:
    """Metadata that the operator signed, or that a trusted file holds."""

    entities: Sequence[EntityDescriptor]
    valid_until: float | None
    name: str
    created: float | None
    #: The ID of the root, or "".
    id: str = ""
    #: Seconds until newer metadata may exist.
    cache_duration: float | None = None
    #: Whether it is an EntitiesDescriptor.
    is_aggregate: bool = True
    left_out: Mapping[str, PeerUnusable] = field(default_factory=dict)
    #: Texts for the log about skipped parts.
    remarks: tuple[str, ...] = ()
    #: The fault of the source if this is an earlier copy; else "".
    instead_of: str = ""


def _contact_rank(contact: Contact) -> int:
    return CONTACT_KINDS.index(contact.kind)


_IndexedT = TypeVar("_IndexedT", Endpoint, AttributeService)


def _default_of(indexed: Sequence[_IndexedT]) -> _IndexedT | None:
    """The default one (metadata 2.2.3).

    That is the first with isDefault true, else the first without isDefault, else the
    first.
    """
    return next(
        (
            candidate
            for is_default in (True, None, False)
            for candidate in indexed
            if candidate.is_default is is_default
        ),
        None,
    )


def _of_binding(
    bindings: Sequence[str], endpoints: Sequence[Endpoint]
) -> Endpoint | None:
    matching = (e for binding in bindings for e in endpoints if e.binding == binding)
    return next(matching, None)


def _text_in(language: str, texts: Mapping[str, str]) -> str:
    """The text in a language, else in English, else the first one, else ""."""
    return texts.get(_language_of(language, texts), "")


def _language_of(language: str, texts: Mapping[str, str]) -> str:
    return next(
        (candidate for candidate in (language, "en", *texts) if texts.get(candidate)),
        "",
    )
