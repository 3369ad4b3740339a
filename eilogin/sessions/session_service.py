"""Create, find, renew and end sessions, over any store.

House rules:

1. The browser has a token, the store its hash: a reader of the store cannot sign in.
2. One fresh read decides whether a session exists, never earlier knowledge.
3. Reading a session never writes it back. While it lives, eilogin writes only the
   instant of its last activity and its participants.
4. A session that was found to be over stays over, whatever the clock does afterwards.
5. A record that cannot be read signs nobody in, and stays in the store: another
   version, which can read it, may share the store.
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
from eilogin.sessions.session_keepers import somebody_keeps, tell_ended
from eilogin.sessions.session_reading import REMEMBERED_FOR, Reader
from eilogin.sessions.session_records import Login, Participant, Subject
from eilogin.stores import EndedSession, Store, StoredSession

#: Most logins of one subject at a time. Nobody has as many browsers, and a logout that
#: has to end them all must not take long. One more ends the one unseen for longest.
MOST_LOGINS = 100

_MINUTE, _DAY = 60.0, 86_400.0

# A cookie's value is a shard, and 32 random bytes as secrets.token_urlsafe writes them.
_TOKEN_LENGTH = 45
_SHARDS = frozenset(f"{number:02x}" for number in range(256))


class Sessions(IdleLimit):
    """The logins of one participant, or of the hub.

    ``idle`` is the number of seconds after which a login of which nothing was seen
    is over, ``max_session`` the number of seconds after which any login is.
    """

    def __init__(self, store: Store, *, idle: float, max_session: float) -> None:
        super().__init__(store, idle)
        self.max_session = max_session
        self._reader = Reader()

    # --- finding ---

    def find(self, token: str) -> Login | None:
        """The login of this cookie value, within its absolute limit and its idle one.

        One read of the store; anything that is not a token of ours is None.
        """
        login = self.find_beyond_idle(token)
        now = clock.now()
        # However far, and which way, the clock was set meanwhile.
        if not 0.0 < self._reader.forgets_at - now <= REMEMBERED_FOR:
            self._reader.forget_older(now)
        # The usual case first: seen a while ago, and that within the limit.
        if login is None or 0 <= now - login.seen <= self.idle:
            return login
        if not self.is_idle(login):
            return login
        self._keep_idle(login)
        return None

    def find_beyond_idle(self, token: str) -> Login | None:
        """The same, idle limit aside: what a hub needs to log out, not to log in."""
        known = self._reader.recent.get(token)
        if known is not None:
            key = known.stored.key
        elif len(token) == _TOKEN_LENGTH and token[:2] in _SHARDS:
            key = key_of(token)
        else:
            return None
        stored = self.store.read(key)
        if stored is None:
            self._reader.forget(token)
            return None
        # The very same is what a store in memory gives where nothing has changed.
        if known is not None and (known.stored is stored or known.is_of(stored)):
            return known.login
        return self._reader.remembered(token, stored)

    def find_renewed(self, token: str) -> Login | None:
        """Return the login that replaced the one with this cookie value.

        Only for a logout, which may carry the cookie of before a step-up: of one that
        was pending in another tab, or whose response the browser never received.
        """
        family = self.store.get(_renewed_name(key_of(token)))
        return None if family is None else next(iter(self._carrying(family)), None)

    def _carrying(self, label: str) -> list[Login]:
        """The logins that carry a label, whatever steps them up meanwhile."""
        logins: list[Login] = []
        looked_at: set[str] | None = None
        keys = self.store.find(label)
        # One that is gone by now may go on under another key, which is found if looked
        # for again. One that is found again is there, and cannot be read.
        while set(keys) != looked_at:
            logins = [login for login in map(self._read, keys) if login is not None]
            if len(logins) == len(keys):
                break
            looked_at, keys = set(keys), self.store.find(label)
        return logins

    def find_told(
        self, subject: Subject, session_index: str | None = None
    ) -> list[Login]:
        """Return the hub's logins of a subject, or those of one SessionIndex.

        ``subject`` and ``session_index`` are as the participant knows them
        (:meth:`add_participant`). The idle limit does not count, because a logout has
        to reach idle logins too.
        """
        return self._carrying(subject.told_label(session_index))

    @staticmethod
    def key_of(token: str) -> str:
        """The store's key of the login with this cookie value."""
        return key_of(token)

    def is_live(self, login: Login) -> bool:
        """Whether this login has not been ended, on a fresh read.

        A login that was stepped up meanwhile lives: it is the same login.
        """
        return self.store.read(login.key) is not None or bool(self._heirs(login))

    def as_of_now(self, login: Login) -> Login | None:
        """The same login under the key under which it goes on; None where it ended."""
        found = map(self._read, self._keys_of(login))
        return next((one for one in found if one is not None), None)

    def named(self, name: str) -> Login | None:
        """The login that has this name (:attr:`Login.name`), if it lives."""
        return next(iter(self._carrying(name)), None)

    def find_all_of(self, subject: Subject) -> list[Login]:
        """The logins of a subject, in whatever browsers, idle ones too."""
        return self._carrying(subject.label())

    def _read(self, key: str) -> Login | None:
        stored = self.store.read(key)
        return None if stored is None else self._reader.login(stored)

    def _heirs(self, login: Login) -> list[str]:
        """The key under which a login goes on that was stepped up meanwhile."""
        found = self.store.find(login.name)
        return [key for key in found if key != login.key]

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

        This function fills in ``family``, ``key`` and ``seen`` of ``login``. The family
        is that of ``replaces`` if the subject is the same, else new. ``ends`` is at
        most ``started + max_session``. If the subject is the same, the earlier
        ``started`` counts: a login that is confirmed again does not begin again.

        ``replaces`` (this browser's login until now) ends in the same transaction. Its
        participants move to the new login within a family, and only there. ``issued``
        is the IssueInstant of the assertion, or at the hub the instant of the proof. If
        the subject then has more than :data:`MOST_LOGINS`, the logins unseen for
        longest end: by ``end_unseen``, or by :meth:`drop` without it.

        Raises :class:`eilogin.errors.LoginEnded`, with nothing changed, if a logout of
        this subject was received since ``issued``, if ``replaces`` has ended, or if
        ``ends`` has passed.
        """
        token = login.who.shard + secrets.token_urlsafe(32)
        is_same = replaces is not None and _is_same_subject(login, replaces)
        same = replaces if is_same else None
        made = filled_in(login, token, same, self.max_session)
        if same is not None:
            self._leave_word(same, made)
        is_made = made.ends > made.seen and self.store.create(
            StoredSession(
                made.key,
                made.to_json(),
                made.seen,
                made.ends,
                (*made.labels(), made.name),
            ),
            issued=issued,
            replaces=None if replaces is None else replaces.key,
            inherit=is_same,
        )
        if not is_made:
            reject_login(self.store, made, self.idle)
        if replaces is not None:
            self._forget(replaces.key)
            if not is_same:
                tell_ended([replaces])
        self._be_found_by_other_labels(made, issued)
        if not is_same:
            self._end_beyond(made, end_unseen or self.drop)
        return token

    def _end_beyond(self, made: Login, end: Callable[[Login], object]) -> None:
        """End the logins of a subject that are too many, but not the one just made.

        Called after that one is made: so processes that make logins at once end the
        same others, and a login that is refused ends none.
        """
        beyond = len(self.store.find(made.who.label())) - MOST_LOGINS
        if beyond <= 0:
            return
        others = [one for one in self.find_all_of(made.who) if one.key != made.key]
        for login in sorted(others, key=lambda one: (one.seen, one.started))[:beyond]:
            end(login)

    def _be_found_by_other_labels(self, made: Login, issued: float) -> None:
        if made.also is None:
            return
        try:
            add_other_labels(self.store, made, issued)
        except LoginEnded:
            self._forget(made.key)
            raise

    def _leave_word(self, renewed: Login, heir: Login) -> None:
        """See :meth:`find_renewed`; an heir that nobody uses is idle after that.

        Before the heir is made, which inherits this: there must be no instant at which
        a logout finds neither.
        """
        name, family = _renewed_name(renewed.key), heir.name
        until = clock.now() + self.idle
        self.store.add(name, family, until, owner=renewed.key, durable=False)

    # --- who was told ---

    def add_participant(
        self, login: Login, participant: Participant
    ) -> Participant | None:
        """Add a participant to a login; return the stored one, or None if it is over.

        The login can be found by the participant's subject from then on. The same
        participant again takes no more room, and keeps its ``since``.
        """
        told = replace(participant, since=0.0)
        for known in self.participants(login):
            # A login that is over has none, so this one is live.
            if replace(known, since=0.0) == told:
                return known
        subject = participant.subject
        labels = (
            subject.told_label(),
            subject.told_label(participant.session_index),
            _ending_label(login.audience, login.ends),
        )
        item = participant.to_json()
        keys = self._keys_of(login)
        is_added = any(self.store.append(key, item, labels) for key in keys)
        return participant if is_added else None

    def keep_with(self, login: Login, key: str, value: str, until: float) -> bool:
        """Keep a value that goes when the login ends; False where that is over.

        False too where the key has a value already. Under whatever key the login goes
        on, as everywhere. A power failure may undo it (see
        :meth:`eilogin.stores.Store.add`).
        """
        return any(
            self.store.add(key, value, until, owner=owner, durable=False)
            for owner in self._keys_of(login)
        )

    def note_out(self, login: Login, participant: Participant) -> None:
        """Note that a participant signed out, while the login itself goes on.

        A participant that gets an assertion afterwards is signed in again.
        """
        item = replace(participant, is_out=True).to_json()
        any(self.store.append(key, item) for key in self._keys_of(login))

    def is_in(self, subject: Subject, after: float = -inf) -> bool:
        """Whether a live login includes a participant by this name of the visitor.

        The participant joined ``after`` an instant, and has not signed out since
        (:meth:`note_out`).
        """
        label = subject.told_label()
        return any(
            told.subject.told_label() == label and told.since > after
            for login in self.find_told(subject)
            for told in self.participants(login)
        )

    def participants(self, login: Login) -> list[Participant]:
        """Return the participants, each once for a name of the visitor."""
        for key in self._keys_of(login):
            items = self.store.items(key)
            if items:
                return self._reader.participants(key, items)
        return []

    def _keys_of(self, login: Login) -> Iterator[str]:
        """Its own key, which nearly always does; and what is looked up if not.

        That is looked up until there is nothing new: who is stepped up once may be
        stepped up again meanwhile.
        """
        tried = {login.key}
        yield login.key
        while new := set(self._heirs(login)) - tried:
            tried |= new
            yield from new

    def find_ending(self, party: str, until: float) -> list[Login]:
        """Return the logins of a hub that reach their limit by an instant.

        The instant is soon. Only logins of ``party`` with a participant. A caller that
        asks from time to time, each time for a later instant, finds all of them.
        """
        found = list(self._ending(party, until))
        for minute, login in found:
            # Else it is found where it is at the next look too.
            if login.ends > until and login.ends // _MINUTE > minute:
                self._put_off(login)
        return [login for _, login in found if login.ends <= until]

    def find_all(self, party: str) -> Iterator[Login]:
        """Return all logins of a hub with a participant, each once."""
        # Those of before it was started with a shorter limit too.
        until = clock.now() + max(self.max_session, _DAY)
        return (login for _, login in self._ending(party, until))

    def _ending(self, party: str, until: float) -> Iterator[tuple[int, Login]]:
        """Those that are thought to be at their limit by an instant, each once.

        With the minute in which that was to be.
        """
        first, last = clock.now() // _MINUTE, until // _MINUTE
        found = set[str]()
        for minute in range(int(first), int(last) + 1):
            for login in self._carrying(_ending_label(party, minute * _MINUTE)):
                if login.key not in found:
                    found.add(login.key)
                    yield minute, login

    def _put_off(self, login: Login) -> None:
        """Have a login be found when it ends, which was to be sooner once."""
        label = _ending_label(login.audience, login.ends)
        told = self.participants(login)
        if told and login.key not in self.store.find(label):
            self.store.append(login.key, told[0].to_json(), (label,))

    # --- ending ---

    def end_citizen(self, login: Login) -> list[Participant] | None:
        """End this login and every other of the same subject, in every browser.

        The label stays the same under every key of a login, so a step-up in another tab
        cannot escape the logout. The mark that this leaves rejects a login that was
        proven before this instant and is not stored yet.

        Returns the participants of all of them, each once for a login and a name: a
        hub's logout has to reach these. Returns None if all had ended, because another
        caller then has that list. Idempotent, and one transaction.
        """
        # By its key too: it ends though the store's index is damaged.
        return self._end_all(login.who, (login.key,))

    def end_all_of(self, subject: Subject) -> list[Participant] | None:
        """The same for whoever a subject is, in whatever browsers."""
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
        return self._told_of(ended)

    def _told_of(self, ended: Sequence[EndedSession]) -> list[Participant] | None:
        if not ended:
            return None
        self._forget(*(session.key for session in ended))
        if somebody_keeps():
            tell_ended(self._logins(ended))
        return [
            told
            for session in ended
            for told in self._reader.participants(session.key, session.items)
        ]

    def end_login(self, login: Login, *, issued: float) -> list[Login]:
        """End this login, as its citizen asks for it, as :meth:`end_subject` does.

        By its SessionIndex, under whatever key it goes on; where it has none, all
        logins of the subject end. A login that was not read from the store has no key.
        """
        indexes = () if login.session_index is None else (login.session_index,)
        keys = (login.key,) if login.key else ()
        return self.end_subject(login.who, indexes, issued=issued, keys=keys)

    def drop(self, login: Login) -> list[Participant] | None:
        """End this login and no other one, under every key of it.

        It leaves no mark: a login of the same subject that is already proven is stored.
        Returns its participants. Returns None if it had ended, so that one of all
        callers gets that list.
        """
        return self._told_of(self.store.end(keys=(login.key,), labels=(login.name,)))

    def end_subject(
        self,
        subject: Subject,
        session_indexes: Sequence[str] = (),
        *,
        issued: float,
        keys: Sequence[str] = (),
    ) -> list[Login]:
        """End all logins of a subject, or those that the SessionIndexes name.

        Those with one of the ``keys`` end too. Leaves the marks that keep answers
        issued at or before ``issued`` from making a new one, for as long as a session
        can last. Returns the logins that this call ended.
        """
        labels = [subject.label(index) for index in session_indexes]
        ended = self.store.end(
            keys=keys,
            labels=labels or [subject.label()],
            mark=issued,
            mark_until=clock.now() + self.max_session,
        )
        logins = self._logins(ended)
        self._forget(*(session.key for session in ended))
        tell_ended(logins)
        return logins

    def _logins(self, ended: Sequence[EndedSession]) -> list[Login]:
        """Those of what has ended that can be read."""
        read = (
            self._reader.login(StoredSession(session.key, session.data, 0.0, 0.0))
            for session in ended
        )
        return [login for login in read if login is not None]

    # --- messages ---

    def use_once(self, key: str, until: float) -> None:
        """Record that a message was used, until it is too old to be used again.

        ``key`` names the message and its sender, such as issuer and ID. ``until`` is
        when its age would reject it. One of all threads and processes succeeds; the
        others get :class:`eilogin.errors.MessageReplayed`.
        """
        if not self.store.add(_used_name(key), "", until):
            raise MessageReplayed("this message was used before")

    def require_unused(self, key: str) -> None:
        """Raise :class:`eilogin.errors.MessageReplayed` for what was used before.

        It may be used in the next moment: :meth:`use_once` decides.
        """
        if self.store.get(_used_name(key)) is not None:
            raise MessageReplayed("this message was used before")


def _ending_label(party: str, ends: float) -> str:
    """Return the label of the logins of a hub that end in the same minute."""
    digest = hashlib.sha256(f"{party}\0{int(ends // _MINUTE)}".encode()).hexdigest()
    # Without a shard: there is one label for all shards.
    return f"ending-{digest}"


def _used_name(key: str) -> str:
    return f"used:{hashlib.sha256(key.encode()).hexdigest()}"


def _renewed_name(key: str) -> str:
    return f"renewed:{key}"


def _is_same_subject(one: Login, other: Login) -> bool:
    return one.who.label() == other.who.label()
