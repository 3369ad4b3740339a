"""Why a visitor has to log in again: the session was idle for too long.

The browser still brings the cookie of such a session, and the store still has its
record. So the site can say why, on its own page or by our own hub.
"""

from typing import TYPE_CHECKING

from eilogin.federation import Trust
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def idle_limit(environ: "WSGIEnvironment") -> float:
    """The idle limit in seconds, if it ended the session of this visitor; else 0.

    Reads the store once more if the browser brings a session cookie, but has no live
    session. Raises :class:`eilogin.errors.StoreUnavailable`.
    """
    if env.session_or_none(environ) is not None:
        return 0.0
    login = env.session_beyond_idle(environ)
    sessions = env.sessions(environ)
    return sessions.idle if login is not None and sessions.is_idle(login) else 0.0


def limit_for_hub(environ: "WSGIEnvironment", trust: Trust, hub: str) -> int:
    """The same for an AuthnRequest to a hub, in whole seconds.

    0 for a hub that does not accept reports of activity
    (``activity_reports``): a product other than ours would not understand it.
    """
    if not trust.hub(hub).activity_services:
        return 0
    return int(idle_limit(environ))
