"""Tell a visitor, or our own hub, that their session was idle for too long."""

from eilogin.saml.metadata import IdentityProvider
from eilogin.web.visit import Visit


def idle_limit(visit: Visit) -> float:
    """Return the seconds of the idle limit that ended this visitor's session, or 0."""
    if visit.session_or_none is not None:
        return 0.0
    login = visit.session_beyond_idle()
    sessions = visit.sessions
    return sessions.idle if login is not None and sessions.is_idle(login) else 0.0


def limit_for_hub(visit: Visit, hub: IdentityProvider) -> int:
    """Return :func:`idle_limit` in seconds; 0 for a hub without activity reports."""
    if not hub.activity_services:
        return 0
    return int(idle_limit(visit))
