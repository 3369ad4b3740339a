"""A logout that starts here: the session ends, and the hub gets a LogoutRequest.

The hub notifies the other participants (SAML profiles 4.4).
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from webob import Response

from eilogin import audit, clock
from eilogin.participant import inner_hub as inner_hub_module
from eilogin.participant import logout_hint
from eilogin.participant.inner_hub import InnerHub
from eilogin.participant.logout import logout_hooks, unconfirmed_logouts
from eilogin.participant.logout.logout_delivery import (
    RETRY,
    RETRY_NOW,
    LogoutDelivery,
    retry_url,
)
from eilogin.participant.logout.logout_hooks import LogoutHooks
from eilogin.participant.logout.logout_outcome import SingleLogoutOutcome
from eilogin.participant.logout.logout_pages import AfterLogout
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.limits import login_loops
from eilogin.web.requests import read_query

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class ParticipantLogout:
    """Logs visitors out of one participant."""

    def __init__(
        self, delivery: LogoutDelivery, inner_hub: InnerHub, hooks: LogoutHooks
    ) -> None:
        self.delivery = delivery
        self._inner_hub = inner_hub
        self._hooks = hooks

    # --- in the browser of the visitor ------------------------------------------------

    def leave(
        self,
        environ: "WSGIEnvironment",
        login: Login,
        target: str,
        *,
        cause: str = logout_hooks.HERE,
    ) -> Response:
        """End a login here, and notify the hub; the visitor goes to ``target`` then.

        ``cause`` is one of ``logout_hooks``.
        """
        is_hubs = cause == logout_hooks.INSIDE
        # So that a second click finds one of the two.
        notice = (
            unconfirmed_logouts.new_notice(login)
            if is_hubs
            else unconfirmed_logouts.keep(environ, login)
        )
        is_reached = self._end_here(environ, login, cause, notice.key)
        then = AfterLogout(
            target,
            begun_inside=is_hubs,
            # No logout reaches the hubs that a later login replaced (login.left).
            is_partial=bool(login.left) or not (is_reached or is_hubs),
        )
        answer = self.delivery.answer(environ, notice, then)
        # After a logout, a new login is never a login loop.
        answer.headerlist.append(login_loops.forget())
        return answer

    def leave_again(self, environ: "WSGIEnvironment", target: str) -> Response | None:
        """Notify the hub again of this browser's last logout; None if there is none."""
        notice = unconfirmed_logouts.find(environ)
        if notice is None:
            return None
        notice = unconfirmed_logouts.as_of_now(environ, notice)
        then = AfterLogout(target, is_partial=notice.is_partial)
        is_wanted = read_query(environ).get(RETRY) == RETRY_NOW
        return self.delivery.answer(environ, notice, then, in_any_case=is_wanted)

    def leave_without_session(
        self, environ: "WSGIEnvironment", target: str
    ) -> Response | None:
        """Notify the hub of a logout in a browser without a session here.

        Uses its logout hint, which may end a session under another cookie, or repeats
        an unconfirmed logout. None without either.
        """
        hinted = _hinted(environ)
        if hinted is not None:
            return self._leave_named(environ, hinted, target)
        return self.leave_again(environ, target)

    def _leave_named(
        self, environ: "WSGIEnvironment", login: Login | None, target: str
    ) -> Response | None:
        if login is None:
            return None
        notice = unconfirmed_logouts.keep(environ, login, logout_hint.held(environ))
        is_reached = self._end_here(environ, login, logout_hooks.HERE, notice.key)
        then = AfterLogout(target, is_partial=bool(login.left) or not is_reached)
        answer = self.delivery.answer(environ, notice, then)
        answer.headerlist.append(login_loops.forget())
        return answer

    def leave_ended(self, environ: "WSGIEnvironment", target: str) -> Response | None:
        """Notify the hub of a pending logout whose session has ended already.

        None if no LogoutRequest can be made.
        """
        notice = unconfirmed_logouts.of_session(environ)
        if notice is None:
            answer = self.leave_again(environ, target)
            named = logout_hint.read_of_session(environ)
            return answer or self._leave_named(environ, named, target)
        notice = unconfirmed_logouts.as_of_now(environ, notice)
        then = AfterLogout(target, is_partial=notice.is_partial)
        return self.delivery.answer(environ, notice, then)

    @staticmethod
    def is_known(environ: "WSGIEnvironment") -> bool:
        """Whether a logout of this browser would end anything, as far as known."""
        if env.session_to_end(environ) is not None:
            return True
        return _hinted(environ) is not None

    @staticmethod
    def again_url(environ: "WSGIEnvironment", target: str) -> str:
        """Return the address of another try, or "" if there is nothing to repeat."""
        return (
            ""
            if unconfirmed_logouts.find(environ) is None
            else retry_url(environ, target)
        )

    # --- without the browser ----------------------------------------------------------

    def end(self, environ: "WSGIEnvironment", login: Login, cause: str) -> bool:
        """End a login without its browser; whether it ended everywhere."""
        self._end_here(environ, login, cause)
        notice = unconfirmed_logouts.new_notice(login)
        outcome = self.delivery.directly(environ, notice)
        return outcome == SingleLogoutOutcome.EVERYWHERE and not login.left

    def end_all(
        self, environ: "WSGIEnvironment", logins: Iterable[Login], cause: str
    ) -> bool:
        """End several logins; whether all ended everywhere.

        With the first, the hub may have ended others.
        """
        sessions, results = env.sessions(environ), list[bool]()
        for login in logins:
            if not results or sessions.is_live(login):
                results.append(self.end(environ, login, cause))
        return all(results)

    def end_by_script(
        self, environ: "WSGIEnvironment", login: Login
    ) -> list[tuple[str, str]]:
        """End a login for a script, which cannot go to the hub; return headers for it.

        If the hub did not confirm, the next visit to our logout notifies it.
        """
        notice = unconfirmed_logouts.keep(environ, login)
        self._end_here(environ, login, logout_hooks.APPLICATION, notice.key)
        return self.delivery.by_script(environ, notice)

    def end_ended_by_script(self, environ: "WSGIEnvironment") -> list[tuple[str, str]]:
        """Do the same for a session that has ended already.

        If no LogoutRequest can be made, the headers forbid a passive login.
        """
        notice = unconfirmed_logouts.of_session(environ)
        if notice is not None:
            notice = unconfirmed_logouts.as_of_now(environ, notice)
            return self.delivery.by_script(environ, notice)
        login = logout_hint.read_of_session(environ)
        if login is None:
            return logout_hint.mark_spent(environ)
        notice = unconfirmed_logouts.keep(environ, login, logout_hint.held(environ))
        self._end_here(environ, login, logout_hooks.APPLICATION, notice.key)
        return self.delivery.by_script(environ, notice)

    def _end_here(
        self, environ: "WSGIEnvironment", login: Login, cause: str, notice_key: str = ""
    ) -> bool:
        """End a login here and at an inner hub; whether that reached all there."""
        # The end rejects Responses issued before it, as for another tab, by the hub's
        # clock.
        issued = clock.now() + login.ahead
        noted = self._inner_hub.note(environ, login.named)
        ended = env.sessions(environ).end_login(login, issued=issued)
        logout_hint.spend(environ, login, notice_key)
        audit.event(
            "logout.sent",
            pseudonym=env.trust(environ).own.pseudonym(login.who.name_id),
            peer=login.who.issuer,
        )
        self._hooks.tell(environ, ended, cause, login)
        return self._inner_hub.tell(environ, noted, [login])


