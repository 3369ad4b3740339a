"""Parse the records of a store, each text once and not at every request.

eilogin forgets an unused text, with its personal data, as ``bounded_cache`` says.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from eilogin.sessions.bounded_cache import BoundedCache
from eilogin.sessions.session_records import UNREADABLE, Login, Participant, Subject
from eilogin.stores import StoredSession

#: Most keys of unreadable records in memory.
_MOST_UNREADABLE = 4096
#: Octets of an attribute beside its text: two lists, and its place in two dictionaries.
_OCTETS_OF_ATTRIBUTE = 400

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


def _octets_of(parsed: ParsedSession) -> int:
    # The text, the values in it, and what filters derive from the attributes.
    attributes = len(parsed.login.attributes) * _OCTETS_OF_ATTRIBUTE
    return 3 * len(parsed.stored.data) + attributes


class Reader:
    """Parses records, and logs an unreadable one once."""

    def __init__(self) -> None:
        #: By cookie value, so found without computing the key.
        self.cache: BoundedCache[str, ParsedSession] = BoundedCache(_octets_of)
        self._unreadable: set[str] = set()

    def cached(
        self, token: str, stored: StoredSession, earlier: ParsedSession | None = None
    ) -> Login | None:
        """Return :meth:`login`, and cache it; callers share it unchanged."""
        if earlier is not None and earlier.stored.data == stored.data:
            # Only the last activity is another one.
            login: Login | None = replace(earlier.login, seen=stored.seen)
        else:
            login = self.login(stored)
        if login is not None:
            self.cache.put(token, ParsedSession(stored, login))
        return login

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
        if len(self._unreadable) >= _MOST_UNREADABLE:
            self._unreadable.clear()
        self._unreadable.add(key)
        _log.warning(
            "cannot read a session in the store, perhaps because another version "
            "wrote it; the visitor counts as signed out (%r)",
            error,
        )
