"""From what a store holds to logins: a text is taken apart once, not at every request.

That is no cache of sessions: whether a session lives, and what is in it, is read from
the store at every request. Only the work of taking the same text apart once more is
spared, and only for as long as somebody is at work in a session: what was not asked for
in a minute or two is forgotten, and with it what it said of a citizen.
"""

import logging
from collections.abc import Iterable

from eilogin.sessions.records import UNREADABLE, Login, Participant
from eilogin.stores import StoredSession

#: Seconds for which a text that nobody asks for is remembered, up to twice that.
REMEMBERED_FOR = 60.0

#: Most logins that are remembered, up to twice that; each takes some two kilobytes.
MOST_REMEMBERED = 4096

_log = logging.getLogger("eilogin.sessions")


class Reader:
    """Takes records apart, and tells the log, once, of one that it cannot read."""

    def __init__(self) -> None:
        #: What was asked for of late, and what was before that: text and login by key.
        self._young: dict[str, tuple[str, Login]] = {}
        self._old: dict[str, tuple[str, Login]] = {}
        self._until = 0.0
        self._unreadable: set[str] = set()

    def login(self, stored: StoredSession, now: float) -> Login | None:
        """The login that a store has; None where its text cannot be read.

        What comes back may be given to others too: nobody changes it.
        """
        key = stored.key
        known = self._young.get(key)
        if (
            known is not None
            and known[0] == stored.data
            and known[1].seen == stored.seen
            and now < self._until
        ):
            return known[1]
        return self._take_apart(stored, now)

    def _take_apart(self, stored: StoredSession, now: float) -> Login | None:
        key, data = stored.key, stored.data
        if not self._until - REMEMBERED_FOR <= now < self._until or (
            len(self._young) >= MOST_REMEMBERED
        ):
            self._old, self._young = self._young, {}
            self._until = now + REMEMBERED_FOR
        text, login = self._old.get(key, ("", None))
        if login is None or text != data or login.seen != stored.seen:
            try:
                login = Login.from_json(data, key, stored.seen)
            except UNREADABLE as error:
                self._note(key, error)
                return None
        self._young[key] = (data, login)
        return login

    def participants(self, key: str, items: Iterable[str]) -> list[Participant]:
        """Who was told of the session with this key, each entityID once."""
        first: dict[str, Participant] = {}
        for item in items:
            try:
                participant = Participant.from_json(item)
            except UNREADABLE as error:
                self._note(key, error)
            else:
                first.setdefault(participant.entity_id, participant)
        return list(first.values())

    def forget(self, key: str) -> None:
        """This session is over."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def _note(self, key: str, error: Exception) -> None:
        if key in self._unreadable:
            return
        if len(self._unreadable) >= MOST_REMEMBERED:
            self._unreadable.clear()
        self._unreadable.add(key)
        _log.warning(
            "the store has a session that cannot be read, as if another version had"
            " written it; nobody is logged in by it (%r)",
            error,
        )
