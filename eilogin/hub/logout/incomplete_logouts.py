"""Whom a logout below has not reached, for the hub above that asks about it later.

A hub in the middle may have ended what it has of a citizen before the logout comes
from above: she began it at an application, and it has not gone up yet. Then nothing is
left to end, and that does not mean that everybody knows. So what is under way, or was
not told to all, is noted by the login above (its ``session_index`` here), before
anything ends; and the note goes when all know.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.sessions import Subject
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def note(environ: "WSGIEnvironment", subjects: Iterable[Subject]) -> list[str]:
    """Note that the logins of these end; the names of those above that it is about."""
    sessions = env.sessions(environ)
    names = [
        login.session_index
        for subject in subjects
        for login in sessions.find_all_of(subject)
        if login.session_index
    ]
    # Whoever was not reached has no session for longer than that.
    until = clock.now() + sessions.max_session
    for name in names:
        env.values(environ).add(_key(name), "", until, durable=False)
    return names


def forget(environ: "WSGIEnvironment", names: Iterable[str]) -> None:
    """All know it now."""
    for name in names:
        env.values(environ).take(_key(name))


def is_noted(environ: "WSGIEnvironment", names: Iterable[str]) -> bool:
    """Whether somebody may not know of one of these."""
    return any(env.values(environ).get(_key(name)) is not None for name in names)


def _key(name: str) -> str:
    return f"untold-below:{name}"
