"""Create, find, renew and end sessions, over any store.

House rules:

1. The browser has a token, the store its hash: a reader of the store cannot sign in.
2. One fresh read decides whether a session exists, never earlier knowledge.
3. While a session lives, eilogin writes only its last activity and participants.
4. A session that was found to be over stays over, whatever the clock does.
5. An unreadable record signs nobody in, and stays: another version may read it.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import inf, nextafter

from eilogin import clock
from eilogin.errors import LoginEnded, MessageReplayed
from eilogin.sessions.idle_limit import IdleLimit
from eilogin.sessions.login_storing import (
    add_other_labels,
    filled_in,
    key_of,
    reject_login,
)
from eilogin.sessions.session_keepers import has_keepers, notify_keepers
from eilogin.sessions.session_reading import Reader
from eilogin.sessions.session_records import Login, Participant, Subject
from eilogin.stores import EndedSession, Store, StoredSession

#: Logins of one subject, more than anybody has browsers. One more ends the one unseen
#: for longest.
MOST_LOGINS = 100

_MINUTE, _DAY = 60.0, 86_400.0

# A shard, and 32 random bytes from secrets.token_urlsafe.
_TOKEN_LENGTH = 45
_SHARDS = frozenset(f"{number:02x}" for number in range(256))


class Sessions(IdleLimit):
    """The logins of one participant, or of the hub; limits are in seconds."""

    def __init__(self, store: Store, *, idle: float, max_session: float) -> None:
        super().__init__(store, idle)
        self.max_session = max_session
        self._reader = Reader()

    # --- finding ---

    def find(self, token: str) -> Login | None:
        """Return the login of a cookie value, within its two limits, or None."""
        login = self.find_beyond_idle(token)
        now = clock.now()
        if login is None or 0 <= now - login.seen <= self.idle:
            return login
        if not self.is_idle(login):
            return login
        self._write_idle(login)
        return None

    def find_beyond_idle(self, token: str) -> Login | None:
        """Return the same, even if it is idle: for a logout, not for a login."""
        parsed = self._reader.cache.get(token)
        if parsed is not None:
            key = parsed.stored.key
        elif len(token) == _TOKEN_LENGTH and token[:2] in _SHARDS:
            key = key_of(token)
        else:
            return None
        stored = self.store.read(key)
        if stored is None:
            self._reader.cache.forget(token)
            return None
        # A store in memory returns the very same object.
        if parsed is not None and (parsed.stored is stored or parsed.is_of(stored)):
            return parsed.login
        return self._reader.cached(token, stored, parsed)

    def find_renewed(self, token: str) -> Login | None:
        """Return the login that replaced the one with this cookie value."""
        # Only for a logout: the cookie may be from before a step-up whose response was
        # lost.
        family = self.store.get(_renewed_name(key_of(token)))
        return None if family is None else next(iter(self._with_label(family)), None)

    def _with_label(self, label: str) -> list[Login]:
        logins: list[Login] = []
        previous_keys: set[str] | None = None
        keys = self.store.find(label)
        # A missing login may go on under another key, so search again.
        while set(keys) != previous_keys:
            logins = [login for login in map(self._read, keys) if login is not None]
            if len(logins) == len(keys):
                break
            previous_keys, keys = set(keys), self.store.find(label)
        return logins

    def find_with_participant(
        self, subject: Subject, session_index: str | None = None
    ) -> list[Login]:
        """Return the hub's logins, idle ones too, by a participant's subject."""
        return self._with_label(subject.hub_label(session_index))

    @staticmethod
    def key_of(token: str) -> str:
        """Return the store's key for this cookie value."""
        return key_of(token)

    def is_live(self, login: Login) -> bool:
        """Return whether a fresh read finds this login, perhaps stepped up."""
        return self.store.read(login.key) is not None or bool(self._heirs(login))

    def as_of_now(self, login: Login) -> Login | None:
        """Return the login under its present key; None if it has ended."""
        logins = map(self._read, self._keys_of(login))
        return next((heir for heir in logins if heir is not None), None)

    def named(self, name: str) -> Login | None:
        """Return the live login with this name (:attr:`Login.name`)."""
        return next(iter(self._with_label(name)), None)

    def find_all_of(self, subject: Subject) -> list[Login]:
        """Return the logins of a subject, in any browser, idle ones too."""
        return self._with_label(subject.label())

    def _read(self, key: str) -> Login | None:
        stored = self.store.read(key)
        return None if stored is None else self._reader.login(stored)

    def _heirs(self, login: Login) -> list[str]:
        keys = self.store.find(login.name)
        return [key for key in keys if key != login.key]

    # --- making ---

    def create_login(
        self,
        login: Login,
        *,
        issued: float,
        replaces: Login | None = None,
        end_unseen: Callable[[Login], object] | None = None,
    ) -> str:
        """Store a new login and return its cookie value.

        Fill in ``family``, ``key`` and ``seen``. With the same subject, family and the
        earlier ``started`` come from ``replaces``. ``ends`` is at most ``started +
        max_session``.

        ``replaces`` (this browser's login) ends in the same transaction; participants
        move only within a family. ``issued`` is the IssueInstant of the assertion, or
        at the hub the instant of the proof. Beyond :data:`MOST_LOGINS` of the subject,
        those unseen for longest end: by ``end_unseen``, or by :meth:`drop`.

        Raise LoginEnded, with nothing changed, if a logout of this subject was received
        since ``issued``, if ``replaces`` has ended, or if ``ends`` has passed.
        """
        token = login.who.shard + secrets.token_urlsafe(32)
        is_same = replaces is not None and _is_same_subject(login, replaces)
        predecessor = replaces if is_same else None
        new_login = filled_in(login, token, predecessor, self.max_session)
        if predecessor is not None:
            self._link_to_heir(predecessor, new_login)
        is_stored = new_login.ends > new_login.seen and self.store.create(
            StoredSession(
                new_login.key,
                new_login.to_json(),
                new_login.seen,
                new_login.ends,
                (*new_login.labels(), new_login.name),
            ),
            issued=issued,
            replaces=None if replaces is None else replaces.key,
            inherit=is_same,
        )
        if not is_stored:
            reject_login(self.store, new_login, self.idle)
        if replaces is not None:
            self._forget(replaces.key)
            if not is_same:
                notify_keepers([replaces])
        self._add_other_labels(new_login, issued)
        if not is_same:
            self._end_surplus(new_login, end_unseen or self.drop)
        return token

    def _end_surplus(self, new: Login, end: Callable[[Login], object]) -> None:
        # After storing the new one: a rejected login ends none, and all processes end
        # the same.
        surplus = len(self.store.find(new.who.label())) - MOST_LOGINS
        if surplus <= 0:
            return
        older = [old for old in self.find_all_of(new.who) if old.key != new.key]
        for old in sorted(older, key=lambda old: (old.seen, old.started))[:surplus]:
            end(old)

    def _add_other_labels(self, new_login: Login, issued: float) -> None:
        if new_login.also is None:
            return
        try:
            add_other_labels(self.store, new_login, issued)
        except LoginEnded:
            self._forget(new_login.key)
            raise

    def _link_to_heir(self, renewed: Login, heir: Login) -> None:
        # Before the heir exists, and until it can be idle: a logout finds one of them
        # at any instant.
        name, family = _renewed_name(renewed.key), heir.name
        until = clock.now() + self.idle
        self.store.add(name, family, until, owner=renewed.key, durable=False)

    # --- participants ---

    def add_participant(
        self, login: Login, participant: Participant
    ) -> Participant | None:
        """Add a participant to a login; return the stored one, None if it is over."""
        # Its subject then finds the login. A known participant keeps its "since".
        subject = participant.subject
        labels = (
            subject.hub_label(),
            subject.hub_label(participant.session_index),
            _ending_label(login.audience, login.ends),
        )
        item = participant.to_json()
        for key in self._keys_of(login):
            for stored in self._reader.participants(key, self.store.items(key)):
                # A login that is over has none, so this one is live.
                if replace(stored, since=participant.since) == participant:
                    return stored
            if self.store.append(key, item, labels):
                return participant
        return None

    def store_with(self, login: Login, key: str, value: str, until: float) -> bool:
        """Store a value until the login ends, under any key; return whether it did.

        False if the login is over, or the key has a value. A power failure may undo it.
        """
        return any(
            self.store.add(key, value, until, owner=owner, durable=False)
            for owner in self._keys_of(login)
        )

    def note_out(self, login: Login, participant: Participant) -> None:
        """Note that a participant signed out of the login, until its next assertion."""
        item = replace(participant, is_out=True).to_json()
        any(self.store.append(key, item) for key in self._keys_of(login))

    def is_in(self, subject: Subject, after: float = -inf) -> bool:
        """Return whether a live login includes a participant with this subject."""
        # It joined after an instant, and is not out (note_out).
        label = subject.hub_label()
        return any(
            participant.subject.hub_label() == label and participant.since > after
            for login in self.find_with_participant(subject)
            for participant in self.participants(login)
        )

    def participants(self, login: Login) -> list[Participant]:
        """Return the participants of a login, each once for a name of the visitor."""
        for key in self._keys_of(login):
            items = self.store.items(key)
            if items:
                return self._reader.participants(key, items)
        return []

    def _keys_of(self, login: Login) -> Iterator[str]:
        # The login's own key is mostly right.
        yielded = {login.key}
        yield login.key
        while heirs := set(self._heirs(login)) - yielded:
            yielded |= heirs
            yield from heirs

    def find_ending(self, party: str, until: float) -> list[Login]:
        """Return logins of ``party`` with participants that end by an instant, soon."""
        # Repeated calls with later instants find all.
        listed = list(self._listed_to_end(party, until))
        for minute, login in listed:
            if login.ends > until and login.ends // _MINUTE > minute:
                self._list_later_end(login)
        return [login for _, login in listed if login.ends <= until]

    def find_all(self, party: str) -> Iterator[Login]:
        """Yield all logins of a hub with a participant, each once."""
        # An earlier configuration may have had a longer limit.
        until = clock.now() + max(self.max_session, _DAY)
        return (login for _, login in self._listed_to_end(party, until))

    def _listed_to_end(self, party: str, until: float) -> Iterator[tuple[int, Login]]:
        first_minute, last_minute = clock.now() // _MINUTE, until // _MINUTE
        yielded = set[str]()
        for minute in range(int(first_minute), int(last_minute) + 1):
            for login in self._with_label(_ending_label(party, minute * _MINUTE)):
                if login.key not in yielded:
                    yielded.add(login.key)
                    yield minute, login

    def _list_later_end(self, login: Login) -> None:
        label = _ending_label(login.audience, login.ends)
        participants = self.participants(login)
        if participants and login.key not in self.store.find(label):
            self.store.append(login.key, participants[0].to_json(), (label,))

    # --- ending ---

    def end_citizen(self, login: Login) -> list[Participant] | None:
        """End this login and every other of the same subject, in every browser.

        The label is the same under every key, so no step-up escapes. The mark that this
        leaves rejects a login that was proven before and is not stored yet.

        Return the participants of all, each once for a login and a name, for the hub's
        logout; None if another caller ended them. Idempotent, in one transaction.
        """
        # Also by its key, in case the store's index is damaged.
        return self._end_all(login.who, (login.key,))

    def end_all_of(self, subject: Subject) -> list[Participant] | None:
        """End all logins of a subject in the same way."""
        return self._end_all(subject, ())

    def _end_all(
        self, subject: Subject, keys: Sequence[str]
    ) -> list[Participant] | None:
        now = clock.now()
        ended = self.store.end(
            keys=keys,
            labels=(subject.label(),),
            # A proof at this very instant counts as later.
            mark=nextafter(now, 0.0),
            mark_until=now + self.max_session,
        )
        return self._finish_end(ended)

    def _finish_end(self, ended: Sequence[EndedSession]) -> list[Participant] | None:
        if not ended:
            return None
        self._forget(*(session.key for session in ended))
        if has_keepers():
            notify_keepers(self._parsed_logins(ended))
        return [
            participant
            for session in ended
            for participant in self._reader.participants(session.key, session.items)
        ]

    def end_login(self, login: Login, *, issued: float) -> list[Login]:
        """End this login, or without a SessionIndex all logins of the subject."""
        indexes = () if login.session_index is None else (login.session_index,)
        keys = (login.key,) if login.key else ()
        return self.end_subject(login.who, indexes, issued=issued, keys=keys)

    def drop(self, login: Login) -> list[Participant] | None:
        """End this login and no other one, under every key, without a mark."""
        # One caller gets its participants.
        return self._finish_end(self.store.end(keys=(login.key,), labels=(login.name,)))

    def end_subject(
        self,
        subject: Subject,
        session_indexes: Sequence[str] = (),
        *,
        issued: float,
        keys: Sequence[str] = (),
    ) -> list[Login]:
        """End all logins of a subject, or those of SessionIndexes, and of ``keys``.

        Marks reject answers issued at or before ``issued``. Return the ended logins.
        """
        labels = [subject.label(index) for index in session_indexes]
        ended = self.store.end(
            keys=keys,
            labels=labels or [subject.label()],
            mark=issued,
            mark_until=clock.now() + self.max_session,
        )
        logins = self._parsed_logins(ended)
        self._forget(*(session.key for session in ended))
        notify_keepers(logins)
        return logins

    def _parsed_logins(self, ended: Sequence[EndedSession]) -> list[Login]:
        logins = (
            self._reader.login(StoredSession(session.key, session.data, 0.0, 0.0))
            for session in ended
        )
        return [login for login in logins if login is not None]

    # --- messages ---

    def use_once(self, key: str, until: float) -> None:
        """Record that a message was used, until its age rejects it.

        ``key`` is sender and message, such as issuer and ID. All callers in all threads
        and processes, except one, get MessageReplayed.
        """
        if not self.store.add(_used_name(key), "", until):
            raise MessageReplayed("this message was used before")

    def require_unused(self, key: str) -> None:
        """Raise MessageReplayed for a used message; only :meth:`use_once` is atomic."""
        if self.store.get(_used_name(key)) is not None:
            raise MessageReplayed("this message was used before")


def _ending_label(party: str, ends: float) -> str:
    digest = hashlib.sha256(f"{party}\0{int(ends // _MINUTE)}".encode()).hexdigest()
    # One label for all shards, so without a shard.
    return f"ending-{digest}"


def _used_name(key: str) -> str:
    return f"used:{hashlib.sha256(key.encode()).hexdigest()}"


def _renewed_name(key: str) -> str:
    return f"renewed:{key}"


def _is_same_subject(login: Login, other: Login) -> bool:
    return login.who.label() == other.who.label()
