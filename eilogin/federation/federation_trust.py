"""Our own entity and the entities that we trust: ``environ['eilogin.trust']``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

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
    ServiceProvider,
)
from eilogin.saml.printable_text import some
from eilogin.saml.signing_keys import PublicKey, SigningKey, fingerprints
from eilogin.saml.xml_encryption import Decrypter
from eilogin.saml.xml_signatures import suited

#: How many certificates, or hubs, a log names.
_MOST_NAMED = 3


@dataclass(frozen=True)
class Trust:
    """This party and its federation."""

    own: Own
    federation: Membership
    back_channel: BackChannel
    #: entityIDs of the hubs that a participant may send its visitors to, the usual one
    #: first; of a hub its own.
    hub_ids: tuple[str, ...]
    #: Our own proxies: who speaks to us through them is believed to be whom they name.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    #: How a proxy before us writes paths: ``plain``, or ``zope``.
    path_style: str = "plain"
    #: Which AuthnContext classes say which level.
    classes: Classes = DIGID
    #: Weak algorithms that are taken all the same: see ``weak_algorithms``.
    weak: frozenset[str] = frozenset()
    #: Address of the service at which a visitor chooses a hub, or "": our own page.
    discovery: str = ""
    #: When certificates end that somebody needs, beside those of our keys.
    other_endings: tuple[Expiry, ...] = ()
    #: Checks for a newer state of the federation; None if the members of the start
    #: stay.
    watch: Watch | None = None
    #: The last metadata of former members by entityID, who must still learn of ended
    #: sessions; empty in the trust of a request.
    departed: Mapping[str, EntityDescriptor] = field(default_factory=dict)

    @property
    def endings(self) -> tuple[Expiry, ...]:
        """When certificates end that somebody needs, by the keys that we have now."""
        return (*key_endings(self.own.keys), *self.other_endings)

    @property
    def decrypter(self) -> Decrypter:
        """Return the decrypter for one message that was encrypted for us."""
        found = (key.private for key in self.own.decryption_keys)
        keys = [key for key in found if isinstance(key, RSAPrivateKey)]
        return Decrypter(keys, self.weak)

    @property
    def has_single_sign_on(self) -> bool:
        """Whether a hub may ever sign visitors in here without asking them.

        False if the operator rules so for us in the metadata.
        """
        try:
            ours = self.federation.entity(self.own.entity_id)
        except UnknownPeer:
            return True
        return ours.sso_domain != NO_SSO

    def key_for(self, entity_id: str) -> SigningKey:
        """Our key, to sign for a peer by algorithms that its metadata lists.

        Raises :class:`eilogin.errors.UnknownPeer`, and
        :class:`eilogin.errors.AlgorithmMissing` where we have none of them.
        """
        entity = self._entity(entity_id)
        role = (
            entity.service_provider
            if self.own.role == HUB
            else entity.identity_provider
        )
        if role is None:
            raise UnknownPeer(f"{entity_id!r} has no role for which this site signs")
        return suited(self.own.key, *entity.algorithms(role))

    def whom_to_ask(self, entity_id: str) -> str:
        """``ask …``: what a log says to an administrator who wonders about a peer."""
        try:
            return f"ask {self.federation.entity(entity_id).whom_to_ask}"
        except UnknownPeer:
            return f"{entity_id!r} is not in our metadata (any more)"

    def about(self, error: EiloginError) -> str:
        """Describe a refused message for the log: the sender and what to do.

        For an error with a ``peer`` it names the peer; for a peer that does not answer,
        the contact. The reason of the refusal stays in the error.
        """
        ask = self.whom_to_ask(error.peer)
        if isinstance(error, Unavailable):
            return f"it is of {error.peer!r}; {ask}"
        # If the sender gets no reason, the cause of the error has it.
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
        found = () if role is None else role.signing_certificates
        return f"its metadata has {_certificates(found)} for signing"

    def hub(self, entity_id: str) -> IdentityProvider:
        """One of our hubs in its role, or :class:`eilogin.errors.UnknownPeer`."""
        if entity_id not in self.hub_ids:
            told = f"{entity_id!r} is not a hub of this participant"
            known = some(self.hub_ids, _MOST_NAMED)
            raise UnknownPeer(
                f"{told}; expected one that the option 'hub' names ({known}). Ask"
                " the author of that option, or the federation's operator"
            )
        role = self._member(entity_id).identity_provider
        if role is None:
            ask = self.whom_to_ask(entity_id)
            raise UnknownPeer(f"{entity_id!r} is not an identity provider: {ask}")
        return role

    def _entity(self, entity_id: str) -> EntityDescriptor:
        return self.departed.get(entity_id) or self.federation.entity(entity_id)

    def _member(self, entity_id: str) -> EntityDescriptor:
        """A member, or UnknownPeer with whom it could have been meant."""
        try:
            return self._entity(entity_id)
        except UnknownPeer as error:
            hint = self.federation.hint_for(entity_id)
            raise UnknownPeer(f"{error}{hint}") from error

    def hub_keys(self, entity_id: str) -> Sequence[PublicKey]:
        """The keys of the messages of one of our hubs."""
        return self.hub(entity_id).keys

    def participant(self, entity_id: str) -> tuple[EntityDescriptor, ServiceProvider]:
        """A member in the role of a participant, or UnknownPeer."""
        entity = self._member(entity_id)
        if entity.service_provider is None:
            ask = self.whom_to_ask(entity_id)
            raise UnknownPeer(f"{entity_id!r} is not a service provider: {ask}")
        return entity, entity.service_provider

    def participant_keys(self, entity_id: str) -> Sequence[PublicKey]:
        """The keys of a participant's messages, or UnknownPeer."""
        return self.participant(entity_id)[1].keys


def _certificates(texts: Sequence[str]) -> str:
    """How many certificates there are, and by what people tell them apart."""
    texts = list(dict.fromkeys(texts))
    if not texts:
        return "no certificate"
    named = "; ".join(map(fingerprints, texts[:_MOST_NAMED]))
    more = "; …" if len(texts) > _MOST_NAMED else ""
    count = "1 certificate" if len(texts) == 1 else f"{len(texts)} certificates"
    return f"{count} ({named}{more})"
