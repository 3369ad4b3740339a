"""A step-up by the code alone, for a visitor who has proven the password before."""

from eilogin.hub.participants import requested_levels
from eilogin.hub.participants.sso_domains import proven_for
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.hub.signin.citizen_accounts import Citizen, Citizens
from eilogin.hub.signin.signin_request import SignInRequest
from eilogin.saml.assurance_levels import LEVELS, reaches
from eilogin.saml.metadata import NO_SSO
from eilogin.web.visit import Visit

_PASSWORD, _WITH_CODE = LEVELS[0], LEVELS[1]


def known_citizen(
    visit: Visit,
    citizens: Citizens,
    request: SignInRequest,
    level: str,
) -> Citizen | None:
    """Return the citizen to ask for the code alone, or None."""
    login = visit.session_or_none
    if login is None or level != _WITH_CODE:
        return None
    if not visit.trust.own.profile.asks_for_code_alone:
        return None
    pending, domain = request.pending, request.domain
    if pending is not None and _wants_whole_proof(pending):
        return None
    if domain == NO_SSO or reaches(login.level, level):
        return None
    login_of_domain = proven_for(login, domain)
    if login_of_domain is None or not login_of_domain.proven_at(_PASSWORD):
        return None
    return next((citizen for citizen in citizens if citizen.id == login.subject), None)


def _wants_whole_proof(pending: PendingAuthnRequest) -> bool:
    return pending.force or pending.level in requested_levels.ALWAYS_FRESH
