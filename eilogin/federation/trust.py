"""Who we are and whom we trust, as one value: ``environ['eilogin.trust']``."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from eilogin.backchannel import BackChannel
from eilogin.errors import UnknownPeer
from eilogin.federation.members import Federation
from eilogin.federation.own import Own
from eilogin.saml import bindings
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    ServiceProvider,
)


@dataclass(frozen=True)
class Trust:
    """This party and its federation."""

    own: Own
    federation: Federation
    back_channel: BackChannel
    #: entityID of the hub that a participant sends its visitors to.
    hub_id: str
    #: Our own proxies: who speaks to us through them is believed to be whom they name.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    #: How a proxy before us writes paths: ``plain``, or ``zope``.
    path_style: str = "plain"

    @property
    def hub(self) -> IdentityProvider:
        """The hub in its role, or :class:`eilogin.errors.UnknownPeer`."""
        role = self.federation.entity(self.hub_id).identity_provider
        if role is None:
            raise UnknownPeer(f"{self.hub_id!r} is not an identity provider")
        return role

    @property
    def sso(self) -> Endpoint:
        """Where the hub takes our AuthnRequest, by Redirect."""
        endpoint = self.hub.single_sign_on(bindings.REDIRECT)
        if endpoint is None:
            raise UnknownPeer(f"{self.hub_id!r} takes no AuthnRequest by Redirect")
        return endpoint

    def hub_keys(self, entity_id: str) -> Sequence[RSAPublicKey]:
        """The keys of the hub's messages, where ``entity_id`` is our hub."""
        if entity_id != self.hub_id:
            raise UnknownPeer(f"{entity_id!r} is not the hub of this participant")
        return self.hub.keys

    def participant(self, entity_id: str) -> tuple[EntityDescriptor, ServiceProvider]:
        """A member in the role of a participant, or UnknownPeer."""
        entity = self.federation.entity(entity_id)
        if entity.service_provider is None:
            raise UnknownPeer(f"{entity_id!r} is not a service provider")
        return entity, entity.service_provider

    def participant_keys(self, entity_id: str) -> Sequence[RSAPublicKey]:
        """The keys of a participant's messages, or UnknownPeer."""
        return self.participant(entity_id)[1].keys
