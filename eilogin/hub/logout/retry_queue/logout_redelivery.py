"""The logout retry queue: logouts that some participants have not confirmed yet.

The hub stores each message before a session ends, and deletes it after the delivery; so
it survives the death of the process. Any process of the hub retries the recipients that
were missed (``hub_worker``). It retries soon at first, then after as long as it has
taken already, at most a minute. It stops when the session would have expired anyway.

Some recipients are *held*: no worker retries them, but the visitor's next logout does,
and reports the result. Held are:

* recipients that only the visitor's browser can reach;
* recipients that might end a session that the visitor has begun there since;
* participants that answered PartialLogout. They have to notify the participants behind
  them, which this hub does not know. A second message would only be answered with "no
  such session", which some report as a success; that would not prove that the others
  know.

Each logout is a record beside the sessions in the store, with the same operations. It
is found by a label, ended once, and *seen* by one process at a time. Nobody is signed
in by it: its key is the hash of no cookie.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eilogin import clock
from eilogin.errors import PrincipalUnknown
from eilogin.hub.logout.logout_propagation import Delivery, Propagation, Recipient
from eilogin.hub.logout.retry_queue import refused_logouts
from eilogin.sessions import UNREADABLE, Login, Sessions, Subject, retry_schedule
from eilogin.stores import StoredSession, Values
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: How long a late confirmation is stored, in seconds.
LATE_FOR = 60 * 60.0
#: How many seconds after the longest duration of a logout others retry it.
_GRACE = 2.0
#: The prefix of the name of a held record; no handle begins so.
_HELD = "held."
#: The keys in the store: of all queues of any hub, and of the held records.
KEYS = "undelivered-*"
HELD_KEYS = f"{KEYS}-{_HELD}*"
#: The states of a recipient (:meth:`RetryQueue.state`). NOW: the process that began the
#: logout sends the first message. AGAIN: the queue retries. BROWSER: it waits for the
#: visitor's browser or their next logout. PARTLY: the participant ended its own
#: session, and maybe not all behind it.
NOW, AGAIN, BROWSER, PARTLY = "now", "again", "browser", "partly"


@dataclass(frozen=True, slots=True)
class QueuedLogout:
    """One logout, and its recipients."""

    key: str
    #: The name of the logout in the addresses of its pages.
    handle: str
    #: When the visitor logged out, and until when retries make sense.
    begun: float
    until: float
    #: Names of the logins that end by it (:attr:`eilogin.sessions.Login.name`).
    logins: Sequence[str]
    #: The recipients, in a fixed order.
    told: Sequence[Recipient]
    #: The labels of the visitors, by which the record is found.
    whose: Sequence[str] = ()
    #: Whether it is held for the visitor's browser, or a later logout.
    is_held: bool = False
    #: The numbers of the recipients that confirmed or need no message any more.
    done: frozenset[int] = frozenset()
    #: How often a retry failed, and why, as an error's code by number.
    tries: int = 0
    reasons: Mapping[int, str] = field(default_factory=dict)
    #: When a process last took it up.
    seen: float = 0.0

    @property
    def left(self) -> Mapping[int, Recipient]:
        """The recipients that are still to be notified, by number."""
        return {n: one for n, one in enumerate(self.told) if n not in self.done}

    def due(self, first: float) -> float:
        """When to retry it; ``first`` is how long the logout may last, in seconds."""
        return retry_schedule.next_try(self.begun, self.seen, first)


class RetryQueue:
    """The logout retry queue of the hub ``party``, beside its sessions.

    ``longest`` is how many seconds a logout that sends the first messages may last.
    """

    def __init__(self, sessions: Sessions, party: str, longest: float) -> None:
        self._sessions = sessions
        self._store = sessions.store
        self._longest = longest
        mine = hashlib.sha256(party.encode()).hexdigest()[:16]
        #: No shard: a colon would end its name.
        self._label = f"undelivered-{mine}"
        self._held_label = f"{self._label}-held"

    # --- one logout ---

    def begin(
        self, handle: str, logins: Collection[Login], told: Sequence[Recipient]
    ) -> list[Recipient]:
        """Store the messages of a logout before its sessions end.

        Return the recipients of an earlier logout under this handle that did not
        finish.
        """
        now = clock.now()
        until = max((login.ends for login in logins), default=0.0)
        names = [login.name for login in logins]
        whose = sorted({self._of(login.who) for login in logins})
        new = QueuedLogout(self._key(handle), handle, now, until, names, told, whose)
        if logins and self._keep(new):
            return []
        known = self.find(handle)
        return [] if known is None else list(known.left.values())

    def begin_at(self, handle: str, login: Login, told: Sequence[Recipient]) -> None:
        """Store the messages of a session that goes on, to some of its participants."""
        whose = (self._of(login.who),)
        key, now = self._key(handle), clock.now()
        self._keep(QueuedLogout(key, handle, now, login.ends, (), told, whose))

    def settle(
        self,
        values: Values,
        handle: str,
        told: Sequence[Recipient],
        to_tell: Mapping[Recipient, str],
        held: Sequence[Recipient],
    ) -> None:
        """Store the results of the messages to ``told``.

        ``to_tell`` maps the recipients to retry to the reason (an error's code);
        ``held`` are those that wait for the visitor's browser or answered
        PartialLogout.
        """
        _note_partial(values, handle, held)
        entry = self.find(handle) if to_tell or held else None
        if entry is not None and held:
            self._hold(entry, held)
        if entry is None or not to_tell:
            # Or its sessions had expired.
            self._store.end(keys=(self._key(handle),))
            return
        self._note(entry, **_results(entry, told, to_tell))

    def confirmed(
        self, values: Values, handle: str, entity_id: str, *, is_partial: bool
    ) -> None:
        """Note the LogoutResponse of a participant that came by the browser."""
        note = self.partly if is_partial else self.heard
        for entry in self.found(handle):
            numbers = [n for n, one in entry.left.items() if one.entity_id == entity_id]
            if numbers:
                note(values, entry, numbers)

    def with_more(self, entry: QueuedLogout, news: Sequence[Recipient]) -> QueuedLogout:
        """Add recipients to a queued logout."""
        news = [one for one in news if one not in entry.told]
        if news:
            self._note(entry, news=[one.as_json() for one in news])
        return replace(entry, told=[*entry.told, *news])

    def done(self, entry: QueuedLogout, numbers: Collection[int]) -> QueuedLogout:
        """Remove recipients, by number; delete the record after the last one."""
        entry = replace(entry, done=entry.done.union(numbers))
        if entry.left:
            self._note(entry, done=sorted(numbers))
        else:
            self._store.end(keys=(entry.key,))
        return entry

    def hold(self, entry: QueuedLogout, told: Mapping[int, Recipient]) -> QueuedLogout:
        """Hold recipients, by number, for the visitor's next logout."""
        self._hold(entry, [*told.values()], [entry.reasons.get(n, "") for n in told])
        return self.done(entry, [*told])

    def may_end_more(
        self, entry: QueuedLogout, number: int, *, has_index: bool
    ) -> bool:
        """Whether a retry might end a session that the visitor has begun there since.

        Our message names the sessions that have ended. Without SessionIndex, as with
        DigiD, it names the visitor alone; and a participant may have answered that it
        knows none of the sessions.
        """
        told = entry.left[number]
        if not has_index:
            return self._sessions.is_in(told.subject)
        knows_none = entry.reasons.get(number) == PrincipalUnknown.code
        # The participant does not mistake another session of that time for these.
        return knows_none and self._sessions.is_in(told.subject, after=entry.begun)

    def failed(self, entry: QueuedLogout, reasons: Mapping[int, str]) -> None:
        """Note that a retry failed, with the reasons (an error's code) by number."""
        self._note(entry, tried=reasons)

    def left_before(
        self, handle: str, subjects: Collection[Subject]
    ) -> list[QueuedLogout]:
        """Return other unfinished logouts of these subjects.

        The visitor may still be signed in there, whatever the result of this logout.
        """
        found = {key for one in subjects for key in self._store.find(self._of(one))}
        own = {self._key(handle), self._key(handle, _HELD)}
        entries = map(self.read, sorted(found - own))
        return [entry for entry in entries if entry is not None]

    def has_any_of(self, values: Values, subjects: Collection[Subject]) -> bool:
        """Whether a logout of these subjects is unconfirmed or unreadable.

        Or some participant did not confirm one, and gets no more messages.
        """
        return self.has_any_labelled(values, [one.label() for one in subjects])

    def has_any_labelled(self, values: Values, whose: Iterable[str]) -> bool:
        """Do the same for the labels of sessions."""
        return any(
            self._store.find(name) or values.get(_unconfirmed(name)) is not None
            for name in map(self._of_labelled, whose)
        )

    # --- participants that answer, and do not confirm ---

    def note_refusal(
        self,
        values: Values,
        handle: str,
        told: Recipient,
        reason: str,
        *,
        in_browser: bool = False,
    ) -> None:
        """Count one answer of a participant that does not confirm a logout.

        ``reason`` is an error's code. The store keeps the count as long as the logout.
        """
        ends = (entry.until for entry in self.found(handle))
        until = max([clock.now() + LATE_FOR, *ends])
        refused_logouts.note(values, handle, told, reason, until, in_browser=in_browser)

    def refused(
        self, values: Values, entry: QueuedLogout, came: Iterable[Delivery]
    ) -> None:
        """Count the refusals of a later logout for the recipients of this one."""
        left = {one.whom for one in entry.left.values()}
        for one in came:
            if one.is_refusal and one.left is not None and one.left.whom in left:
                self.note_refusal(values, entry.handle, one.left, one.reason)

    def without_final(self, values: Values, entry: QueuedLogout) -> QueuedLogout:
        """Remove the recipients that answered too often without confirming.

        The hub sends them no more messages. Until the session would have expired, the
        hub does not report to a hub above that all participants know of the logout.
        """
        over = [
            n
            for n, one in entry.left.items()
            if not one.is_partial
            and refused_logouts.find(values, entry.handle, one).is_final(
                needs_browser=entry.is_held
            )
        ]
        if not over:
            return entry
        for name in entry.whose:
            values.add(_unconfirmed(name), "", entry.until, durable=False)
        for entity_id in {entry.told[n].entity_id for n in over}:
            _log.warning(
                "logout: %s answered and did not confirm; the hub stops retrying",
                entity_id,
            )
        return self.done(entry, over)

    def confirmed_by_later_logout(
        self, values: Values, entry: QueuedLogout, missed: Collection[Recipient]
    ) -> None:
        """Remove the recipients of a later logout, all but the ``missed``."""
        away = {one.whom for one in missed}
        partly = {one.whom for one in missed if one.is_partial}
        numbers = [n for n, one in entry.left.items() if one.whom not in away]
        if numbers:
            entry = self.heard(values, entry, numbers)
        self.partly(
            values, entry, [n for n, o in entry.left.items() if o.whom in partly]
        )

    def partly(
        self, values: Values, entry: QueuedLogout, numbers: Collection[int]
    ) -> QueuedLogout:
        """Note the recipients that answered PartialLogout, by number.

        No worker sends them another message.
        """
        told = {n: replace(entry.told[n], is_partial=True) for n in numbers}
        _note_partial(values, entry.handle, told.values())
        # Unless it has answered so before.
        told = {n: one for n, one in told.items() if entry.told[n] != one}
        if not told:
            return entry
        if entry.is_held:
            return self.done(self.with_more(entry, [*told.values()]), told)
        return self.hold(entry, told)

    def heard(
        self, values: Values, entry: QueuedLogout, numbers: Collection[int]
    ) -> QueuedLogout:
        """Remove recipients that have confirmed now, by number.

        If nothing is left for a participant, store that for the receipt.
        """
        entry, now = self.done(entry, numbers), clock.now()
        left = {
            one.entity_id
            for found in self.found(entry.handle)
            for one in found.left.values()
        }
        for entity_id in {entry.told[number].entity_id for number in numbers} - left:
            name = _heard(entry.handle, entity_id)
            values.add(name, str(now), now + LATE_FOR, durable=False)
        return entry

    def found(self, handle: str) -> list[QueuedLogout]:
        """Return all records of one logout, the held one too."""
        entries = (self.read(self._key(handle, kind)) for kind in ("", _HELD))
        return [entry for entry in entries if entry is not None]

    def find(self, handle: str) -> QueuedLogout | None:
        """Return the record of one logout; None if all know of it, or it expired."""
        return self.read(self._key(handle))

    # --- all of them ---

    def all(self) -> list[QueuedLogout]:
        """Return all logouts that are not held, the oldest first."""
        return self._of_label(self._label)

    def held(self) -> list[QueuedLogout]:
        """Return all held logouts, the oldest first."""
        return self._of_label(self._held_label)

    def _of_label(self, label: str) -> list[QueuedLogout]:
        found = map(self.read, self._store.find(label))
        entries = [entry for entry in found if entry is not None]
        return sorted(entries, key=lambda entry: entry.begun)

    def state(self, entry: QueuedLogout, number: int) -> str:
        """Return the state of a recipient, such as :data:`NOW`."""
        if entry.left[number].is_partial:
            return PARTLY
        if entry.is_held:
            return BROWSER
        # The process that began it stores the reason, unless it died before that.
        is_begun = number not in entry.reasons and clock.now() < self.due_at(entry)
        return NOW if is_begun else AGAIN

    def keys(self) -> list[str]:
        """Return their keys in the store."""
        return self._store.find(self._label)

    def count(self) -> int:
        """Return the number of unfinished logouts, or raise StoreUnavailable."""
        return len(self.keys())

    def due_at(self, entry: QueuedLogout) -> float:
        """When to retry a logout."""
        first = self._longest + _GRACE
        return entry.begun if retry_schedule.is_ahead(entry.seen) else entry.due(first)

    def take_up(self, entry: QueuedLogout) -> bool:
        """Take up a logout to retry it; True for one of all processes that try."""
        return retry_schedule.take_up(self._store, entry.key, entry.seen)

    def read(self, key: str) -> QueuedLogout | None:
        """Return the record with this key; None if all know of it, or it expired."""
        stored = self._store.read(key)
        if stored is None:
            return None
        name = key.removeprefix(f"{self._label}-")
        try:
            begun, logins, told, whose, *_ = json.loads(stored.data)
            if not all(isinstance(one, str) for one in (*logins, *whose)):
                raise TypeError("expected a text")
            entry = QueuedLogout(
                key,
                name.removeprefix(_HELD),
                float(begun),
                stored.until,
                logins,
                [Recipient.from_json(one) for one in told],
                whose,
                is_held=name.startswith(_HELD),
                seen=stored.seen,
            )
            for item in self._store.items(key):
                entry = _with(entry, json.loads(item))
        except UNREADABLE:
            # Another version wrote it, which can read it and may share the store.
            return None
        return entry

    def _hold(
        self, entry: QueuedLogout, told: Sequence[Recipient], why: Sequence[str] = ()
    ) -> None:
        held = replace(entry, key=self._key(entry.handle, _HELD), told=told)
        news, before = list[Recipient](), 0
        if not self._keep(held):
            # Some recipients of it are held already.
            known = self.read(held.key)
            news, before = [*told], len(known.told) if known else 0
        if news or why:
            reasons = dict(enumerate(why, before))
            self._note(held, news=[one.as_json() for one in news], why=reasons)

    def _keep(self, entry: QueuedLogout) -> bool:
        told = [one.as_json() for one in entry.told]
        said = [entry.begun, entry.logins, told, entry.whose]
        is_held = entry.key.startswith(f"{self._label}-{_HELD}")
        # Workers look for the one label; only an operator looks for the other.
        label = self._held_label if is_held else self._label
        now, labels = clock.now(), (label, *entry.whose)
        row = StoredSession(entry.key, json.dumps(said), now, entry.until, labels)
        return self._store.create(row, issued=now)

    def _key(self, handle: str, kind: str = "") -> str:
        return f"{self._label}-{kind}{handle}"

    def _of(self, who: Subject) -> str:
        return self._of_labelled(who.label())

    def _of_labelled(self, whose: str) -> str:
        # Not the label of the visitor's sessions, by which sessions end.
        return f"{self._label}-of-{hashlib.sha256(whose.encode()).hexdigest()}"

    def _note(self, entry: QueuedLogout, **said: object) -> None:
        self._store.append(entry.key, json.dumps(said))


def heard_at(values: Values, handle: str, entity_id: str) -> float:
    """When a participant confirmed a logout late; 0 if that is unknown."""
    return float(values.get(_heard(handle, entity_id)) or 0.0)


def is_partly(values: Values, handle: str, entity_id: str) -> bool:
    """Whether a participant answered a logout with PartialLogout."""
    return values.get(_partly(handle, entity_id)) is not None


def _heard(handle: str, entity_id: str) -> str:
    return f"late-logout:{handle}\0{entity_id}"


def _note_partial(values: Values, handle: str, told: Iterable[Recipient]) -> None:
    """Note for the receipt that participants ended their own sessions only."""
    until = clock.now() + LATE_FOR
    for entity_id in {one.entity_id for one in told if one.is_partial}:
        values.add(_partly(handle, entity_id), "", until, durable=False)


def _unconfirmed(name: str) -> str:
    return f"unconfirmed-logout-of:{name}"


def _partly(handle: str, entity_id: str) -> str:
    return f"partly-told:{handle}\0{entity_id}"


def new_handle() -> str:
    """Make the name of a logout, for its record and the addresses of its pages."""
    return secrets.token_urlsafe(16)


def queue_of(environ: "WSGIEnvironment", propagation: Propagation) -> RetryQueue:
    """Return the retry queue of the hub that got a request."""
    own = env.trust(environ).own
    return RetryQueue(env.sessions(environ), own.entity_id, propagation.longest)


def _results(
    entry: QueuedLogout, told: Sequence[Recipient], to_tell: Mapping[Recipient, str]
) -> dict[str, object]:
    """Return the parts of a note: new recipients, confirmed ones, those to retry."""
    # Recipients that were added between the first look and the end of the sessions.
    news = [one for one in told if one not in entry.told]
    known = [*entry.told, *news]
    return {
        "news": [one.as_json() for one in news],
        "done": [n for n, one in enumerate(known) if one not in to_tell],
        "why": {n: to_tell[one] for n, one in enumerate(known) if one in to_tell},
    }


def _with(entry: QueuedLogout, said: Mapping[str, Any]) -> QueuedLogout:
    """Apply a later note to a queued logout."""
    tried = said.get("tried", {})
    reasons = {**said.get("why", {}), **tried}
    return replace(
        entry,
        told=[*entry.told, *map(Recipient.from_json, said.get("news", ()))],
        done=entry.done.union(map(int, said.get("done", ()))),
        tries=entry.tries + bool(tried),
        reasons={**entry.reasons, **{int(n): str(why) for n, why in reasons.items()}},
    )
