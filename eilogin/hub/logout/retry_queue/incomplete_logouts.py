"""Logouts of this hub that some participants missed, for a later logout from above.

A hub in the middle may have ended its sessions before, by a logout below. So it stores
the login above (``session_index``) until all participants have confirmed.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.sessions import Subject
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def note(environ: "WSGIEnvironment", subjects: Iterable[Subject]) -> list[str]:
    """Note that sessions of subjects end; return their logins above."""
    sessions = env.sessions(environ)
    names = [
        login.session_index
        for subject in subjects
        for login in sessions.find_all_of(subject)
        if login.session_index
    ]
    # No participant keeps a session for longer.
    until = clock.now() + sessions.max_session
    for name in names:
        env.values(environ).add(_key(name), "", until, durable=False)
    return names


def forget(environ: "WSGIEnvironment", names: Iterable[str]) -> None:
    """Delete the notes: all participants confirmed."""
    for name in names:
        env.values(environ).take(_key(name))


def is_noted(environ: "WSGIEnvironment", names: Iterable[str]) -> bool:
    """Whether some participant may not know of one."""
    return any(env.values(environ).get(_key(name)) is not None for name in names)


def _key(name: str) -> str:
    return f"untold-below:{name}"
