"""An AuthnRequest with the metadata of its issuer."""

from dataclasses import dataclass

from eilogin.federation import Peer
from eilogin.hub.participants import requested_levels
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.saml.metadata import EntityDescriptor, ServiceProvider


@dataclass(frozen=True, slots=True)
class ParticipantRequest:
    """A pending AuthnRequest, and the metadata of its issuer, looked up once."""

    pending: PendingAuthnRequest
    peer: Peer[ServiceProvider]

    @property
    def entity(self) -> EntityDescriptor:
        """The metadata of the participant."""
        return self.peer.entity

    @property
    def role(self) -> ServiceProvider:
        """Its role in that metadata."""
        return self.peer.role

    @property
    def domain(self) -> str:
        """The SSO domain of the participant."""
        return self.entity.sso_domain

    @property
    def is_high_enough(self) -> bool:
        """Whether all sufficient levels reach the required one."""
        levels, required = self.pending.levels, self.entity.required_level
        return requested_levels.at_least(levels, required) == levels
