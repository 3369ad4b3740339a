"""A sign-in with the AuthnRequest that it is for."""

from dataclasses import dataclass

from eilogin.hub.pending_authn_requests import PendingAuthnRequest, behind
from eilogin.sessions import USUAL_DOMAIN
from eilogin.web.visit import Visit


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """The address after a sign-in, and its AuthnRequest, looked up once."""

    target: str
    #: None if no participant asked for the sign-in.
    pending: PendingAuthnRequest | None = None
    domain: str = USUAL_DOMAIN

    @classmethod
    def behind(cls, visit: Visit, target: str) -> "SignInRequest":
        """Look up the AuthnRequest in an address; raises UnknownPeer."""
        pending = behind(visit, target)
        if pending is None:
            return cls(target)
        entity, _ = visit.trust.participant(pending.issuer)
        return cls(target, pending, entity.sso_domain)
