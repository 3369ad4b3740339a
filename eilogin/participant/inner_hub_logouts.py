"""Logouts of somebody of which not all at a hub inside may know.

Each is noted by itself, before anything ends, and for as long as not all do: a hub
above asks anew that did not wait for our answer, or to which she had not gone on, and
then nothing is left here to end. Of two at once none takes away what the other noted.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from eilogin import clock
from eilogin.errors import Unavailable
from eilogin.sessions import UNREADABLE, Login, Subject
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: So many of one citizen are kept, the latest ones; what a hub says is of all of hers.
_MOST = 20
#: The name of one that is written in another way, by another version.
_OTHER = "other"

#: The logins that logouts have ended, by the name of each; none while it is at work,
#: or where its process died.
Logouts = Mapping[str, Sequence[env.EndedBefore]]


class NotedLogout(NamedTuple):
    """A logout that was noted."""

    #: Whose it is, and by what name.
    who: Subject
    name: str
    #: The names of those that were noted before it.
    before: Sequence[str]


def note(environ: "WSGIEnvironment", who: Subject) -> NotedLogout:
    """Note a logout that begins."""
    name, before = secrets.token_urlsafe(8), list[str]()

    def with_it(logouts: Logouts) -> Logouts:
        before[:] = logouts
        return {**logouts, name: ()}

    if not _change(environ, who, with_it):
        raise Unavailable("too many logouts of one visitor at the same time")
    return NotedLogout(who, name, before)


def left_before(environ: "WSGIEnvironment", noted: NotedLogout) -> Logouts:
    """Those before it of which not all may know still."""
    logouts = _read(env.values(environ).get(_key(noted.who)))
    return {name: logouts[name] for name in noted.before if name in logouts}


def keep(
    environ: "WSGIEnvironment", noted: NotedLogout, logins: Iterable[Login]
) -> None:
    """Not all know of one, which has ended these."""
    ended = [env.EndedBefore(login.name, login.who) for login in logins]
    _change(environ, noted.who, lambda logouts: {**logouts, noted.name: ended})


def forget(environ: "WSGIEnvironment", noted: NotedLogout, completed: Logouts) -> None:
    """All know of one, and of these others, where nothing has come of them since."""

    def without(logouts: Logouts) -> Logouts:
        done = {noted.name: logouts.get(noted.name), **completed}
        return {
            name: ended for name, ended in logouts.items() if ended != done.get(name)
        }

    _change(environ, noted.who, without)
    # Where none is left the value is over now, and not when it would be.
    key, now = _key(noted.who), clock.now()
    env.values(environ).swap(key, _NONE, _NONE, now, durable=False)


def _change(
    environ: "WSGIEnvironment", who: Subject, change: Callable[[Logouts], Logouts]
) -> bool:
    values, key = env.values(environ), _key(who)

    def changed(text: str | None) -> str | None:
        new = _written(change(_read(text)))
        return None if new == (text or _NONE) else new

    # Whoever was not reached has no session for longer than that.
    until = clock.now() + env.sessions(environ).max_session
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
            name: [
                env.EndedBefore(login, Subject.from_parts(who)) for login, who in ended
            ]
            for name, ended in json.loads(text).items()
        }
    except UNREADABLE:
        return {_OTHER: ()}


def _key(who: Subject) -> str:
    return f"missed-inside:{who.label()}"
