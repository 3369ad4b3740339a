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

#: RFC 8409 3 and 4.
ENTITY_CATEGORY = "http://macedir.org/entity-category"
ENTITY_CATEGORY_SUPPORT = "http://macedir.org/entity-category-support"

#: The best one to ask first (metadata 2.3.2.2).
CONTACT_KINDS = ("technical", "support", "administrative", "other", "billing")

#: Keywords of a member, and characters of one.
MOST_KEYWORDS, LONGEST_KEYWORD = 20, 40

#: The SSO domain of a member that shares no session.
NO_SSO = "none"


#: Always written in the same order.
Texts = Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str])]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a role (metadata 2.2.2, 2.2.3); "" and None if absent.

    ``response_location`` is "" if responses go to ``location`` too.
    """

    binding: str
    location: str
    response_location: str = ""
    index: int | None = None
    is_default: bool | None = None

    @property
    def for_answers(self) -> str:
        """Return the address for responses (metadata 2.2.2)."""
        return self.response_location or self.location


def bindings_of(endpoints: Iterable[Endpoint]) -> str:
    """Return the bindings of endpoints for an error, or ``none``."""
    names = dict.fromkeys(short(endpoint.binding) for endpoint in endpoints)
    return ", ".join(names) or "none"


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact person (metadata 2.3.2.2); ``email`` without ``mailto:``."""

    #: One of CONTACT_KINDS.
    kind: str
    company: str = ""
    email: str = ""
    telephone: str = ""


@dataclass(frozen=True, slots=True)
class Logo:
    """An image of a member (mdui 2.1.5), not verified yet; sides in pixels, or 0.

    No page shows a ``url`` of the web, because each browser would report to that site.
    """

    url: str
    width: int = 0
    height: int = 0
    #: Such as ``nl``; "" for all.
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
    #: The role's own: see :meth:`EntityDescriptor.algorithms`.
    digest_methods: tuple[str, ...] = ()
    signing_methods: tuple[str, ...] = ()
    #: Whether its KeyNames are the SHA-1 of certificates, as at DigiD.
    names_keys: bool = False
    single_logouts: tuple[Endpoint, ...] = ()
    name_id_formats: tuple[str, ...] = ()

    @cached_property
    def keys(self) -> tuple[PublicKey, ...]:
        """Return the keys of the signing certificates, in order."""
        return tuple(public_key(text) for text in self.signing_certificates)

    @cached_property
    def encryption_keys(self) -> tuple[RSAPublicKey, ...]:
        """Return the keys with which to encrypt for this role, in order."""
        return tuple(map(encryption_key, self.encryption_certificates))

    def single_logout(self, *bindings: str) -> Endpoint | None:
        """Return the SingleLogoutService of the first binding that it has, or None."""
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
        """Return the address for a Response: by index, exact URL, or the default one.

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
        """Return the service of an index, or the default one (core 3.4.1), or None."""
        matching = [
            service for service in self.attribute_services if service.index == index
        ]
        return _default_of(matching or self.attribute_services)


@dataclass(frozen=True, kw_only=True)
class IdentityProvider(Role):
    """A hub (metadata 2.4.3)."""

    single_sign_ons: tuple[Endpoint, ...] = ()
    artifact_resolutions: tuple[Endpoint, ...] = ()
    #: ``act:ActivityService``, an extension of eilogin.
    activity_services: tuple[Endpoint, ...] = ()
    want_authn_requests_signed: bool = False
    #: In lower case; None if it lists none (Shibboleth metadata extension 1.0).
    scopes: Texts | None = None

    def single_sign_on(self, *bindings: str) -> Endpoint | None:
        """Return the SingleSignOnService of the first binding that it has, or None."""
        return _of_binding(bindings, self.single_sign_ons)

    @property
    def activity_service(self) -> Endpoint | None:
        """Return the address for activity reports over SOAP, or None."""
        return _of_binding((SOAP,), self.activity_services)

    def artifact_resolution(self, index: int) -> Endpoint | None:
        """Return the ArtifactResolutionService of an EndpointIndex over SOAP, or None.

        For an unknown index, returns the default one: pysaml2 writes another number.
        """
        over_soap = [e for e in self.artifact_resolutions if e.binding == SOAP]
        matching = [e for e in over_soap if e.index == index]
        return _default_of(matching or over_soap)


@dataclass(frozen=True, kw_only=True)
class EntityDescriptor:
    """A member of a federation (metadata 2.3.2).

    Texts (mdui 2.1) are by language, such as ``nl``. The member belongs to
    ``entity_categories``, and releases attributes to ``supported_categories``. The
    preferred algorithm comes first (algorithm support 2). ``registrar`` is a URI (mdrpi
    2.1). ``sso_domain``, ``required_level`` and ``released`` are the operator's rules
    (:mod:`~eilogin.saml.metadata.rule_attributes`). ``valid_until`` is the earliest
    validUntil from the root to the roles.
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
    #: "" for the usual domain; :data:`NO_SSO` to share no session.
    sso_domain: str = ""
    #: The lowest level at which it serves a visitor, or "".
    required_level: str = ""
    #: All attributes that it may receive; None without a limit.
    released: Texts | None = None
    valid_until: float | None = None

    def name(self, language: str) -> str:
        """Return the display name, in ``language`` or else another; or the entityID."""
        return _text_in(language, self.names) or self.entity_id

    @property
    def whom_to_ask(self) -> str:
        """Return a contact for an administrator: an address, or a name."""
        contacts = [c for c in self.contacts if c.email or c.telephone]
        contact = min(contacts, key=_contact_rank, default=None)
        if contact is None:
            return f"the administrator of '{self.entity_id}'"
        return " ".join(
            filter(None, (contact.company, contact.email or contact.telephone))
        )

    def algorithms(self, role: Role) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the algorithms for a role: of signatures, and of their digests.

        Empty if not listed. The role's list replaces that of its entity (alg 2.4).
        """
        return (
            role.signing_methods or self.signing_methods,
            role.digest_methods or self.digest_methods,
        )

    def description(self, language: str) -> str:
        """Return the purpose, in ``language`` or else another, or ""."""
        return _text_in(language, self.descriptions)

    def description_language(self, language: str) -> str:
        """Return the language of the description on a page in ``language``, or ""."""
        return _language_of(language, self.descriptions)

    def information_url(self, language: str) -> str:
        """Return the page for visitors, in ``language`` or else another, or ""."""
        return _text_in(language, self.information_urls)

    def keywords_in(self, language: str) -> tuple[str, ...]:
        """Return search words, in ``language`` or else another.

        A blank separates two of them; a "+" is a blank within one (mdui 2.1.4).
        """
        raw_words = _text_in(language, self.keywords).split()
        words = (" ".join(word.replace("+", " ").split()) for word in raw_words)
        keywords = dict.fromkeys(
            word[:LONGEST_KEYWORD].strip() for word in words if word
        )
        return tuple(keywords)[:MOST_KEYWORDS]

    def logos_in(self, language: str) -> list[Logo]:
        """Return the logos: those in ``language`` first, then the larger ones first."""
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
    id: str = ""
    #: Seconds until newer metadata may exist.
    cache_duration: float | None = None
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
    return texts.get(_language_of(language, texts), "")


def _language_of(language: str, texts: Mapping[str, str]) -> str:
    return next(
        (candidate for candidate in (language, "en", *texts) if texts.get(candidate)),
        "",
    )
