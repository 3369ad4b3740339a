"""The members of a federation as frozen values, and how to look things up in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from eilogin.saml.keys import public_key

#: Registration and publication information: when metadata was made (mdrpi 2.2).
MDRPI = "urn:oasis:names:tc:SAML:metadata:rpi"
PUBLICATION_INFO = f"{{{MDRPI}}}PublicationInfo"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a role (metadata 2.2.2 and 2.2.3).

    ``binding`` is a URI of :mod:`eilogin.saml.bindings`. ``response_location`` is ""
    where answers go to ``location`` too; ``index`` and ``is_default`` are None where
    they are not said.
    """

    binding: str
    location: str
    response_location: str = ""
    index: int | None = None
    is_default: bool | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to ask (metadata 2.3.2.2); ``email`` without ``mailto:``."""

    #: technical, support, administrative, billing or other.
    kind: str
    company: str = ""
    email: str = ""
    telephone: str = ""


@dataclass(frozen=True, kw_only=True)
class Role:
    """What both roles have (metadata 2.4.1 and 2.4.2).

    Certificates are base64 DER without white space, as they stand in metadata: they
    carry a key, and their dates and issuers say nothing (metadata interoperability
    profile 2.6.1).
    """

    signing_certificates: tuple[str, ...] = ()
    encryption_certificates: tuple[str, ...] = ()
    single_logouts: tuple[Endpoint, ...] = ()
    name_id_formats: tuple[str, ...] = ()

    @cached_property
    def keys(self) -> tuple[RSAPublicKey, ...]:
        """The public keys of the signing certificates, in their order."""
        return tuple(public_key(text) for text in self.signing_certificates)

    def single_logout(self, binding: str) -> Endpoint | None:
        """Where this role takes a logout over ``binding``, or None."""
        return _over(binding, self.single_logouts)


@dataclass(frozen=True, kw_only=True)
class ServiceProvider(Role):
    """A participant (metadata 2.4.4); ``requested_attributes`` are their Names."""

    assertion_consumers: tuple[Endpoint, ...] = ()
    requested_attributes: tuple[str, ...] = ()
    authn_requests_signed: bool = False
    want_assertions_signed: bool = False

    def consumer(
        self, *, index: int | None = None, url: str = "", binding: str = ""
    ) -> Endpoint | None:
        """Where a login answer goes: by index, by exact URL, or else the default one.

        ``binding``, where given, must be that of the address. None where there is no
        such address: then nothing may be sent anywhere.
        """
        wanted = [
            endpoint
            for endpoint in self.assertion_consumers
            if index in (None, endpoint.index)
            and url in ("", endpoint.location)
            and binding in ("", endpoint.binding)
        ]
        # Metadata 2.2.3: the first that says it is the default, else the first that
        # does not say that it is none, else the first.
        return next(
            (
                endpoint
                for said in (True, None, False)
                for endpoint in wanted
                if endpoint.is_default is said
            ),
            None,
        )


@dataclass(frozen=True, kw_only=True)
class IdentityProvider(Role):
    """A hub (metadata 2.4.3)."""

    single_sign_ons: tuple[Endpoint, ...] = ()
    artifact_resolutions: tuple[Endpoint, ...] = ()
    want_authn_requests_signed: bool = False

    def single_sign_on(self, binding: str) -> Endpoint | None:
        """Where this hub takes an AuthnRequest over ``binding``, or None."""
        return _over(binding, self.single_sign_ons)

    def artifact_resolution(self, index: int) -> Endpoint | None:
        """Where artifacts with this EndpointIndex are resolved, or None."""
        return next((e for e in self.artifact_resolutions if e.index == index), None)


@dataclass(frozen=True, kw_only=True)
class EntityDescriptor:
    """A member of a federation (metadata 2.3.2).

    ``names``, ``descriptions`` and ``information_urls`` (mdui 2.1) are by language,
    such as ``nl``. ``valid_until`` is the earliest of all validUntil from the root of
    the metadata down to its roles, or None.
    """

    entity_id: str
    service_provider: ServiceProvider | None = None
    identity_provider: IdentityProvider | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    information_urls: Mapping[str, str] = field(default_factory=dict)
    contacts: tuple[Contact, ...] = ()
    valid_until: float | None = None

    def name(self, language: str) -> str:
        """What people call it, in ``language`` or else another; or its entityID."""
        return _in(language, self.names) or self.entity_id

    def description(self, language: str) -> str:
        """What it is for, in ``language`` or else another, or ""."""
        return _in(language, self.descriptions)

    def information_url(self, language: str) -> str:
        """Its page for visitors, in ``language`` or else another, or ""."""
        return _in(language, self.information_urls)


@dataclass(frozen=True, slots=True)
class FederationMetadata:
    """What the operator signed."""

    entities: tuple[EntityDescriptor, ...]
    #: validUntil of the whole, or None.
    valid_until: float | None
    #: Name of the federation, or "".
    name: str
    #: When the operator made it (mdrpi creationInstant), or None.
    created: float | None


def _over(binding: str, endpoints: Sequence[Endpoint]) -> Endpoint | None:
    return next((e for e in endpoints if e.binding == binding), None)


def _in(language: str, texts: Mapping[str, str]) -> str:
    """The text in a language, else in English, else the first one, else ""."""
    first = next(iter(texts.values()), "")
    return texts.get(language) or texts.get("en") or first