def _hinted(environ: "WSGIEnvironment") -> Login | None:
    """Return the login of the logout hint, if its logout has not begun yet.

    The hint names the newest session. A planted older session cookie may lead to the
    notice of another session's logout.
    """
    hinted = logout_hint.read(environ)
    if hinted is None:
        return None
    notice = unconfirmed_logouts.find(environ)
    is_begun = notice is not None and notice.login.name == hinted.name
    return None if is_begun else hinted


class ParticipantLogoutService:
    """``environ['eilogin.logout']``: see :class:`eilogin.web.environ.LogoutService`."""

    __slots__ = ("_environ", "_logout")

    def __init__(self, logout: ParticipantLogout, environ: "WSGIEnvironment") -> None:
        self._logout = logout
        self._environ = environ

    def leave(self, target: str, names: Collection[str]) -> Response | None:
        """End the visitor's login, and notify the hub, maybe by the browser."""
        login = env.session_to_end(self._environ)
        if login is None or login.name not in names:
            return None
        return self._logout.leave(
            self._environ, login, target, cause=logout_hooks.INSIDE
        )

    def end(self, names: Collection[str]) -> bool:
        """End logins without a browser; whether all of them ended everywhere."""
        sessions = env.sessions(self._environ)
        candidates = [sessions.named(name) for name in names]
        logins = [login for login in candidates if login is not None]
        is_complete = self._logout.end_all(self._environ, logins, logout_hooks.INSIDE)
        return is_complete and len(logins) == len(names)

    def outcome(self, target: str) -> bool | None:
        """Whether the visitor is out everywhere, after :meth:`leave`; None before."""
        return inner_hub_module.outcome(self._environ, target)
