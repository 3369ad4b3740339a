"""Tell a visitor, or our own hub, that their session was idle for too long."""

from typing import TYPE_CHECKING

from eilogin.federation import Trust
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def idle_limit(environ: "WSGIEnvironment") -> float:
    """Return the idle limit in seconds if it ended this visitor's session; else 0.

    Reads the store again. Raise StoreUnavailable.
    """
    if env.session_or_none(environ) is not None:
        return 0.0
    login = env.session_beyond_idle(environ)
    sessions = env.sessions(environ)
    return sessions.idle if login is not None and sessions.is_idle(login) else 0.0


def limit_for_hub(environ: "WSGIEnvironment", trust: Trust, hub: str) -> int:
    """Return the same in whole seconds, for an AuthnRequest.

    0 without ``activity_reports``: another product would not understand it.
    """
    if not trust.hub(hub).activity_services:
        return 0
    return int(idle_limit(environ))
