"""Decide whether a session satisfies an AuthnRequest."""

import math

from eilogin.hub.participants import requested_levels, sso_domains
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.sessions import Login


def wants_proof(pending: PendingAuthnRequest) -> bool:
    """Whether only a fresh proof satisfies an AuthnRequest."""
    return pending.force or pending.level in requested_levels.ALWAYS_FRESH


def satisfying(
    login: Login | None, pending: PendingAuthnRequest, domain: str, *, is_proven: bool
) -> Login | None:
    """Return a session as far as it satisfies an AuthnRequest, or None.

    ``is_proven``: the visitor signed in for this request.
    """
    since = pending.received if is_proven else math.inf
    login = login and sso_domains.proven_for(login, domain, since)
    if login is None:
        return None
    is_fresh = is_proven and login.proven_at(pending.level) >= pending.received
    if wants_proof(pending) and not is_fresh:
        return None
    certain = requested_levels.certain(
        login, pending.received if is_fresh else math.inf
    )
    level = requested_levels.to_confirm(pending.levels, certain.level)
    return certain if level else None
