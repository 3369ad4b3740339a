"""From what a store holds to logins: a text is taken apart once, not at every request.

That is no cache of sessions: whether a session lives, and what is in it, is read from
the store at every request. Only the work of taking the same text apart once more is
spared, and only for as long as somebody is at work in a session: what was not asked for
in a minute or two is forgotten, and with it what it said of a citizen. A process that
nobody asks anything forgets at its next request.
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
class Known:
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
        #: What was asked for of late, by cookie value: a session that lives is found
        #: here at nearly every request, and its key need not be computed anew.
        self.recent: dict[str, Known] = {}
        #: What was asked for before that.
        self._older: dict[str, Known] = {}
        #: When what was not asked for of late has to be forgotten.
        self.forgets_at = 0.0
        self._unreadable: set[str] = set()

    def remembered(self, token: str, stored: StoredSession) -> Login | None:
        """The same as :meth:`login`, for who will come again with this cookie value.

        What comes back may be given to others too: nobody changes it.
        """
        now = clock.now()
        is_due = not 0.0 < self.forgets_at - now <= REMEMBERED_FOR
        if is_due or len(self.recent) >= MOST_REMEMBERED:
            self.forget_older(now)
        known = self._older.get(token)
        if known is None or not known.is_of(stored):
            login = self.login(stored)
            if login is None:
                return None
            known = Known(stored, login)
        self.recent[token] = known
        return known.login

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
        """Who was told of the session with this key, and is not out since; each once.

        By entityID and by whom she is there: who knows her by two names was told twice.
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
