"""Note logouts that a hub inside has not delivered to all its participants.

A note lasts from before anything ends until all know: a hub above may repeat its
LogoutRequest when no session is left here. Each logout has its own note, so
simultaneous logouts do not remove each other's.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from eilogin import clock
from eilogin.errors import Unavailable
from eilogin.sessions import UNREADABLE, Login, Subject
from eilogin.web.logout_above import EndedBefore
from eilogin.web.visit import Visit

#: Latest notes of one visitor.
_MOST = 20
#: A note in the format of another version.
_OTHER = "other"

#: Ended logins by name of the logout; none while it is at work, or if its process died.
Logouts = Mapping[str, Sequence[EndedBefore]]


class NotedLogout(NamedTuple):
    """A logout that was noted."""

    who: Subject
    name: str
    #: Names of the logouts noted before it.
    before: Sequence[str]


def note(visit: Visit, who: Subject) -> NotedLogout:
    """Note a logout that begins."""
    name, before = secrets.token_urlsafe(8), list[str]()

    def with_it(logouts: Logouts) -> Logouts:
        before[:] = logouts
        return {**logouts, name: ()}

    if not _change(visit, who, with_it):
        raise Unavailable("too many logouts of one visitor at the same time")
    return NotedLogout(who, name, before)


def still_unconfirmed(visit: Visit, noted: NotedLogout) -> Logouts:
    """Return the earlier logouts that not all participants may know of."""
    logouts = _read(visit.values.get(_key(noted.who)))
    return {name: logouts[name] for name in noted.before if name in logouts}


def store(visit: Visit, noted: NotedLogout, logins: Iterable[Login]) -> None:
    """Note the ended logins of a logout that not all know of."""
    ended = [EndedBefore(login.name, login.who) for login in logins]
    _change(visit, noted.who, lambda logouts: {**logouts, noted.name: ended})


def forget(visit: Visit, noted: NotedLogout, completed: Logouts) -> None:
    """Remove a logout that all know of, and unchanged ``completed`` ones."""

    def without(logouts: Logouts) -> Logouts:
        done = {noted.name: logouts.get(noted.name), **completed}
        return {
            name: ended for name, ended in logouts.items() if ended != done.get(name)
        }

    _change(visit, noted.who, without)
    # Expire an empty value at once.
    key, now = _key(noted.who), clock.now()
    visit.values.swap(key, _NONE, _NONE, now, durable=False)


def _change(visit: Visit, who: Subject, change: Callable[[Logouts], Logouts]) -> bool:
    values, key = visit.values, _key(who)

    def changed(text: str | None) -> str | None:
        new = _written(change(_read(text)))
        return None if new == (text or _NONE) else new

    # Participants without the message keep no session for longer.
    until = clock.now() + visit.sessions.max_session
    return values.change(key, changed, until)


def _written(logouts: Logouts) -> str:
    latest = list(logouts.items())[-_MOST:]
    return json.dumps(
        {
            name: [[login.name, login.who.as_json()] for login in ended]
            for name, ended in latest
        }
    )


_NONE = _written({})


def _read(text: str | None) -> Logouts:
    if text is None:
        return {}
    try:
        return {
            name: [EndedBefore(login, Subject.from_parts(who)) for login, who in ended]
            for name, ended in json.loads(text).items()
        }
    except UNREADABLE:
        return {_OTHER: ()}


def _key(who: Subject) -> str:
    return f"missed-inside:{who.label()}"
