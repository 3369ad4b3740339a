"""This party's own identity: its names, its keys, and its addresses.

The addresses define the routes, the endpoints in metadata, and all URLs that we send.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict
from urllib.parse import unquote_to_bytes, urlsplit

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from eilogin import clock, logos
from eilogin.federation.local.accent_colours import Accent
from eilogin.federation.local.accessibility import Accessibility
from eilogin.federation.local.local_keys import OwnKey, in_turn, published
from eilogin.federation.local.profiles import SAML_PROFILE, Profile
from eilogin.saml import bindings
from eilogin.saml.messages import PERSISTENT, TRANSIENT
from eilogin.saml.metadata import (
    IDPDISC,
    AttributeService,
    Contact,
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    Logo,
    ServiceProvider,
)
from eilogin.saml.signing_keys import SigningKey
from eilogin.saml.xml_encryption import ENCRYPTION_METHODS, EncryptionMethod
from eilogin.saml.xml_signatures import DIGEST_METHODS, SIGNATURE_METHODS

PARTICIPANT = "participant"
HUB = "hub"

#: Path below the prefix, by role.
ADDRESSES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        PARTICIPANT: {
            "metadata": "/metadata",
            "language": "/language",
            "login": "/login",
            "discovery": "/discovery",
            "acs": "/acs",
            "logout": "/logout",
            "slo": "/slo",
            "slo_soap": "/slo/soap",
            "session": "/session",
            "warning": "/warning.js",
            "accessibility": "/accessibility",
            "again": "/again",
            "metrics": "/metrics",
        },
        HUB: {
            "home": "/",
            "metadata": "/metadata",
            "language": "/language",
            "login": "/login",
            "sso": "/sso",
            "artifact": "/artifact",
            "logout": "/logout",
            "slo": "/slo",
            "slo_soap": "/slo/soap",
            "activity": "/activity",
            "accessibility": "/accessibility",
            "health": "/health",
            "metrics": "/metrics",
        },
    }
)

#: The addresses that servers call.
_BACK_CHANNEL = frozenset({"activity", "artifact", "slo_soap"})


@dataclass(frozen=True)
class Own:
    """Our own entity in the federation. Texts are keyed by language."""

    role: str
    public_url: str
    prefix: str
    #: The keys of a folder change with its files (``local_keys``).
    keys: Sequence[OwnKey]
    entity_id: str
    #: Base of :data:`_BACK_CHANNEL`; usually the public URL.
    back_channel_url: str
    #: ``artifact`` or ``post``.
    acs: str = "artifact"
    names: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    keywords: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Our page for the portal, or "".
    link: str = ""
    #: The help desk, or "".
    telephone: str = ""
    email: str = ""
    templates: Path | None = None
    #: A safe ``data:`` URI, or "".
    logo: str = ""
    #: None for eilogin's own.
    accent: Accent | None = None
    #: Pairs of a text, or a word of ``appearance.WORDS``, and an address.
    footer: Sequence[tuple[str, str]] = ()
    accessibility: Accessibility | None = None
    #: Accepted formats, the requested one first; empty if none is requested.
    name_id_formats: tuple[str, ...] = (PERSISTENT,)
    asks_for_any_name: bool = False
    requested_attributes: tuple[str, ...] = ()
    required_attributes: frozenset[str] = frozenset()
    #: Our own; for a hub, those that receive attributes on request.
    entity_categories: frozenset[str] = frozenset()
    profile: Profile = SAML_PROFILE
    #: Prefix of the hub behind a participant's filters, whose citizens sign in there.
    hub_inside: str | None = None
    #: Seal cookies and stored forms, newest first.
    secrets: Sequence[bytes] = field(default=(), repr=False)
    #: b"" for one from our private key.
    pseudonym_key: bytes = field(default=b"", repr=False)

    @cached_property
    def mount(self) -> str:
        """The path of :attr:`public_url`, or ""."""
        return urlsplit(self.public_url).path

    @property
    def name_id_format(self) -> str:
        """The NameID format that a participant requests, or ""."""
        return next(iter(self.name_id_formats), "")

    def url(self, address: str) -> str:
        """The full URL of an address such as ``acs``."""
        base = self.back_channel_url if address in _BACK_CHANNEL else self.public_url
        return base + self.prefix + ADDRESSES[self.role][address]

    @cached_property
    def accessibility_url(self) -> str:
        """The URL of the accessibility statement, or ""."""
        return self.url("accessibility") if self.accessibility else ""

    @property
    def key(self) -> SigningKey:
        """The key that signs now."""
        # Options and tests always give a signing key.
        return self.published_keys[0]

    @property
    def published_keys(self) -> tuple[SigningKey, ...]:
        """The keys that peers verify with: the present, the next and earlier ones."""
        return tuple(key.pair for key in published(self._signing, clock.now()))

    @property
    def decryption_keys(self) -> tuple[SigningKey, ...]:
        """The decryption keys; the published one comes first."""
        keys = self._encrypting
        first = in_turn(keys, clock.now())
        if first is None:
            return ()
        return (first.pair, *(k.pair for k in keys if k is not first))

    @property
    def encryption_keys(self) -> tuple[SigningKey, ...]:
        """The keys that others may encrypt with; the named one comes first."""
        # A next key that signs is already in our metadata, so it is left out.
        now = clock.now()
        keys = published(self._encrypting, now)
        ahead = (k.pair for k in keys[1:] if not k.signs and k.begins > now)
        return (*(k.pair for k in keys[:1]), *ahead)

    @property
    def _signing(self) -> Sequence[OwnKey]:
        return [key for key in self.keys if key.signs]

    @property
    def _encrypting(self) -> Sequence[OwnKey]:
        return [key for key in self.keys if key.encrypts]

    def _derived(self, purpose: bytes) -> bytes:
        """Derive a secret from our only key; with several keys, secrets are set."""
        octets = self.keys[0].pair.private.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )
        return hashlib.sha256(purpose + b"\0" + octets).hexdigest().encode()

    @cached_property
    def sealing_secrets(self) -> Sequence[bytes]:
        """:attr:`secrets`, or one from our private key (see ``eilogin keys new``)."""
        return self.secrets or (self._derived(b"eilogin sealing"),)

    @cached_property
    def made_pseudonym_key(self) -> bytes:
        """:attr:`pseudonym_key`; without one, a key derived from our private key."""
        # Not from the secrets, which change: a citizen must keep one pseudonym.
        return self.pseudonym_key or self._derived(b"eilogin pseudonym")

    def pseudonym(self, identifier: str) -> str:
        """A keyed hash for the audit log, 16 digits: a plain one would reveal a BSN."""
        return self._pseudonym(identifier.encode())[:16]

    def subject(self, name: str) -> str:
        """A keyed hash for our application, 40 digits, too many for a collision."""
        # From a plain hash, an attacker could find a number by trying all.
        return self._pseudonym(b"subject\0" + name.encode())[:40]

    def _pseudonym(self, octets: bytes) -> str:
        return hmac.digest(self.made_pseudonym_key, octets, hashlib.sha256).hex()

    @cached_property
    def by_path(self) -> Mapping[str, str]:
        """Address names by path, prefix included."""
        return {self.prefix + path: name for name, path in ADDRESSES[self.role].items()}

    def descriptor(self) -> EntityDescriptor:
        """Our published EntityDescriptor; for DigiD a minimal one (DigiD 4)."""
        is_hub = self.role == HUB
        own = EntityDescriptor(
            entity_id=self.entity_id,
            service_provider=None if is_hub else self._service_provider(),
            identity_provider=self._identity_provider() if is_hub else None,
        )
        if self.profile.has_minimal_metadata:
            return own
        return replace(
            own,
            **self._about(),
            entity_categories=frozenset() if is_hub else self.entity_categories,
            supported_categories=self.entity_categories if is_hub else frozenset(),
            digest_methods=DIGEST_METHODS,
            signing_methods=SIGNATURE_METHODS,
        )

    def entry(self) -> EntityDescriptor:
        """Our EntityDescriptor as an operator has it who asked by a form."""
        return replace(self.descriptor(), **self._about())

    def _about(self) -> "_About":
        link = self.link or self.public_url + "/"
        return {
            "names": self.names,
            "descriptions": self.descriptions,
            "information_urls": dict.fromkeys(self.names, link),
            # A blank separates words; a plus sign is a blank within one (mdui 2.1.4).
            "keywords": {
                language: " ".join("+".join(keyword.split()) for keyword in words)
                for language, words in self.keywords.items()
            },
            "logos": self._logos(),
            "contacts": self._contacts(),
        }

    def _service_provider(self) -> ServiceProvider:
        role = ServiceProvider(
            signing_certificates=self._signing_certificates(),
            authn_requests_signed=True,
            want_assertions_signed=True,
        )
        if self.profile.has_minimal_metadata:
            return replace(
                role,
                names_keys=True,
                assertion_consumers=(
                    Endpoint(bindings.ARTIFACT, self.url("acs"), index=0),
                ),
                single_logouts=self._single_logouts(),
            )
        return replace(
            role,
            **self._encryption(),
            assertion_consumers=self._consumers(),
            single_logouts=self._single_logouts(),
            name_id_formats=self.name_id_formats,
            attribute_services=self._attribute_services(),
            discovery_responses=(Endpoint(IDPDISC, self.url("discovery"), index=0),),
        )

    def _signing_certificates(self) -> tuple[str, ...]:
        return tuple(key.certificate_text for key in self.published_keys)

    def _attribute_services(self) -> tuple[AttributeService, ...]:
        if not self.requested_attributes:
            return ()
        return (AttributeService(self.requested_attributes, self.required_attributes),)

    def _consumers(self) -> tuple[Endpoint, ...]:
        kinds = {"artifact": bindings.ARTIFACT, "post": bindings.POST}
        # The first is the default if an AuthnRequest names none.
        consumer_bindings = [
            kinds[self.acs],
            *(b for a, b in kinds.items() if a != self.acs),
        ]
        return tuple(
            Endpoint(binding, self.url("acs"), index=i, is_default=i == 0)
            for i, binding in enumerate(consumer_bindings)
        )

    def _identity_provider(self) -> IdentityProvider:
        role = IdentityProvider(
            signing_certificates=self._signing_certificates(),
            single_sign_ons=(
                Endpoint(bindings.REDIRECT, self.url("sso")),
                Endpoint(bindings.POST, self.url("sso")),
            ),
            single_logouts=self._single_logouts(),
            artifact_resolutions=(
                Endpoint(bindings.SOAP, self.url("artifact"), index=0, is_default=True),
            ),
            want_authn_requests_signed=True,
        )
        if self.profile.has_minimal_metadata:
            # DigiD's own has no more (DigiD 1.7), and one key for everything.
            return replace(
                role,
                encryption_certificates=role.signing_certificates[:1],
                names_keys=True,
            )
        return replace(
            role,
            **self._encryption(),
            name_id_formats=(PERSISTENT, TRANSIENT),
            activity_services=(Endpoint(bindings.SOAP, self.url("activity")),),
        )

    def _encryption(self) -> "_Encryption":
        named = [key.certificate_text for key in self.encryption_keys]
        return {
            "encryption_certificates": tuple(named),
            "encryption_methods": ENCRYPTION_METHODS if named else (),
        }

    def _single_logouts(self) -> tuple[Endpoint, ...]:
        logout_bindings = (
            self.profile.hub_logout_services
            if self.role == HUB
            else self.profile.participant_logout_services
        )
        addresses = {
            bindings.REDIRECT: self.url("slo"),
            bindings.POST: self.url("slo"),
            bindings.SOAP: self.url("slo_soap"),
        }
        return tuple(Endpoint(b, addresses[b]) for b in logout_bindings)

    def _logos(self) -> tuple[Logo, ...]:
        if not self.logo:
            return ()
        return (Logo(self.logo, *logos.size_of(self.logo)),)

    def _contacts(self) -> tuple[Contact, ...]:
        if not (self.telephone or self.email):
            return ()
        return (Contact("support", email=self.email, telephone=self.telephone),)


class _About(TypedDict):
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    information_urls: Mapping[str, str]
    keywords: Mapping[str, str]
    logos: tuple[Logo, ...]
    contacts: tuple[Contact, ...]


class _Encryption(TypedDict):
    encryption_certificates: tuple[str, ...]
    encryption_methods: tuple[EncryptionMethod, ...]


def script_names(public_url: str) -> frozenset[str]:
    """The valid SCRIPT_NAMEs of a site, in WSGI form (PEP 3333)."""
    # The path of ``public_url`` or an end of it: a proxy may remove the beginning.
    path = unquote_to_bytes(urlsplit(public_url).path).decode("latin-1")
    names = path.split("/")
    ends = ["/".join(["", *names[start:]]) for start in range(1, len(names))]
    return frozenset(["", "/", *ends, *(f"{end}/" for end in ends)])
