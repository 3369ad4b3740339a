"""The state of a logout, which the store keeps until the hub has answered."""

import hashlib
import json
from typing import NamedTuple

from eilogin import clock
from eilogin.participant import logout_hint
from eilogin.participant.logout import unconfirmed_logouts
from eilogin.participant.logout.logout_outcome import SingleLogoutOutcome
from eilogin.participant.logout.logout_pages import AfterLogout
from eilogin.participant.logout.logout_retry_queue import LogoutQueue
from eilogin.sessions import Subject
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.requests import safe_next
from eilogin.web.visit import Visit

#: Seconds for which the visitor may stay at the hub's page, or reload ours.
_KEPT_FOR = 60 * 60.0

#: Seconds for the redirect after the hub's answer; later the visitor may have a
#: session.
_A_MOMENT = 10.0

#: Binds a logout to its browser, so that the answer to another logout does not say
#: "logged out" here. The hub's POST must bring it too (SameSite=None).
_COOKIE = Cookie("eilogin-logout", same_site="None")


class LogoutState(NamedTuple):
    """The state of one logout."""

    #: "" for an unreadable text.
    hub: str
    then: AfterLogout
    #: :attr:`UnconfirmedLogout.key`, or "".
    notice_key: str = ""
    #: POSIX timestamp of the hub's answer; 0 before.
    answered: float = 0.0
    outcome: SingleLogoutOutcome = SingleLogoutOutcome.PENDING

    @property
    def text(self) -> str:
        """The text for the store."""
        fields = [self.hub, self.notice_key, self.answered, self.outcome, *self.then]
        return json.dumps(fields)

    @property
    def is_new(self) -> bool:
        """Whether the hub answered a moment ago."""
        return abs(clock.now() - self.answered) <= _A_MOMENT

    @classmethod
    def read(cls, text: str | None, usual: str) -> "LogoutState":
        """Parse :attr:`text`; ``usual``: the default target. No hub if unreadable."""
        try:
            hub, key, answered, outcome, target, is_inner, is_partial = json.loads(
                text or ""
            )
        except ValueError:
            return cls("", AfterLogout(usual))
        then = AfterLogout(safe_next(target, usual), is_inner, is_partial)
        return cls(hub, then, key, answered, SingleLogoutOutcome.read(outcome))


def of_browser(visit: Visit) -> tuple[str, str | None]:
    """Return the ID of this browser's last LogoutRequest, and its stored state."""
    request_id = _COOKIE.read(visit.cookie_header) or ""
    return request_id, visit.values.get(_key(request_id)) if request_id else None


def of_queued(visit: Visit, notice_key: str) -> str | None:
    """Return the stored state of a logout in the retry queue."""
    return visit.values.get(_key(queued_name(notice_key)))


def store(visit: Visit, name: str, state: LogoutState) -> None:
    """Store a state by the ID of the LogoutRequest or :func:`queued_name`."""
    until = clock.now() + _KEPT_FOR
    visit.values.change(_key(name), lambda _: state.text, until)


def begin(visit: Visit, request_id: str, state: LogoutState) -> None:
    """Store the state of a LogoutRequest that the browser carries to the hub."""
    until = clock.now() + _KEPT_FOR
    visit.values.add(_key(request_id), state.text, until, durable=False)


def cookie(name: str) -> tuple[str, str]:
    """Return the header that binds a logout to this browser."""
    return _COOKIE.set(name, max_age=int(_KEPT_FOR))


def note_answer(
    visit: Visit, request_id: str, stored: str, state: LogoutState
) -> list[tuple[str, str]]:
    """Replace ``stored`` by the hub's answer; return headers that end the retries."""
    until, values = state.answered + _KEPT_FOR, visit.values
    values.swap(_key(request_id), stored, state.text, until, durable=False)
    forget_notice(visit, state.notice_key)
    cookies = [cookie(request_id), *unconfirmed_logouts.let_go(visit)]
    return [*cookies, logout_hint.drop()]


def note_delivery(visit: Visit, notice_key: str, outcome: SingleLogoutOutcome) -> None:
    """Store that the hub confirmed a queued logout, for the page of its browser."""
    now = clock.now()
    unconfirmed_logouts.forget(visit, notice_key)
    logout_hint.unmark(visit, notice_key, now + visit.sessions.max_session)

    def answered(stored: str | None) -> str | None:
        if stored is None:
            return None
        state = LogoutState.read(stored, "")
        return state._replace(answered=now, outcome=outcome).text

    key = _key(queued_name(notice_key))
    visit.values.change(key, answered, now + _KEPT_FOR)


def forget_notice(visit: Visit, notice_key: str) -> None:
    """Stop notifying the hub of a logout: it has confirmed it, or never can."""
    unconfirmed_logouts.forget(visit, notice_key)
    LogoutQueue.drop(visit, notice_key)


def forget(visit: Visit, who: Subject) -> list[tuple[str, str]]:
    """Return the headers after a login, so that no late answer says "logged out"."""
    has_cookie = _COOKIE.read(visit.cookie_header) is not None
    last_logout = logout_hint.unconfirmed_logout(visit)
    if last_logout is not None and last_logout.login.who == who:
        LogoutQueue.drop(visit, last_logout.notice_key)
    unconfirmed_logouts.void(visit)
    return [
        *([_COOKIE.expire()] if has_cookie else []),
        *unconfirmed_logouts.let_go(visit),
    ]


def was_here(visit: Visit) -> bool:
    """Return whether this browser had a session here, or is logging out now."""
    if visit.token is not None:
        return True
    request_id, stored = of_browser(visit)
    state = LogoutState.read(stored, "")
    return request_id != "" and (not state.outcome or state.is_new)


def queued_name(notice_key: str) -> str:
    """Return the name of a queued logout, in place of the ID of a message."""
    return hashlib.sha256(b"queued\0" + notice_key.encode()).hexdigest()


def _key(name: str) -> str:
    return f"logout:{name}"
