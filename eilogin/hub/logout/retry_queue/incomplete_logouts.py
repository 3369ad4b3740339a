"""Logouts of this hub that some participants missed, for a later logout from above.

The store keeps the login above (``session_index``) until all participants confirmed.
"""

from collections.abc import Iterable

from eilogin import clock
from eilogin.sessions import Subject
from eilogin.web.visit import Visit


def note(visit: Visit, subjects: Iterable[Subject]) -> list[str]:
    """Note that sessions of subjects end; return their logins above."""
    sessions = visit.sessions
    names = [
        login.session_index
        for subject in subjects
        for login in sessions.find_all_of(subject)
        if login.session_index
    ]
    # No participant keeps a session for longer.
    until = clock.now() + sessions.max_session
    for name in names:
        visit.values.add(_key(name), "", until, durable=False)
    return names


def forget(visit: Visit, names: Iterable[str]) -> None:
    """Delete the notes, because all participants confirmed."""
    for name in names:
        visit.values.take(_key(name))


def is_noted(visit: Visit, names: Iterable[str]) -> bool:
    """Whether a participant may not know that one of these logins has ended."""
    return any(visit.values.get(_key(name)) is not None for name in names)


def _key(name: str) -> str:
    return f"untold-below:{name}"
