"""Our own entity and the entities that we trust: ``environ['eilogin.trust']``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Generic, NamedTuple, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from eilogin.errors import (
    DecryptionFailed,
    EiloginError,
    MessageExpired,
    NotFound,
    Unavailable,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.federation.local.local_entity import HUB, Own
from eilogin.federation.members.certificate_expiry import key_endings
from eilogin.federation.members.expiry_alarms import Expiry
from eilogin.federation.members.membership import Membership
from eilogin.federation.refresh.refresh_schedule import Watch
from eilogin.http_client import BackChannel
from eilogin.saml.assurance_levels import DIGID, Classes
from eilogin.saml.metadata import (
    NO_SSO,
    EntityDescriptor,
    IdentityProvider,
    Role,
    ServiceProvider,
)
from eilogin.saml.printable_text import some
from eilogin.saml.signing_keys import PublicKey, SigningKey, fingerprints
from eilogin.saml.xml_encryption import Decrypter
from eilogin.saml.xml_signatures import suited

_MOST_NAMED = 3

Role_co = TypeVar("Role_co", bound=Role, covariant=True)


class Peer(NamedTuple, Generic[Role_co]):
    """A member in its role towards us, looked up for one message."""

    entity: EntityDescriptor
    role: Role_co

    @property
    def entity_id(self) -> str:
        """The entityID of the member."""
        return self.entity.entity_id

    @property
    def keys(self) -> Sequence[PublicKey]:
        """The keys that verify its signatures."""
        return self.role.keys


@dataclass(frozen=True)
class Trust:
    """This party and its federation."""

    own: Own
    federation: Membership
    back_channel: BackChannel
    #: A participant's hubs, the usual one first; of a hub its own entityID.
    hub_ids: tuple[str, ...]
    #: Proxies whose X-Forwarded-For counts.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    #: ``plain`` or ``zope``: how a proxy writes paths.
    path_style: str = "plain"
    classes: Classes = DIGID
    #: Weak algorithms that are accepted (``weak_algorithms``).
    weak: frozenset[str] = frozenset()
    #: Address of the discovery service; "" for our own page.
    discovery: str = ""
    #: Without those of our keys.
    other_endings: tuple[Expiry, ...] = ()
    #: None without ``federation_folder``.
    watch: Watch | None = None
    #: Former members by entityID, for logouts of a hub; empty in the trust of a
    #: request.
    departed: Mapping[str, EntityDescriptor] = field(default_factory=dict)

    @property
    def endings(self) -> tuple[Expiry, ...]:
        """The expiries of certificates, of our present keys too."""
        return (*key_endings(self.own.keys), *self.other_endings)

    @property
    def decrypter(self) -> Decrypter:
        """The decrypter for one message to us."""
        private_keys = (key.private for key in self.own.decryption_keys)
        keys = [key for key in private_keys if isinstance(key, RSAPrivateKey)]
        return Decrypter(keys, self.weak)

    @property
    def has_single_sign_on(self) -> bool:
        """Whether the operator lets a hub sign visitors in here without asking."""
        try:
            ours = self.federation.entity(self.own.entity_id)
        except UnknownPeer:
            return True
        return ours.sso_domain != NO_SSO

    def key_for(self, peer: Peer[Role]) -> SigningKey:
        """Our key for a peer's algorithms, or AlgorithmMissing."""
        return suited(self.own.key, *peer.entity.algorithms(peer.role))

    def whom_to_ask(self, entity_id: str) -> str:
        """Advice for the log: ``ask …``."""
        try:
            return f"ask {self.federation.entity(entity_id).whom_to_ask}"
        except UnknownPeer:
            return f"{entity_id!r} is not in our metadata (any more)"

    def about(self, error: EiloginError) -> str:
        """Describe a refused message for the log: the sender and a cure."""
        ask = self.whom_to_ask(error.peer)
        if isinstance(error, Unavailable):
            return f"it is of {error.peer!r}; {ask}"
        # If the sender gets no reason, the cause has it.
        why = error.__cause__ if isinstance(error, NotFound) else error
        match why:
            case UntrustedSignature():
                cure = f"{self._keys_of(error.peer)}: get its newest metadata, or {ask}"
            case DecryptionFailed():
                ours = [key.certificate_text for key in self.own.decryption_keys]
                cure = (
                    f"our metadata has {_certificates(ours)} for encryption; {ask}, and"
                    " send"
                )
                cure += " our newest metadata"
            case MessageExpired():
                cure = f"set the clock here (NTP), or {ask} to set the clock there"
            case _:
                cure = ask
        return f"it came in the name of {error.peer!r}; {cure}"

    def _keys_of(self, entity_id: str) -> str:
        try:
            entity = self.federation.entity(entity_id)
        except UnknownPeer:
            return "our metadata does not have it (any more)"
        is_hub = self.own.role == HUB
        role = entity.service_provider if is_hub else entity.identity_provider
        certificates = () if role is None else role.signing_certificates
        return f"its metadata has {_certificates(certificates)} for signing"

    def hub(self, entity_id: str) -> IdentityProvider:
        """The role of one of our hubs, or UnknownPeer."""
        return self.hub_peer(entity_id).role

    def hub_peer(self, entity_id: str) -> Peer[IdentityProvider]:
        """One of our hubs, or UnknownPeer."""
        if entity_id not in self.hub_ids:
            fault = f"{entity_id!r} is not a hub of this participant"
            hubs = some(self.hub_ids, _MOST_NAMED)
            raise UnknownPeer(
                f"{fault}; expected one that the option 'hub' names ({hubs}). Ask"
                " the author of that option, or the federation's operator"
            )
        entity = self._member(entity_id)
        role = entity.identity_provider
        if role is None:
            ask = self.whom_to_ask(entity_id)
            raise UnknownPeer(f"{entity_id!r} is not an identity provider: {ask}")
        return Peer(entity, role)

    def _member(self, entity_id: str) -> EntityDescriptor:
        try:
            return self.departed.get(entity_id) or self.federation.entity(entity_id)
        except UnknownPeer as error:
            hint = self.federation.hint_for(entity_id)
            raise UnknownPeer(f"{error}{hint}") from error

    def participant(self, entity_id: str) -> Peer[ServiceProvider]:
        """A member as a participant, or UnknownPeer."""
        entity = self._member(entity_id)
        if entity.service_provider is None:
            ask = self.whom_to_ask(entity_id)
            raise UnknownPeer(f"{entity_id!r} is not a service provider: {ask}")
        return Peer(entity, entity.service_provider)


def _certificates(texts: Sequence[str]) -> str:
    texts = list(dict.fromkeys(texts))
    if not texts:
        return "no certificate"
    named = "; ".join(map(fingerprints, texts[:_MOST_NAMED]))
    more = "; …" if len(texts) > _MOST_NAMED else ""
    count = "1 certificate" if len(texts) == 1 else f"{len(texts)} certificates"
    return f"{count} ({named}{more})"
