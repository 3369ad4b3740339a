"""Who we are and whom we trust, as one value: ``environ['eilogin.trust']``."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from eilogin.backchannel import BackChannel
from eilogin.errors import UnknownPeer
from eilogin.federation.members import Federation
from eilogin.federation.own import HUB, Own
from eilogin.saml import bindings
from eilogin.saml.encryption import Decrypter
from eilogin.saml.keys import PublicKey, SigningKey
from eilogin.saml.levels import DIGID, Classes
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    ServiceProvider,
)
from eilogin.saml.signatures import suited


@dataclass(frozen=True)
class Trust:
    """This party and its federation."""

    own: Own
    federation: Federation
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
    #: Weak algorithms that are taken all the same: see :mod:`eilogin.saml.algorithms`.
    weak: frozenset[str] = frozenset()
    #: Address of the service at which a visitor chooses a hub, or "": our own page.
    discovery: str = ""

    @cached_property
    def decrypter(self) -> Decrypter:
        """What opens what was encrypted for us."""
        found = (key.private for key in self.own.decryption_keys)
        keys = [key for key in found if isinstance(key, RSAPrivateKey)]
        return Decrypter(keys, self.weak)

    def key_for(self, entity_id: str) -> SigningKey:
        """Our key, to sign for a peer by algorithms that its metadata lists.

        Raises :class:`eilogin.errors.UnknownPeer`, and
        :class:`eilogin.errors.AlgorithmMissing` where we have none of them.
        """
        entity = self.federation.entity(entity_id)
        role = (
            entity.service_provider
            if self.own.role == HUB
            else entity.identity_provider
        )
        if role is None:
            raise UnknownPeer(f"{entity_id!r} has no role that we sign for")
        return suited(self.own.key, *entity.algorithms(role))

    def whom_to_ask(self, entity_id: str) -> str:
        """``ask …``: what a log says to an administrator who wonders about a peer."""
        try:
            return f"ask {self.federation.entity(entity_id).whom_to_ask}"
        except UnknownPeer:
            return f"{entity_id!r} is in no metadata of ours (any more)"

    def hub(self, entity_id: str) -> IdentityProvider:
        """One of our hubs in its role, or :class:`eilogin.errors.UnknownPeer`."""
        if entity_id not in self.hub_ids:
            raise UnknownPeer(f"{entity_id!r} is not a hub of this participant")
        role = self.federation.entity(entity_id).identity_provider
        if role is None:
            raise UnknownPeer(f"{entity_id!r} is not an identity provider")
        return role

    def sso(self, entity_id: str) -> Endpoint:
        """Where one of our hubs takes our AuthnRequest, by Redirect."""
        endpoint = self.hub(entity_id).single_sign_on(bindings.REDIRECT)
        if endpoint is None:
            raise UnknownPeer(f"{entity_id!r} takes no AuthnRequest by Redirect")
        return endpoint

    def hub_keys(self, entity_id: str) -> Sequence[PublicKey]:
        """The keys of the messages of one of our hubs."""
        return self.hub(entity_id).keys

    def participant(self, entity_id: str) -> tuple[EntityDescriptor, ServiceProvider]:
        """A member in the role of a participant, or UnknownPeer."""
        entity = self.federation.entity(entity_id)
        if entity.service_provider is None:
            raise UnknownPeer(f"{entity_id!r} is not a service provider")
        return entity, entity.service_provider

    def participant_keys(self, entity_id: str) -> Sequence[PublicKey]:
        """The keys of a participant's messages, or UnknownPeer."""
        return self.participant(entity_id)[1].keys
