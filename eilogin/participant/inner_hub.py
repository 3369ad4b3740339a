"""Pass logouts to a hub inside the filters, which sign in its citizens.

The hub learns each login that ends here, ends its own sessions, and reports its own
logouts by ``environ['eilogin.logout']``.
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
from eilogin.web.set_cookie_headers import path_of
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_log = logging.getLogger("eilogin")

#: Status of a hub that has handled an ended login.
_KNOWS = 204
#: Keys of environ that do not come from a visitor.
_OURS = ("eilogin.", "wsgi.multi")
#: Seconds for which an outcome is kept.
_REMEMBERED = 60 * 60.0


def is_at_inner_hub(visit: Visit) -> bool:
    """Return whether a hub inside the filters answers at this path."""
    own = visit.trust.own
    return own.hub_inside is not None and path_of(visit).startswith(
        f"{own.mount}{own.hub_inside}/"
    )


class InnerHub:
    """The application inside the filters, a hub or not."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        # Set by the first request; the inner application does not change.
        self._ways_out: env.WaysOut | None = None

    def note(self, visit: Visit, who: Subject | None) -> NotedLogout | None:
        """Note a logout before anything ends; None without hub inside or visitor."""
        if who is None or visit.trust.own.hub_inside is None:
            return None
        return inner_hub_logouts.note(visit, who)

    def tell(
        self,
        visit: Visit,
        noted: NotedLogout | None,
        logins: Sequence[Login],
        through: env.Through | None = None,
    ) -> bool:
        """Have the hub end the sessions of ``logins``, which a noted logout has ended.

        Return whether all know of it and of those noted before. The hub may send
        messages ``through`` the visitor's browser.
        """
        if noted is None:
            return True
        before = inner_hub_logouts.left_before(visit, noted)
        is_known = self._is_known(visit, logins, before, through)
        if logins and not is_known:
            inner_hub_logouts.keep(visit, noted, logins)
        else:
            inner_hub_logouts.forget(visit, noted, before if is_known else {})
        return is_known

    def _is_known(
        self,
        visit: Visit,
        logins: Sequence[Login],
        before: inner_hub_logouts.Logouts,
        through: env.Through | None,
    ) -> bool:
        if not logins and not all(before.values()):
            # An earlier one is still at work, or its process has died.
            return False
        gone = [logout for ended in before.values() for logout in ended]
        ended = env.Ended(logins, gone, through=through)
        return not (ended.logins or ended.before) or self._is_everywhere(visit, ended)

    def _is_everywhere(self, visit: Visit, ended: env.Ended) -> bool:
        own = visit.trust.own
        hub = f"{own.hub_inside}/"
        answer = self._ask(visit, hub, {env.ENDED: ended, env.ADDRESS: None})
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

    def note_gone(self, visit: Visit, login: Login) -> None:
        """Have the filter ``logout`` call its hooks for a login that has ended."""
        keys = {env.ENDED: env.Ended([login]), env.ADDRESS: env.GONE}
        self._ask(visit, _logout_path(visit), keys)

    def is_way_out(self, visit: Visit) -> bool:
        """Return whether a person is at the application's own logout (``app_logout``).

        From there eilogin sends nobody to the hub: they would come back as from another
        site.
        """
        if not (visit.is_looked_at and visit.fills_window):
            return False
        if self._ways_out is None:
            self._ways_out = self._find_ways_out(visit)
        return self._ways_out.has(visit.environ)

    def _find_ways_out(self, visit: Visit) -> env.WaysOut:
        ways_out = env.WaysOut()
        keys = {env.WAYS_OUT: ways_out, env.ADDRESS: env.APP_LOGOUT}
        self._ask(visit, _logout_path(visit), keys)
        return ways_out

    def _ask(self, visit: Visit, path: str, keys: Mapping[str, object]) -> Response:
        """Send the application our own request, without data of the visitor."""
        request = Request.blank(path, base_url=visit.trust.own.public_url)
        ours = {k: v for k, v in visit.environ.items() if k.startswith(_OURS)}
        request.environ.update(ours)
        request.environ.update({env.SESSION: None, **keys})
        request.environ.pop(env.SESSION_FAULT, None)
        return request.get_response(self._app)


def _logout_path(visit: Visit) -> str:
    return urlsplit(visit.trust.own.url("logout")).path


def remember_logout_outcome(visit: Visit, target: str, outcome: str) -> None:
    """Keep the outcome of a logout, a value of ``LogoutPages``, for its page.

    The hub inside shows it when it has combined both parts.
    """
    until = clock.now() + _REMEMBERED
    visit.values.add(_key(target), outcome, until, durable=False)


def outcome(visit: Visit, target: str) -> bool | None:
    """Return whether the visitor is logged out everywhere; None if not known."""
    stored = visit.values.get(_key(target))
    return None if stored is None else stored == "everywhere"


def _key(target: str) -> str:
    return f"logout-outcome:{target}"
