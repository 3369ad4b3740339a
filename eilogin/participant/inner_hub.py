"""A hub that stands inside of our filters, and has its citizens signed in by them.

It is told of each login that ends here, and ends what it has of it at its own
participants; and it says in turn that she logs out, by ``environ['eilogin.logout']``.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from webob import Request, Response

from eilogin import clock
from eilogin.participant import inner_hub_logouts
from eilogin.participant.inner_hub_logouts import NotedLogout
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env
from eilogin.web.requests import fills_window, is_looked_at
from eilogin.web.set_cookie_headers import path_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")

#: What a hub answers that has ended what it was told of.
_KNOWS = 204
#: Keys of environ that do not come from a visitor.
_OURS = ("eilogin.", "wsgi.multi")
#: How long it is remembered what came of a logout, in seconds.
_REMEMBERED = 60 * 60.0


def is_at_inner_hub(environ: "WSGIEnvironment") -> bool:
    """Whether a hub that stands inside answers at this path."""
    own = env.trust(environ).own
    return own.hub_inside is not None and path_of(environ).startswith(
        f"{own.mount}{own.hub_inside}/"
    )


class InnerHub:
    """What stands inside of the filters: ``app``, which need not be a hub."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        # What stands inside does not change; the first who asks finds out.
        self._ways_out: env.WaysOut | None = None

    def note(
        self, environ: "WSGIEnvironment", who: Subject | None
    ) -> NotedLogout | None:
        """Note that not all may know of a logout of hers, before anything ends.

        None where there is no hub to tell, or nobody whom it is about.
        """
        if who is None or env.trust(environ).own.hub_inside is None:
            return None
        return inner_hub_logouts.note(environ, who)

    def tell(
        self,
        environ: "WSGIEnvironment",
        noted: NotedLogout | None,
        logins: Sequence[Login],
        through: env.Through | None = None,
    ) -> bool:
        """Have a hub end what it has of these, which a logout that was noted has ended.

        Whether all know it, and of those that were noted before. Where there is no hub,
        all do. It may tell its participants ``through`` her browser.
        """
        if noted is None:
            return True
        before = inner_hub_logouts.left_before(environ, noted)
        is_known = self._is_known(environ, logins, before, through)
        if logins and not is_known:
            inner_hub_logouts.keep(environ, noted, logins)
        else:
            inner_hub_logouts.forget(environ, noted, before if is_known else {})
        return is_known

    def _is_known(
        self,
        environ: "WSGIEnvironment",
        logins: Sequence[Login],
        before: inner_hub_logouts.Logouts,
        through: env.Through | None,
    ) -> bool:
        """Whether all know what has ended, now and ``before``, as the hub says."""
        if not logins and not all(before.values()):
            # One is at work still, or its process has died.
            return False
        gone = [logout for ended in before.values() for logout in ended]
        ended = env.Ended(logins, gone, through=through)
        return not (ended.logins or ended.before) or self._is_everywhere(environ, ended)

    def _is_everywhere(self, environ: "WSGIEnvironment", ended: env.Ended) -> bool:
        own = env.trust(environ).own
        hub = f"{own.hub_inside}/"
        answer = self._ask(environ, hub, {env.ENDED: ended, env.ADDRESS: None})
        if answer.status_code != _KNOWS:
            _log.error(
                "logout: the hub inside did not answer (status %d), so the "
                "sessions at its participants go on; expected its 'prefix' as "
                "our 'hub_inside', which is %r",
                answer.status_code,
                own.hub_inside or "/",
            )
            return False
        return ended.is_everywhere

    def note_gone(self, environ: "WSGIEnvironment", login: Login) -> None:
        """Have the filter ``logout`` tell its hooks of a login that is gone here."""
        keys = {env.ENDED: env.Ended([login]), env.ADDRESS: env.GONE}
        self._ask(environ, _logout_path(environ), keys)

    def is_way_out(self, environ: "WSGIEnvironment") -> bool:
        """Whether a person is at the application's own logout (``app_logout``).

        There nobody is asked anything, who she is or whether she is known elsewhere:
        she wants to go, and would come back from the hub as from another site.
        """
        if not (is_looked_at(environ) and fills_window(environ)):
            return False
        if self._ways_out is None:
            self._ways_out = self._find_ways_out(environ)
        return self._ways_out.has(environ)

    def _find_ways_out(self, environ: "WSGIEnvironment") -> env.WaysOut:
        """Where the application logs out, as the filter ``logout`` knows it."""
        ways_out = env.WaysOut()
        keys = {env.WAYS_OUT: ways_out, env.ADDRESS: env.APP_LOGOUT}
        self._ask(environ, _logout_path(environ), keys)
        return ways_out

    def _ask(
        self, environ: "WSGIEnvironment", path: str, keys: Mapping[str, object]
    ) -> Response:
        """Make a request of our own, in which nothing of the visitor's is."""
        request = Request.blank(path, base_url=env.trust(environ).own.public_url)
        ours = {k: v for k, v in environ.items() if k.startswith(_OURS)}
        request.environ.update(ours)
        request.environ.update({env.SESSION: None, **keys})
        request.environ.pop(env.SESSION_FAULT, None)
        return request.get_response(self._app)


def _logout_path(environ: "WSGIEnvironment") -> str:
    return urlsplit(env.trust(environ).own.url("logout")).path


def remember_logout_outcome(
    environ: "WSGIEnvironment", target: str, outcome: str
) -> None:
    """Remember what came of a logout for the page to which it leads.

    The hub inside tells her, when it has put both halves together. ``others`` is what
    :class:`eilogin.participant.logout.logout_pages.LogoutPages` says of them.
    """
    until = clock.now() + _REMEMBERED
    env.values(environ).add(_key(target), outcome, until, durable=False)


def outcome(environ: "WSGIEnvironment", target: str) -> bool | None:
    """Whether she is logged out everywhere; None where that is not known yet."""
    stored = env.values(environ).get(_key(target))
    return None if stored is None else stored == "everywhere"


def _key(target: str) -> str:
    return f"logout-outcome:{target}"
