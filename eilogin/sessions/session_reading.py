"""Parse the records of a store, each text once and not at every request.

eilogin forgets an unused text, with its personal data, after a minute or two; in an
idle process, at the next request.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from eilogin import clock
from eilogin.sessions.session_records import UNREADABLE, Login, Participant, Subject
from eilogin.stores import StoredSession

#: Seconds, up to twice as many, for which an unused text is cached.
REMEMBERED_FOR = 60.0

#: Cached logins, up to twice as many; each takes some two kilobytes.
MOST_REMEMBERED = 4096

_log = logging.getLogger("eilogin.sessions")


@dataclass(frozen=True, slots=True)
class ParsedSession:
    """A parsed text, and its login."""

    stored: StoredSession
    login: Login

    def is_of(self, stored: StoredSession) -> bool:
        """Return whether the store still has the same text and last activity."""
        own = self.stored
        return own.data == stored.data and own.seen == stored.seen


class Reader:
    """Parses records, and logs an unreadable one once."""

    def __init__(self) -> None:
        #: Recent texts by cookie value, found without computing their keys.
        self.recent: dict[str, ParsedSession] = {}
        self._older: dict[str, ParsedSession] = {}
        self.forgets_at = 0.0
        self._unreadable: set[str] = set()

    def remembered(self, token: str, stored: StoredSession) -> Login | None:
        """Return :meth:`login`, cached by cookie value; callers share it unchanged."""
        now = clock.now()
        is_due = not 0.0 < self.forgets_at - now <= REMEMBERED_FOR
        if is_due or len(self.recent) >= MOST_REMEMBERED:
            self.forget_older(now)
        parsed = self._older.get(token)
        if parsed is None or not parsed.is_of(stored):
            login = self.login(stored)
            if login is None:
                return None
            parsed = ParsedSession(stored, login)
        self.recent[token] = parsed
        return parsed.login

    def forget_older(self, now: float) -> None:
        """Forget texts that no recent request used."""
        self._older, self.recent = self.recent, {}
        self.forgets_at = now + REMEMBERED_FOR

    def forget(self, token: str) -> None:
        """Forget the session with this cookie value."""
        self.recent.pop(token, None)
        self._older.pop(token, None)

    def login(self, stored: StoredSession) -> Login | None:
        """Return the login in a record; None if it is unreadable."""
        try:
            return Login.from_json(stored.data, stored.key, stored.seen)
        except UNREADABLE as error:
            self._note(stored.key, error)
            return None

    def participants(self, key: str, items: Iterable[str]) -> list[Participant]:
        """Return the participants of a session that are not signed out."""
        # Each pair of entityID and subject once: a participant may know two names.
        participants: dict[tuple[str, Subject], Participant] = {}
        for item in items:
            try:
                participant = Participant.from_json(item)
            except UNREADABLE as error:
                self._note(key, error)
                continue
            identity = (participant.entity_id, participant.subject)
            if participant.is_out:
                participants.pop(identity, None)
            else:
                participants.setdefault(identity, participant)
        return list(participants.values())

    def _note(self, key: str, error: Exception) -> None:
        if key in self._unreadable:
            return
        if len(self._unreadable) >= MOST_REMEMBERED:
            self._unreadable.clear()
        self._unreadable.add(key)
        _log.warning(
            "cannot read a session in the store, perhaps because another version "
            "wrote it; the visitor counts as signed out (%r)",
            error,
        )
