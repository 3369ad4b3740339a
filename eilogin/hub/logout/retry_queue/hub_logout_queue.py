"""The logout retry queue: logouts that some participants have not confirmed yet.

The hub stores each message before a session ends, so it survives the death of the
process. Any process retries (``logout_retries``): soon at first, then after as long as
it has taken already, at most a minute, until the session would have expired.

*Held* recipients wait for the visitor's next logout: only the browser can reach them, a
message might end a new session, or they answered PartialLogout. After that, "no such
session" would not prove that those behind them know.

A record signs nobody in: its key is the hash of no cookie.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from eilogin import clock
from eilogin.errors import PrincipalUnknown
from eilogin.hub.logout.logout_propagation import Delivery, Propagation
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.retry_queue import refused_logouts
from eilogin.sessions import UNREADABLE, Login, Sessions, Subject, retry_schedule
from eilogin.stores import StoredSession, Values
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")

#: Seconds that the store keeps a late confirmation.
LATE_FOR = 60 * 60.0
#: Seconds after a logout's longest duration until others retry it.
_GRACE = 2.0
#: Begins the name of a held record; no handle begins so.
_HELD = "held."
#: Keys in the store: all queues of any hub, and held records.
KEYS = "undelivered-*"
HELD_KEYS = f"{KEYS}-{_HELD}*"


class DeliveryState(StrEnum):
    """The state of a recipient; ``eilogin logouts --json`` prints the values."""

    #: The first message is being sent.
    NOW = "now"
    AGAIN = "again"
    #: It waits for the browser or the next logout.
    BROWSER = "browser"
    #: Maybe not all behind it have ended.
    PARTLY = "partly"


@dataclass(frozen=True, slots=True)
class QueuedLogout:
    """One logout, and its recipients."""

    key: str
    handle: str
    #: When the visitor logged out, and when the session would have expired.
    begun: float
    until: float
    #: Names of the logins that it ends.
    logins: Sequence[str]
    #: In a fixed order: their numbers in the store count from it.
    recipients: Sequence[Recipient]
    #: Labels of the visitors, to find the record.
    whose: Sequence[str] = ()
    is_held: bool = False
    #: Numbers of recipients that need no message any more.
    done: frozenset[int] = frozenset()
    #: Failed retries, and their error codes by number.
    tries: int = 0
    reasons: Mapping[int, str] = field(default_factory=dict)
    #: When a process last took it up.
    seen: float = 0.0

    @property
    def pending(self) -> Mapping[int, Recipient]:
        """The recipients still to notify, by number."""
        return {n: r for n, r in enumerate(self.recipients) if n not in self.done}

    def due(self, first: float) -> float:
        """Return when to retry; ``first``: longest duration of a logout in seconds."""
        return retry_schedule.next_try(self.begun, self.seen, first)


class RetryQueue:
    """The retry queue of the hub ``party``; a logout takes ``longest`` seconds."""

    def __init__(self, sessions: Sessions, party: str, longest: float) -> None:
        self._sessions = sessions
        self._store = sessions.store
        self._longest = longest
        party_hash = hashlib.sha256(party.encode()).hexdigest()[:16]
        #: Has no colon, because text before a colon is a shard (``shard_of``).
        self._label = f"undelivered-{party_hash}"
        self._held_label = f"{self._label}-held"

    # --- one logout ---

    def begin(
        self, handle: str, logins: Collection[Login], recipients: Sequence[Recipient]
    ) -> list[Recipient]:
        """Store messages before sessions end; return the rest of an earlier attempt."""
        now = clock.now()
        until = max((login.ends for login in logins), default=0.0)
        names = [login.name for login in logins]
        whose = sorted({self._label_of(login.who) for login in logins})
        key = self._key(handle)
        entry = QueuedLogout(key, handle, now, until, names, recipients, whose)
        if logins and self._create(entry):
            return []
        earlier = self.find(handle)
        return [] if earlier is None else list(earlier.pending.values())

    def begin_at(
        self, handle: str, login: Login, recipients: Sequence[Recipient]
    ) -> None:
        """Store messages for some participants of a session that goes on."""
        whose = (self._label_of(login.who),)
        key, now = self._key(handle), clock.now()
        self._create(QueuedLogout(key, handle, now, login.ends, (), recipients, whose))

    def settle(
        self,
        values: Values,
        handle: str,
        recipients: Sequence[Recipient],
        to_retry: Mapping[Recipient, str],
        held: Sequence[Recipient],
    ) -> None:
        """Store the results for ``recipients``; ``to_retry`` has error codes."""
        _note_partial(values, handle, held)
        entry = self.find(handle) if to_retry or held else None
        if entry is not None and held:
            self._hold(entry, held)
        if entry is None or not to_retry:
            # Or its sessions had expired.
            self._store.end(keys=(self._key(handle),))
            return
        self._note(entry, **_results(entry, recipients, to_retry))

    def note_browser_response(
        self, values: Values, handle: str, entity_id: str, *, is_partial: bool
    ) -> None:
        """Note a LogoutResponse in the browser."""
        record = self.note_partial if is_partial else self.note_confirmed
        for entry in self.records_of(handle):
            numbers = [n for n, r in entry.pending.items() if r.entity_id == entity_id]
            if numbers:
                record(values, entry, numbers)

    def with_more(self, entry: QueuedLogout, news: Sequence[Recipient]) -> QueuedLogout:
        """Add recipients to a queued logout."""
        news = [r for r in news if r not in entry.recipients]
        if news:
            self._note(entry, news=[r.as_json() for r in news])
        return replace(entry, recipients=[*entry.recipients, *news])

    def done(self, entry: QueuedLogout, numbers: Collection[int]) -> QueuedLogout:
        """Remove recipients, by number; delete the record after the last one."""
        entry = replace(entry, done=entry.done.union(numbers))
        if entry.pending:
            self._note(entry, done=sorted(numbers))
        else:
            self._store.end(keys=(entry.key,))
        return entry

    def hold(self, entry: QueuedLogout, held: Mapping[int, Recipient]) -> QueuedLogout:
        """Hold recipients, by number, for the visitor's next logout."""
        self._hold(entry, [*held.values()], [entry.reasons.get(n, "") for n in held])
        return self.done(entry, [*held])

    def may_end_more(
        self, entry: QueuedLogout, number: int, *, has_index: bool
    ) -> bool:
        """Whether a retry might end a new session of the visitor.

        Without SessionIndex (DigiD) a message names the visitor alone. With it, a
        participant that knew none of the sessions might end another one.
        """
        recipient = entry.pending[number]
        if not has_index:
            return self._sessions.is_in(recipient.subject)
        knows_none = entry.reasons.get(number) == PrincipalUnknown.code
        # The participant does not mistake another session for these.
        return knows_none and self._sessions.is_in(recipient.subject, after=entry.begun)

    def failed(self, entry: QueuedLogout, reasons: Mapping[int, str]) -> None:
        """Note a failed retry, with error codes by number."""
        self._note(entry, tried=reasons)

    def other_unfinished(
        self, handle: str, subjects: Collection[Subject]
    ) -> list[QueuedLogout]:
        """Return other unfinished logouts: the visitor may still be signed in there."""
        keys = {k for s in subjects for k in self._store.find(self._label_of(s))}
        own_keys = {self._key(handle), self._key(handle, _HELD)}
        entries = map(self.read, sorted(keys - own_keys))
        return [entry for entry in entries if entry is not None]

    def has_any_of(self, values: Values, subjects: Collection[Subject]) -> bool:
        """Whether a logout of these subjects is unconfirmed, given up or unreadable."""
        return self.has_any_labelled(values, [subject.label() for subject in subjects])

    def has_any_labelled(self, values: Values, whose: Iterable[str]) -> bool:
        """Do as :meth:`has_any_of` for the labels of sessions."""
        return any(
            self._store.find(name) or values.get(_unconfirmed_key(name)) is not None
            for name in map(self._queue_label, whose)
        )

    # --- participants that answer, and do not confirm ---

    def note_refusal(
        self,
        values: Values,
        handle: str,
        recipient: Recipient,
        reason: str,
        *,
        in_browser: bool = False,
    ) -> None:
        """Count a refusal, as long as the logout is stored."""
        ends = (entry.until for entry in self.records_of(handle))
        until = max([clock.now() + LATE_FOR, *ends])
        refused_logouts.note(
            values, handle, recipient, reason, until, in_browser=in_browser
        )

    def refused(
        self, values: Values, entry: QueuedLogout, deliveries: Iterable[Delivery]
    ) -> None:
        """Count the refusals of a later logout for this one."""
        principals = {recipient.principal for recipient in entry.pending.values()}
        for result in deliveries:
            missed = result.missed
            if result.is_refusal and missed and missed.principal in principals:
                self.note_refusal(values, entry.handle, missed, result.reason)

    def without_final(self, values: Values, entry: QueuedLogout) -> QueuedLogout:
        """Remove the recipients that refused too often; note that for a hub above."""
        over = [
            n
            for n, r in entry.pending.items()
            if not r.is_partial
            and refused_logouts.find(values, entry.handle, r).is_final(
                needs_browser=entry.is_held
            )
        ]
        if not over:
            return entry
        for name in entry.whose:
            values.add(_unconfirmed_key(name), "", entry.until, durable=False)
        for entity_id in {entry.recipients[n].entity_id for n in over}:
            _log.warning(
                "logout: %s answered and did not confirm; the hub stops retrying",
                entity_id,
            )
        return self.done(entry, over)

    def confirmed_by_later_logout(
        self, values: Values, entry: QueuedLogout, missed: Collection[Recipient]
    ) -> None:
        """Remove the recipients of a later logout, except the ``missed`` ones."""
        still_missed = {r.principal for r in missed}
        partial = {r.principal for r in missed if r.is_partial}
        numbers = [
            n for n, r in entry.pending.items() if r.principal not in still_missed
        ]
        if numbers:
            entry = self.note_confirmed(values, entry, numbers)
        numbers = [n for n, r in entry.pending.items() if r.principal in partial]
        self.note_partial(values, entry, numbers)

    def note_partial(
        self, values: Values, entry: QueuedLogout, numbers: Collection[int]
    ) -> QueuedLogout:
        """Note PartialLogout, by number; no worker retries these."""
        partial = {n: replace(entry.recipients[n], is_partial=True) for n in numbers}
        _note_partial(values, entry.handle, partial.values())
        # Unless it has answered so before.
        partial = {n: r for n, r in partial.items() if entry.recipients[n] != r}
        if not partial:
            return entry
        if entry.is_held:
            return self.done(self.with_more(entry, [*partial.values()]), partial)
        return self.hold(entry, partial)

    def note_confirmed(
        self, values: Values, entry: QueuedLogout, numbers: Collection[int]
    ) -> QueuedLogout:
        """Remove recipients that confirmed, by number; note it for the receipt."""
        entry, now = self.done(entry, numbers), clock.now()
        pending = {
            recipient.entity_id
            for record in self.records_of(entry.handle)
            for recipient in record.pending.values()
        }
        for entity_id in {entry.recipients[n].entity_id for n in numbers} - pending:
            name = _confirmed_key(entry.handle, entity_id)
            values.add(name, str(now), now + LATE_FOR, durable=False)
        return entry

    def records_of(self, handle: str) -> list[QueuedLogout]:
        """Return all records of a logout, the held one too."""
        entries = (self.read(self._key(handle, kind)) for kind in ("", _HELD))
        return [entry for entry in entries if entry is not None]

    def find(self, handle: str) -> QueuedLogout | None:
        """Return the record; None if all confirmed, or it expired."""
        return self.read(self._key(handle))

    # --- all logouts ---

    def all(self) -> list[QueuedLogout]:
        """Return the logouts to retry, the oldest first."""
        return self._of_label(self._label)

    def held(self) -> list[QueuedLogout]:
        """Return all held logouts, the oldest first."""
        return self._of_label(self._held_label)

    def _of_label(self, label: str) -> list[QueuedLogout]:
        records = map(self.read, self._store.find(label))
        entries = [entry for entry in records if entry is not None]
        return sorted(entries, key=lambda entry: entry.begun)

    def state(self, entry: QueuedLogout, number: int) -> DeliveryState:
        """Return the state of a recipient."""
        if entry.pending[number].is_partial:
            return DeliveryState.PARTLY
        if entry.is_held:
            return DeliveryState.BROWSER
        # Stored by the process that began it, unless it died.
        is_begun = number not in entry.reasons and clock.now() < self.due_at(entry)
        return DeliveryState.NOW if is_begun else DeliveryState.AGAIN

    def keys(self) -> list[str]:
        """Return their keys in the store."""
        return self._store.find(self._label)

    def count(self) -> int:
        """Return the number of unfinished logouts, or raise StoreUnavailable."""
        return len(self.keys())

    def due_at(self, entry: QueuedLogout) -> float:
        """Return when to retry a logout."""
        first = self._longest + _GRACE
        return entry.begun if retry_schedule.is_ahead(entry.seen) else entry.due(first)

    def take_up(self, entry: QueuedLogout) -> bool:
        """Claim a logout to retry it; True in one of all processes."""
        return retry_schedule.take_up(self._store, entry.key, entry.seen)

    def read(self, key: str) -> QueuedLogout | None:
        """Return a record; None if all confirmed, it expired, or it is unreadable."""
        stored = self._store.read(key)
        if stored is None:
            return None
        name = key.removeprefix(f"{self._label}-")
        try:
            begun, logins, recipients, whose, *_ = json.loads(stored.data)
            if not all(isinstance(value, str) for value in (*logins, *whose)):
                raise TypeError("expected a text")
            entry = QueuedLogout(
                key,
                name.removeprefix(_HELD),
                float(begun),
                stored.until,
                logins,
                [Recipient.from_json(value) for value in recipients],
                whose,
                is_held=name.startswith(_HELD),
                seen=stored.seen,
            )
            for item in self._store.items(key):
                entry = _with(entry, json.loads(item))
        except UNREADABLE:
            # Another version wrote it, and can read it.
            return None
        return entry

    def _hold(
        self, entry: QueuedLogout, held: Sequence[Recipient], why: Sequence[str] = ()
    ) -> None:
        record = replace(entry, key=self._key(entry.handle, _HELD), recipients=held)
        news, count = list[Recipient](), 0
        if not self._create(record):
            # Some recipients of it are held already.
            earlier = self.read(record.key)
            news, count = [*held], len(earlier.recipients) if earlier else 0
        if news or why:
            reasons = dict(enumerate(why, count))
            self._note(record, news=[r.as_json() for r in news], why=reasons)

    def _create(self, entry: QueuedLogout) -> bool:
        recipients = [r.as_json() for r in entry.recipients]
        record = [entry.begun, entry.logins, recipients, entry.whose]
        is_held = entry.key.startswith(f"{self._label}-{_HELD}")
        # Workers look for one label, operators for the other.
        label = self._held_label if is_held else self._label
        now, labels = clock.now(), (label, *entry.whose)
        row = StoredSession(entry.key, json.dumps(record), now, entry.until, labels)
        return self._store.create(row, issued=now)

    def _key(self, handle: str, kind: str = "") -> str:
        return f"{self._label}-{kind}{handle}"

    def _label_of(self, subject: Subject) -> str:
        return self._queue_label(subject.label())

    def _queue_label(self, whose: str) -> str:
        # Not the label by which the visitor's sessions end.
        return f"{self._label}-of-{hashlib.sha256(whose.encode()).hexdigest()}"

    def _note(self, entry: QueuedLogout, **changes: object) -> None:
        self._store.append(entry.key, json.dumps(changes))


