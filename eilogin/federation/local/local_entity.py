"""This party's own identity: its names, its key, and its addresses.

From its addresses, by role, come the routes of the filters and the hub, the endpoints
in the metadata, and every URL that we send.
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

#: Path of each address below the prefix, by role.
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

#: The addresses that servers call, on the back channel.
_BACK_CHANNEL = frozenset({"activity", "artifact", "slo_soap"})


@dataclass(frozen=True)
class Own:
    """Our own entity in the federation. Texts are keyed by language."""

    role: str
    public_url: str
    prefix: str
    #: All of them, with their turns (``local_keys``); of a folder
    #: those that are there at each use.
    keys: Sequence[OwnKey]
    entity_id: str
    #: Base of the addresses that servers call; the public one unless told apart.
    back_channel_url: str
    #: How a participant wants its answers: ``artifact`` or ``post``.
    acs: str = "artifact"
    names: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    #: Words by which people look for us.
    keywords: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Our page for visitors to which the portal leads, or "".
    link: str = ""
    #: Telephone number and e-mail address of the help desk, or "".
    telephone: str = ""
    email: str = ""
    #: Folder with pages of our own, in the place of those of eilogin; None for none.
    templates: Path | None = None
    #: Our logo, as a ``data:`` URI that may stand in any page, or "".
    logo: str = ""
    #: Our colour; None for that of eilogin.
    accent: Accent | None = None
    #: The links below each page: a text, or a word of
    #: :data:`eilogin.federation.local.appearance.WORDS`, and an address.
    footer: Sequence[tuple[str, str]] = ()
    #: The content of the accessibility statement; None if there is none.
    accessibility: Accessibility | None = None
    #: The formats of NameID that a participant takes, the one that it asks for first;
    #: none where it asks for no NameID.
    name_id_formats: tuple[str, ...] = (PERSISTENT,)
    #: Whether it asks for one, of whatever format.
    asks_for_any_name: bool = False
    #: The attributes that a participant asks for, and those that it cannot do without.
    requested_attributes: tuple[str, ...] = ()
    required_attributes: frozenset[str] = frozenset()
    #: The kind of participant; for a hub, the kinds of participants that receive
    #: attributes on request.
    entity_categories: frozenset[str] = frozenset()
    #: The interface that we follow.
    profile: Profile = SAML_PROFILE
    #: Where the hub is, by its prefix, that stands inside of a participant's filters
    #: and signs its citizens in there; None where none does.
    hub_inside: str | None = None
    #: The secrets that seal our cookies and what we store for visitors, newest first.
    secrets: Sequence[bytes] = field(default=(), repr=False)
    #: The key for the pseudonyms of citizens; b"" for our private key.
    pseudonym_key: bytes = field(default=b"", repr=False)

    @cached_property
    def mount(self) -> str:
        """The path of :attr:`public_url`; "" where that has none."""
        return urlsplit(self.public_url).path

    @property
    def name_id_format(self) -> str:
        """The format of NameID that a participant asks for, or "" for none."""
        return next(iter(self.name_id_formats), "")

    def url(self, address: str) -> str:
        """The full URL of one of our addresses, such as ``acs``."""
        base = self.back_channel_url if address in _BACK_CHANNEL else self.public_url
        return base + self.prefix + ADDRESSES[self.role][address]

    @cached_property
    def accessibility_url(self) -> str:
        """The address of our accessibility statement, or "" where there is none."""
        return self.url("accessibility") if self.accessibility else ""

    @property
    def key(self) -> SigningKey:
        """The key that signs now; at another date it may be another one."""
        # Options and tests give one that signs.
        return self.published_keys[0]

    @property
    def published_keys(self) -> tuple[SigningKey, ...]:
        """The keys that peers verify with: :attr:`key`, the next and earlier ones."""
        return tuple(one.pair for one in published(self._signing, clock.now()))

    @property
    def decryption_keys(self) -> tuple[SigningKey, ...]:
        """The keys that decrypt messages for us; the key for encryption comes first."""
        keys = self._encrypting
        first = in_turn(keys, clock.now())
        if first is None:
            return ()
        return (first.pair, *(k.pair for k in keys if k is not first))

    @property
    def encryption_keys(self) -> tuple[SigningKey, ...]:
        """The keys that others may encrypt for us with; the named key comes first.

        The next key is included if peers could not know it otherwise: a key that also
        signs is already named ahead.
        """
        now = clock.now()
        found = published(self._encrypting, now)
        ahead = (k.pair for k in found[1:] if not k.signs and k.begins > now)
        return (*(k.pair for k in found[:1]), *ahead)

    @property
    def _signing(self) -> Sequence[OwnKey]:
        return [one for one in self.keys if one.signs]

    @property
    def _encrypting(self) -> Sequence[OwnKey]:
        return [one for one in self.keys if one.encrypts]

    def _derived(self, purpose: bytes) -> bytes:
        """A secret of ours for one purpose, made of our private key.

        Which is the only one: who has several gives the secrets too.
        """
        octets = self.keys[0].pair.private.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )
        return hashlib.sha256(purpose + b"\0" + octets).hexdigest().encode()

    @cached_property
    def sealing_secrets(self) -> Sequence[bytes]:
        """:attr:`secrets`; without secrets, a secret derived from our private key.

        To replace the SAML key, an operator writes down both: ``eilogin keys new``.
        """
        return self.secrets or (self._derived(b"eilogin sealing"),)

    @cached_property
    def made_pseudonym_key(self) -> bytes:
        """:attr:`pseudonym_key`; without one, a key derived from our private key.

        It is not derived from the secrets, which change: in an audit log a citizen must
        keep one pseudonym.
        """
        return self.pseudonym_key or self._derived(b"eilogin pseudonym")

    def pseudonym(self, identifier: str) -> str:
        """Sixteen hexadecimal digits that stand for a citizen in our audit log.

        Keyed: a NameID that is a BSN could be guessed from a plain hash of it.
        """
        return self._pseudonym(identifier.encode())[:16]

    def subject(self, name: str) -> str:
        """Forty hexadecimal digits that identify a citizen to our application.

        They replace a name that is a number of the citizen. A keyed hash is needed
        because all numbers can be tried on a plain one. It is long enough that no two
        citizens ever share a value.
        """
        return self._pseudonym(b"subject\0" + name.encode())[:40]

    def _pseudonym(self, octets: bytes) -> str:
        return hmac.digest(self.made_pseudonym_key, octets, hashlib.sha256).hex()

    @cached_property
    def by_path(self) -> Mapping[str, str]:
        """The name of each address by its path, prefix included."""
        return {self.prefix + path: name for name, path in ADDRESSES[self.role].items()}

    def descriptor(self) -> EntityDescriptor:
        """Our EntityDescriptor, as we publish it.

        With profile ``digid`` it has what DigiD wants in it and nothing else
        (DigiD 4): see :meth:`entry`.
        """
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
        """Our EntityDescriptor, as an operator has it who asked our name by a form."""
        return replace(self.descriptor(), **self._about())

    def _about(self) -> "_About":
        link = self.link or self.public_url + "/"
        return {
            "names": self.names,
            "descriptions": self.descriptions,
            "information_urls": dict.fromkeys(self.names, link),
            # A blank is between two words, and a plus sign within one (mdui 2.1.4).
            "keywords": {
                language: " ".join("+".join(one.split()) for one in words)
                for language, words in self.keywords.items()
            },
            "logos": self._logos(),
            "contacts": self._contacts(),
        }

    def _service_provider(self) -> ServiceProvider:
        found = ServiceProvider(
            signing_certificates=self._signing_certificates(),
            authn_requests_signed=True,
            want_assertions_signed=True,
        )
        if self.profile.has_minimal_metadata:
            return replace(
                found,
                names_keys=True,
                assertion_consumers=(
                    Endpoint(bindings.ARTIFACT, self.url("acs"), index=0),
                ),
                single_logouts=self._single_logouts(),
            )
        return replace(
            found,
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
        # The preferred one first: the hub takes the default of who names none.
        wanted = [kinds[self.acs], *(b for a, b in kinds.items() if a != self.acs)]
        return tuple(
            Endpoint(binding, self.url("acs"), index=i, is_default=i == 0)
            for i, binding in enumerate(wanted)
        )

    def _identity_provider(self) -> IdentityProvider:
        found = IdentityProvider(
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
            # DigiD's own says no more (DigiD 1.7), and has one key for everything.
            return replace(
                found,
                encryption_certificates=found.signing_certificates[:1],
                names_keys=True,
            )
        return replace(
            found,
            **self._encryption(),
            name_id_formats=(PERSISTENT, TRANSIENT),
            activity_services=(Endpoint(bindings.SOAP, self.url("activity")),),
        )

    def _encryption(self) -> "_Encryption":
        """The keys to encrypt for us with, and how; nothing where there is none."""
        named = [key.certificate_text for key in self.encryption_keys]
        return {
            "encryption_certificates": tuple(named),
            "encryption_methods": ENCRYPTION_METHODS if named else (),
        }

    def _single_logouts(self) -> tuple[Endpoint, ...]:
        """The addresses for a logout, over the bindings of the profile."""
        wanted = (
            self.profile.hub_logout_services
            if self.role == HUB
            else self.profile.participant_logout_services
        )
        addresses = {
            bindings.REDIRECT: self.url("slo"),
            bindings.POST: self.url("slo"),
            bindings.SOAP: self.url("slo_soap"),
        }
        return tuple(Endpoint(b, addresses[b]) for b in wanted)

    def _logos(self) -> tuple[Logo, ...]:
        if not self.logo:
            return ()
        return (Logo(self.logo, *logos.size_of(self.logo)),)

    def _contacts(self) -> tuple[Contact, ...]:
        if not (self.telephone or self.email):
            return ()
        return (Contact("support", email=self.email, telephone=self.telephone),)


class _About(TypedDict):
    """Facts for people, as the fields of an EntityDescriptor."""

    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    information_urls: Mapping[str, str]
    keywords: Mapping[str, str]
    logos: tuple[Logo, ...]
    contacts: tuple[Contact, ...]


class _Encryption(TypedDict):
    """How to encrypt for us, as the fields of a role."""

    encryption_certificates: tuple[str, ...]
    encryption_methods: tuple[EncryptionMethod, ...]


def script_names(public_url: str) -> frozenset[str]:
    """Return what SCRIPT_NAME may be at a site, as WSGI has it (PEP 3333).

    It is the path of ``public_url``, or the end of it: a proxy may have removed the
    beginning, or all of it.
    """
    path = unquote_to_bytes(urlsplit(public_url).path).decode("latin-1")
    names = path.split("/")
    ends = ["/".join(["", *names[start:]]) for start in range(1, len(names))]
    return frozenset(["", "/", *ends, *(f"{end}/" for end in ends)])
