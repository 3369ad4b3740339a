"""This party's own identity: its names, its key, and its addresses.

From its addresses, by role, come the routes of the filters and the hub, the endpoints
in the metadata, and every URL that we send.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from eilogin.saml import bindings
from eilogin.saml.keys import SigningKey
from eilogin.saml.messages import PERSISTENT
from eilogin.saml.metadata import (
    Contact,
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    ServiceProvider,
)

PARTICIPANT = "participant"
HUB = "hub"

#: Path of each address below the prefix, by role.
ADDRESSES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        PARTICIPANT: {
            "metadata": "/metadata",
            "login": "/login",
            "acs": "/acs",
            "logout": "/logout",
            "slo": "/slo",
            "slo_soap": "/slo/soap",
            "session": "/session",
            "warning": "/warning.js",
            "again": "/again",
        },
        HUB: {
            "home": "/",
            "metadata": "/metadata",
            "login": "/login",
            "sso": "/sso",
            "artifact": "/artifact",
            "logout": "/logout",
            "slo": "/slo",
            "slo_soap": "/slo/soap",
            "health": "/health",
        },
    }
)

#: The addresses that servers call, on the back channel.
_BACK_CHANNEL = frozenset({"artifact", "slo_soap"})


@dataclass(frozen=True)
class Own:
    """Who we are in the federation. Texts are keyed by language."""

    role: str
    public_url: str
    prefix: str
    key: SigningKey
    entity_id: str
    #: Base of the addresses that servers call; the public one unless told apart.
    back_channel_url: str
    #: How a participant wants its answers: ``artifact`` or ``post``.
    acs: str = "artifact"
    names: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    #: Our page for visitors to which the portal leads, or "".
    link: str = ""
    #: Telephone number and e-mail address of the help desk, or "".
    telephone: str = ""
    email: str = ""
    #: What others encrypt for us with, the newest first.
    decryption_keys: Sequence[SigningKey] = ()
    #: ``saml``, or ``digid``: the interface of DigiD (DIGID.md) to the letter.
    profile: str = "saml"
    #: What seals our cookies and what we keep for visitors, the newest first.
    secrets: Sequence[bytes] = field(default=(), repr=False)

    @cached_property
    def mount(self) -> str:
        """The path of :attr:`public_url`; "" where that has none."""
        return urlsplit(self.public_url).path

    def url(self, address: str) -> str:
        """The full URL of one of our addresses, such as ``acs``."""
        base = self.back_channel_url if address in _BACK_CHANNEL else self.public_url
        return base + self.prefix + ADDRESSES[self.role][address]

    def _derived(self, purpose: bytes) -> bytes:
        """A secret of ours for one purpose, made of our private key."""
        octets = self.key.private.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )
        return hashlib.sha256(purpose + b"\0" + octets).digest()

    @cached_property
    def sealing_secrets(self) -> Sequence[bytes]:
        """:attr:`secrets`; where there are none, one that comes of our private key.

        Whoever takes a new key for SAML then loses what was sealed until then, which
        lives for an hour or so.
        """
        return self.secrets or (self._derived(b"eilogin sealing"),)

    @cached_property
    def _pseudonym_key(self) -> bytes:
        # Not of the secrets, which are there to be changed: in an audit log one
        # citizen has to keep her pseudonym.
        return self._derived(b"eilogin pseudonym")

    def pseudonym(self, identifier: str) -> str:
        """Sixteen hexadecimal digits that stand for a citizen in our audit log.

        Keyed: a NameID that is a BSN could be guessed from a plain hash of it.
        """
        octets = identifier.encode()
        return hmac.digest(self._pseudonym_key, octets, hashlib.sha256).hex()[:16]

    @cached_property
    def by_path(self) -> Mapping[str, str]:
        """The name of each address by its path, prefix included."""
        return {self.prefix + path: name for name, path in ADDRESSES[self.role].items()}

    def descriptor(self) -> EntityDescriptor:
        """Our EntityDescriptor, as the federation's operator publishes it."""
        is_hub = self.role == HUB
        return EntityDescriptor(
            entity_id=self.entity_id,
            service_provider=None if is_hub else self._service_provider(),
            identity_provider=self._identity_provider() if is_hub else None,
            names=self.names,
            descriptions=self.descriptions,
            information_urls=dict.fromkeys(
                self.names, self.link or self.public_url + "/"
            ),
            contacts=self._contacts(),
        )

    def _service_provider(self) -> ServiceProvider:
        kinds = {"artifact": bindings.ARTIFACT, "post": bindings.POST}
        # The preferred one first: the hub takes the default of who names none.
        wanted = [kinds[self.acs], *(b for a, b in kinds.items() if a != self.acs)]
        return ServiceProvider(
            signing_certificates=(self.key.certificate_text,),
            assertion_consumers=tuple(
                Endpoint(binding, self.url("acs"), index=i, is_default=i == 0)
                for i, binding in enumerate(wanted)
            ),
            single_logouts=self._single_logouts(),
            name_id_formats=(PERSISTENT,),
            authn_requests_signed=True,
            want_assertions_signed=True,
        )

    def _identity_provider(self) -> IdentityProvider:
        return IdentityProvider(
            signing_certificates=(self.key.certificate_text,),
            single_sign_ons=(
                Endpoint(bindings.REDIRECT, self.url("sso")),
                Endpoint(bindings.POST, self.url("sso")),
            ),
            single_logouts=self._single_logouts(),
            artifact_resolutions=(
                Endpoint(bindings.SOAP, self.url("artifact"), index=0, is_default=True),
            ),
            name_id_formats=(PERSISTENT,),
            want_authn_requests_signed=True,
        )

    def _single_logouts(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(bindings.REDIRECT, self.url("slo")),
            Endpoint(bindings.POST, self.url("slo")),
            Endpoint(bindings.SOAP, self.url("slo_soap")),
        )

    def _contacts(self) -> tuple[Contact, ...]:
        if not (self.telephone or self.email):
            return ()
        return (Contact("support", email=self.email, telephone=self.telephone),)
