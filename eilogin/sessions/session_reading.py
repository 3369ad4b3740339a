"""Parse the records of a store, each text once and not at every request.

This is no cache of sessions: every request reads from the store whether a session lives
and what it holds. Only parsing the same text again is saved. A text that no request
needed for a minute or two is forgotten, and the personal data in it too. A process
without requests forgets at its next one.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from eilogin import clock
from eilogin.sessions.session_records import UNREADABLE, Login, Participant, Subject
from eilogin.stores import StoredSession

#: Seconds for which a text that nobody asks for is remembered, up to twice that.
REMEMBERED_FOR = 60.0

#: Most logins that are remembered, up to twice that; each takes some two kilobytes.
MOST_REMEMBERED = 4096

_log = logging.getLogger("eilogin.sessions")


@dataclass(frozen=True, slots=True)
class ParsedSession:
    """A text that was taken apart, and what it said."""

    stored: StoredSession
    login: Login

    def is_of(self, stored: StoredSession) -> bool:
        """Whether the store has the same still."""
        known = self.stored
        return known.data == stored.data and known.seen == stored.seen


class Reader:
    """Takes records apart, and tells the log, once, of one that it cannot read."""

    def __init__(self) -> None:
        #: The texts of recent requests, by cookie value. A live session is found here
        #: at nearly every request, without computing its key again.
        self.recent: dict[str, ParsedSession] = {}
        #: The texts of the requests before those.
        self._older: dict[str, ParsedSession] = {}
        #: When what was not asked for of late has to be forgotten.
        self.forgets_at = 0.0
        self._unreadable: set[str] = set()

    def remembered(self, token: str, stored: StoredSession) -> Login | None:
        """Return the same as :meth:`login`, for a cookie value that will return.

        The login may be given to other callers too: nobody changes it.
        """
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
        """Forget what was not asked for of late."""
        self._older, self.recent = self.recent, {}
        self.forgets_at = now + REMEMBERED_FOR

    def forget(self, token: str) -> None:
        """The session with this cookie value is over."""
        self.recent.pop(token, None)
        self._older.pop(token, None)

    def login(self, stored: StoredSession) -> Login | None:
        """The login that a store has; None where its text cannot be read."""
        try:
            return Login.from_json(stored.data, stored.key, stored.seen)
        except UNREADABLE as error:
            self._note(stored.key, error)
            return None

    def participants(self, key: str, items: Iterable[str]) -> list[Participant]:
        """Return the participants of the session with this key that are not signed out.

        Each counts once by its entityID and its subject. A participant that knows the
        visitor by two names appears twice.
        """
        first: dict[tuple[str, Subject], Participant] = {}
        for item in items:
            try:
                participant = Participant.from_json(item)
            except UNREADABLE as error:
                self._note(key, error)
                continue
            known_as = (participant.entity_id, participant.subject)
            if participant.is_out:
                first.pop(known_as, None)
            else:
                first.setdefault(known_as, participant)
        return list(first.values())

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