def confirmed_at(values: Values, handle: str, entity_id: str) -> float:
    """Return the instant of a late confirmation; 0 if unknown."""
    return float(values.get(_confirmed_key(handle, entity_id)) or 0.0)


def is_partly(values: Values, handle: str, entity_id: str) -> bool:
    """Whether a participant answered a logout with PartialLogout."""
    return values.get(_partly_key(handle, entity_id)) is not None


def _confirmed_key(handle: str, entity_id: str) -> str:
    return f"late-logout:{handle}\0{entity_id}"


def _note_partial(values: Values, handle: str, recipients: Iterable[Recipient]) -> None:
    until = clock.now() + LATE_FOR
    for entity_id in {r.entity_id for r in recipients if r.is_partial}:
        values.add(_partly_key(handle, entity_id), "", until, durable=False)


def _unconfirmed_key(name: str) -> str:
    return f"unconfirmed-logout-of:{name}"


def _partly_key(handle: str, entity_id: str) -> str:
    return f"partly-told:{handle}\0{entity_id}"


def new_handle() -> str:
    """Make the name of a logout, for its record and addresses."""
    return secrets.token_urlsafe(16)


def queue_of(visit: Visit, propagation: Propagation) -> RetryQueue:
    """Return the retry queue of the hub that got a request."""
    own = visit.trust.own
    return RetryQueue(visit.sessions, own.entity_id, propagation.longest)


def _results(
    entry: QueuedLogout,
    recipients: Sequence[Recipient],
    to_retry: Mapping[Recipient, str],
) -> dict[str, object]:
    # Added between the first look and the end of the sessions.
    news = [r for r in recipients if r not in entry.recipients]
    all_recipients = [*entry.recipients, *news]
    return {
        "news": [r.as_json() for r in news],
        "done": [n for n, r in enumerate(all_recipients) if r not in to_retry],
        "why": {n: to_retry[r] for n, r in enumerate(all_recipients) if r in to_retry},
    }


def _with(entry: QueuedLogout, changes: Mapping[str, Any]) -> QueuedLogout:
    tried = changes.get("tried", {})
    reasons = {**changes.get("why", {}), **tried}
    return replace(
        entry,
        recipients=[
            *entry.recipients,
            *map(Recipient.from_json, changes.get("news", ())),
        ],
        done=entry.done.union(map(int, changes.get("done", ()))),
        tries=entry.tries + bool(tried),
        reasons={
            **entry.reasons,
            **{int(n): str(reason) for n, reason in reasons.items()},
        },
    )
