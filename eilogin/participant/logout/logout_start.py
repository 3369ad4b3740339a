"""A logout that starts here: the session ends, and the hub gets a LogoutRequest."""

from collections.abc import Collection, Iterable

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
from eilogin.web.limits import login_loops
from eilogin.web.requests import read_query
from eilogin.web.visit import Visit


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
        visit: Visit,
        login: Login,
        target: str,
        *,
        cause: str = logout_hooks.HERE,
    ) -> Response:
        """End a login here, and notify the hub; then the visitor goes to ``target``."""
        is_from_inner_hub = cause == logout_hooks.INSIDE
        # Before the session ends, so that a second click finds one of the two.
        notice = (
            unconfirmed_logouts.new_notice(login)
            if is_from_inner_hub
            else unconfirmed_logouts.store(visit, login)
        )
        is_reached = self._end_here(visit, login, cause, notice.key)
        then = AfterLogout(
            target,
            begun_inside=is_from_inner_hub,
            # No logout reaches the hubs that a later login replaced (login.left).
            is_partial=bool(login.left) or not (is_reached or is_from_inner_hub),
        )
        answer = self.delivery.answer(visit, notice, then)
        # After a logout, a new login is never a login loop.
        answer.headerlist.append(login_loops.forget())
        return answer

    def leave_again(self, visit: Visit, target: str) -> Response | None:
        """Notify the hub again of this browser's last logout; None if there is none."""
        notice = unconfirmed_logouts.find(visit)
        if notice is None:
            return None
        notice = unconfirmed_logouts.as_of_now(visit, notice)
        then = AfterLogout(target, is_partial=notice.is_partial)
        is_retry = read_query(visit).get(RETRY) == RETRY_NOW
        return self.delivery.answer(visit, notice, then, in_any_case=is_retry)

    def leave_without_session(self, visit: Visit, target: str) -> Response | None:
        """Notify the hub of a logout in a browser without a session, if possible."""
        hinted = _hinted(visit)
        if hinted is not None:
            return self._leave_named(visit, hinted, target)
        return self.leave_again(visit, target)

    def _leave_named(
        self, visit: Visit, login: Login | None, target: str
    ) -> Response | None:
        if login is None:
            return None
        notice = unconfirmed_logouts.store(visit, login, logout_hint.held(visit))
        is_reached = self._end_here(visit, login, logout_hooks.HERE, notice.key)
        then = AfterLogout(target, is_partial=bool(login.left) or not is_reached)
        answer = self.delivery.answer(visit, notice, then)
        answer.headerlist.append(login_loops.forget())
        return answer

    def leave_ended(self, visit: Visit, target: str) -> Response | None:
        """Notify the hub of a pending logout whose session has ended, if possible."""
        notice = unconfirmed_logouts.of_session(visit)
        if notice is None:
            answer = self.leave_again(visit, target)
            named = logout_hint.read_of_session(visit)
            return answer or self._leave_named(visit, named, target)
        notice = unconfirmed_logouts.as_of_now(visit, notice)
        then = AfterLogout(target, is_partial=notice.is_partial)
        return self.delivery.answer(visit, notice, then)

    @staticmethod
    def is_known(visit: Visit) -> bool:
        """Return whether a logout of this browser would probably end a session."""
        if visit.session_to_end() is not None:
            return True
        return _hinted(visit) is not None

    @staticmethod
    def again_url(visit: Visit, target: str) -> str:
        """Return the address of another try, or "" if there is nothing to repeat."""
        return (
            "" if unconfirmed_logouts.find(visit) is None else retry_url(visit, target)
        )

    # --- without the browser ----------------------------------------------------------

    def end(self, visit: Visit, login: Login, cause: str) -> bool:
        """End a login without its browser; return whether it ended everywhere."""
        self._end_here(visit, login, cause)
        notice = unconfirmed_logouts.new_notice(login)
        outcome = self.delivery.directly(visit, notice)
        return outcome == SingleLogoutOutcome.EVERYWHERE and not login.left

    def end_all(self, visit: Visit, logins: Iterable[Login], cause: str) -> bool:
        """End several logins; return whether all ended everywhere."""
        sessions, results = visit.sessions, list[bool]()
        for login in logins:
            if not results or sessions.is_live(login):
                results.append(self.end(visit, login, cause))
        return all(results)

    def end_by_script(self, visit: Visit, login: Login) -> list[tuple[str, str]]:
        """End a login for a script, which cannot go to the hub; return headers."""
        # If the hub does not confirm it, the next visit to our logout notifies the hub.
        notice = unconfirmed_logouts.store(visit, login)
        self._end_here(visit, login, logout_hooks.APPLICATION, notice.key)
        return self.delivery.by_script(visit, notice)

    def end_ended_by_script(self, visit: Visit) -> list[tuple[str, str]]:
        """Do as :meth:`end_by_script` for a session that has ended already."""
        notice = unconfirmed_logouts.of_session(visit)
        if notice is not None:
            notice = unconfirmed_logouts.as_of_now(visit, notice)
            return self.delivery.by_script(visit, notice)
        login = logout_hint.read_of_session(visit)
        if login is None:
            return logout_hint.mark_spent(visit)
        notice = unconfirmed_logouts.store(visit, login, logout_hint.held(visit))
        self._end_here(visit, login, logout_hooks.APPLICATION, notice.key)
        return self.delivery.by_script(visit, notice)

    def _end_here(
        self, visit: Visit, login: Login, cause: str, notice_key: str = ""
    ) -> bool:
        # Responses of the hub from before the end become invalid, such as one in
        # another tab. So it needs the time of the hub's clock.
        issued = clock.now() + login.ahead
        noted = self._inner_hub.note(visit, login.named)
        ended = visit.sessions.end_login(login, issued=issued)
        logout_hint.spend(visit, login, notice_key)
        audit.event(
            "logout.sent",
            pseudonym=visit.trust.own.pseudonym(login.who.name_id),
            peer=login.who.issuer,
        )
        self._hooks.tell(visit, ended, cause, login)
        return self._inner_hub.tell(visit, noted, [login])


def _hinted(visit: Visit) -> Login | None:
    # The hint names the newest session. A planted older session cookie may lead to the
    # notice of another session's logout.
    hinted = logout_hint.read(visit)
    if hinted is None:
        return None
    notice = unconfirmed_logouts.find(visit)
    is_begun = notice is not None and notice.login.name == hinted.name
    return None if is_begun else hinted


class ParticipantLogoutService:
    """``environ['eilogin.logout']``: see :class:`eilogin.web.environ.LogoutService`."""

    __slots__ = ("_logout", "_visit")

    def __init__(self, logout: ParticipantLogout, visit: Visit) -> None:
        self._logout = logout
        self._visit = visit

    def leave(self, target: str, names: Collection[str]) -> Response | None:
        """End the visitor's login, and notify the hub, perhaps through the browser."""
        login = self._visit.session_to_end()
        if login is None or login.name not in names:
            return None
        return self._logout.leave(self._visit, login, target, cause=logout_hooks.INSIDE)

    def end(self, names: Collection[str]) -> bool:
        """End logins without a browser; return whether all ended everywhere."""
        sessions = self._visit.sessions
        candidates = [sessions.named(name) for name in names]
        logins = [login for login in candidates if login is not None]
        is_complete = self._logout.end_all(self._visit, logins, logout_hooks.INSIDE)
        return is_complete and len(logins) == len(names)

    def outcome(self, target: str) -> bool | None:
        """Return whether :meth:`leave` logged out everywhere; None before it."""
        return inner_hub_module.outcome(self._visit, target)
