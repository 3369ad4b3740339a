"""Logouts of which participants are still to hear: kept until they know.

What has to be said is written down before anything ends, and taken away when it was
said; so it is not forgotten, whatever happens to the process that says it. Whoever was
not reached is told again (``hub_worker``), by any process of the hub: soon
at first, and then after as long as it has taken already, up to a minute; until her
session would have ended anyway.

Whom only her browser can tell is *held*, and so is who might end what she has begun
there since: nobody tries that by himself, but her next logout tells them too, and says
what comes of it. So is who has logged her out, and says that it has not reached all
behind it (PartialLogout): those are its own to tell, and none of them is known here. Of
the session that it has ended it would have no more to say than that there is none,
which some call a success; that is not to be taken for news of the others.

Each lies beside the sessions in the store, whose verbs are those that it takes: found
by a label, ended once, and taken up by one process at a time, which has *seen* it then.
Nobody is logged in by it: its key is the hash of no cookie.
"""

import hashlib
import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eilogin import clock
from eilogin.errors import PrincipalUnknown
from eilogin.hub.logout import refused_logouts
from eilogin.hub.logout.logout_propagation import Delivery, Propagation, Recipient
from eilogin.sessions import UNREADABLE, Login, Sessions, Subject, retry_schedule
from eilogin.stores import StoredSession, Values
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: How long it is known that somebody has heard late, in seconds.
LATE_FOR = 60 * 60.0
#: How much later than the logout itself may last it is taken up by others, in seconds.
_GRACE = 2.0
#: With what the name of one begins that waits for her browser; no handle has this.
_HELD = "held."
#: The keys in the store of all, of whatever hub, and of those that wait for a browser.
KEYS = "undelivered-*"
HELD_KEYS = f"{KEYS}-{_HELD}*"
#: The states of a recipient (:meth:`RetryQueue.state`): the process that began the
#: logout sends the first message; the queue retries; it waits for the visitor's browser
#: or their next logout; the participant ended its own session, maybe not all behind it.
NOW, AGAIN, BROWSER, PARTLY = "now", "again", "browser", "partly"


@dataclass(frozen=True, slots=True)
class QueuedLogout:
    """One logout, and who is to hear of it."""

    key: str
    #: Names the logout, as in the addresses of its pages.
    handle: str
    #: When she logged out, and until when it is worth while to say so.
    begun: float
    until: float
    #: Names of the logins that end by it (:attr:`eilogin.sessions.Login.name`).
    logins: Sequence[str]
    #: Who is to be told, in an order that stays.
    told: Sequence[Recipient]
    #: What it is found by, of those whose logins they are.
    whose: Sequence[str] = ()
    #: Whether it waits for her browser, and for a later logout of hers.
    is_held: bool = False
    #: Of those, by number, who has confirmed, or need not be told any more.
    done: frozenset[int] = frozenset()
    #: How often it was tried again in vain, and by number why, as an error's code.
    tries: int = 0
    reasons: Mapping[int, str] = field(default_factory=dict)
    #: When somebody last took it up.
    seen: float = 0.0

    @property
    def left(self) -> Mapping[int, Recipient]:
        """Who is to be told still, by number."""
        return {n: one for n, one in enumerate(self.told) if n not in self.done}

    def due(self, first: float) -> float:
        """When it is to be tried again; ``first`` is how long the logout may last."""
        return retry_schedule.next_try(self.begun, self.seen, first)


class RetryQueue:
    """Those of the hub that is called ``party``, by its sessions.

    ``longest`` is how many seconds a logout may last, which tells participants itself.
    """

    def __init__(self, sessions: Sessions, party: str, longest: float) -> None:
        self._sessions = sessions
        self._store = sessions.store
        self._longest = longest
        mine = hashlib.sha256(party.encode()).hexdigest()[:16]
        #: No shard: a colon would end the name of one.
        self._label = f"undelivered-{mine}"
        self._held_label = f"{self._label}-held"

    # --- one logout ---

    def begin(
        self, handle: str, logins: Collection[Login], told: Sequence[Recipient]
    ) -> list[Recipient]:
        """Write down what is said now, before these logins end.

        Who is left of a logout that was begun under this handle, and did not come to
        its end.
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
        """Write down what is said to some of a login that goes on."""
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
        """Write down what has come of it to those that were ``told``.

        Some are ``to_tell`` again, for the reason that they were not reached (an
        error's code); others are ``held`` until her browser can tell them, or because
        they have not reached all behind them.
        """
        _note_partial(values, handle, held)
        entry = self.find(handle) if to_tell or held else None
        if entry is not None and held:
            self._hold(entry, held)
        if entry is None or not to_tell:
            # Or its sessions were at their end.
            self._store.end(keys=(self._key(handle),))
            return
        # Who was told between the look and the end of the sessions.
        news = [one for one in told if one not in entry.told]
        known = [*entry.told, *news]
        self._note(
            entry,
            news=[one.as_json() for one in news],
            done=[n for n, one in enumerate(known) if one not in to_tell],
            why={n: to_tell[one] for n, one in enumerate(known) if one in to_tell},
        )

    def confirmed(
        self, values: Values, handle: str, entity_id: str, *, is_partial: bool
    ) -> None:
        """A participant has heard of one in her browser; or not all behind it have."""
        note = self.partly if is_partial else self.heard
        for entry in self.found(handle):
            numbers = [n for n, one in entry.left.items() if one.entity_id == entity_id]
            if numbers:
                note(values, entry, numbers)

    def with_more(self, entry: QueuedLogout, news: Sequence[Recipient]) -> QueuedLogout:
        """The same with more who are to be told."""
        news = [one for one in news if one not in entry.told]
        if news:
            self._note(entry, news=[one.as_json() for one in news])
        return replace(entry, told=[*entry.told, *news])

    def done(self, entry: QueuedLogout, numbers: Collection[int]) -> QueuedLogout:
        """The same where some need not be told any more; it goes where none is left."""
        entry = replace(entry, done=entry.done.union(numbers))
        if entry.left:
            self._note(entry, done=sorted(numbers))
        else:
            self._store.end(keys=(entry.key,))
        return entry

    def hold(self, entry: QueuedLogout, told: Mapping[int, Recipient]) -> QueuedLogout:
        """Keep some for her next logout, by number: nobody tells them by himself."""
        self._hold(entry, [*told.values()], [entry.reasons.get(n, "") for n in told])
        return self.done(entry, [*told])

    def may_end_more(self, entry: QueuedLogout, number: int, *, is_digid: bool) -> bool:
        """Whether what is said of one might end what she has begun there since.

        Our message names the sessions that have ended. With DigiD it names her alone;
        and one may have said that it knows none of them.
        """
        told = entry.left[number]
        if is_digid:
            return self._sessions.is_in(told.subject)
        knows_none = entry.reasons.get(number) == PrincipalUnknown.code
        # Another session of hers that it had then is none that it takes for these.
        return knows_none and self._sessions.is_in(told.subject, after=entry.begun)

    def failed(self, entry: QueuedLogout, reasons: Mapping[int, str]) -> None:
        """Some were told in vain once more, by number, and why (an error's code)."""
        self._note(entry, tried=reasons)

    def left_before(
        self, handle: str, subjects: Collection[Subject]
    ) -> list[QueuedLogout]:
        """Other logouts of some, than the one of this handle, that are left.

        She may be logged in there still, whatever comes of this one.
        """
        found = {key for one in subjects for key in self._store.find(self._of(one))}
        own = {self._key(handle), self._key(handle, _HELD)}
        entries = map(self.read, sorted(found - own))
        return [entry for entry in entries if entry is not None]

    def has_any_of(self, values: Values, subjects: Collection[Subject]) -> bool:
        """Whether a logout of some has not reached all, or nobody here can read it.

        Or some participant has not confirmed it, and is asked no more.
        """
        return self.has_any_labelled(values, [one.label() for one in subjects])

    def has_any_labelled(self, values: Values, whose: Iterable[str]) -> bool:
        """Whether the same is so of some by the labels of their sessions."""
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

        ``reason`` is an error's code. It is kept for as long as that logout is.
        """
        ends = (entry.until for entry in self.found(handle))
        until = max([clock.now() + LATE_FOR, *ends])
        refused_logouts.note(values, handle, told, reason, until, in_browser=in_browser)

    def refused(
        self, values: Values, entry: QueuedLogout, came: Iterable[Delivery]
    ) -> None:
        """Count the answers to a later logout for the participants left of this one."""
        left = {one.whom for one in entry.left.values()}
        for one in came:
            if one.is_refusal and one.left is not None and one.left.whom in left:
                self.note_refusal(values, entry.handle, one.left, one.reason)

    def without_final(self, values: Values, entry: QueuedLogout) -> QueuedLogout:
        """Return the same without the participants that answered too often.

        Their answers do not confirm the logout, and the hub asks them no more. Until
        the session would have been over, the hub does not say to a hub above that all
        know of the logout.
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
        """A later logout has told all that are left of this one, but for some."""
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
        """Some have heard of it now, by number, and not all behind them.

        Nobody tells them by himself any more.
        """
        told = {n: replace(entry.told[n], is_partial=True) for n in numbers}
        _note_partial(values, entry.handle, told.values())
        # Or it has said so before.
        told = {n: one for n, one in told.items() if entry.told[n] != one}
        if not told:
            return entry
        if entry.is_held:
            return self.done(self.with_more(entry, [*told.values()]), told)
        return self.hold(entry, told)

    def heard(
        self, values: Values, entry: QueuedLogout, numbers: Collection[int]
    ) -> QueuedLogout:
        """Some have heard of it now, by number.

        Of a participant for which nothing is left of it that is noted, for who looks at
        its receipt.
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
        """All that is left of one logout, that which waits for her browser too."""
        entries = (self.read(self._key(handle, kind)) for kind in ("", _HELD))
        return [entry for entry in entries if entry is not None]

    def find(self, handle: str) -> QueuedLogout | None:
        """What is left of one logout; None where all know, or it is too late."""
        return self.read(self._key(handle))

    # --- all of them ---

    def all(self) -> list[QueuedLogout]:
        """All that are told again, or for the first time, the oldest first."""
        return self._of_label(self._label)

    def held(self) -> list[QueuedLogout]:
        """All that nobody tells by himself, the oldest first."""
        return self._of_label(self._held_label)

    def _of_label(self, label: str) -> list[QueuedLogout]:
        found = map(self.read, self._store.find(label))
        entries = [entry for entry in found if entry is not None]
        return sorted(entries, key=lambda entry: entry.begun)

    def state(self, entry: QueuedLogout, number: int) -> str:
        """What one waits for who is left of an entry: :data:`NOW` or another one."""
        if entry.left[number].is_partial:
            return PARTLY
        if entry.is_held:
            return BROWSER
        # Whoever has begun it says why it was missed; or has died before that.
        is_begun = number not in entry.reasons and clock.now() < self.due_at(entry)
        return NOW if is_begun else AGAIN

    def keys(self) -> list[str]:
        """Their keys in the store."""
        return self._store.find(self._label)

    def count(self) -> int:
        """How many logouts have not reached all; or StoreUnavailable."""
        return len(self.keys())

    def due_at(self, entry: QueuedLogout) -> float:
        """When one is to be tried again."""
        first = self._longest + _GRACE
        return entry.begun if retry_schedule.is_ahead(entry.seen) else entry.due(first)

    def take_up(self, entry: QueuedLogout) -> bool:
        """Take one up to try it; of all processes that want to one may."""
        return retry_schedule.take_up(self._store, entry.key, entry.seen)

    def read(self, key: str) -> QueuedLogout | None:
        """The one with this key; None where all know, or it is too late."""
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
            # Of another version, which can read it and may share the store.
            return None
        return entry

    def _hold(
        self, entry: QueuedLogout, told: Sequence[Recipient], why: Sequence[str] = ()
    ) -> None:
        held = replace(entry, key=self._key(entry.handle, _HELD), told=told)
        news, before = list[Recipient](), 0
        if not self._keep(held):
            # Some are held of it already.
            known = self.read(held.key)
            news, before = [*told], len(known.told) if known else 0
        if news or why:
            reasons = dict(enumerate(why, before))
            self._note(held, news=[one.as_json() for one in news], why=reasons)

    def _keep(self, entry: QueuedLogout) -> bool:
        told = [one.as_json() for one in entry.told]
        said = [entry.begun, entry.logins, told, entry.whose]
        is_held = entry.key.startswith(f"{self._label}-{_HELD}")
        # By the one of the two it is found by who tells again, by the other by nobody
        # but an operator.
        label = self._held_label if is_held else self._label
        now, labels = clock.now(), (label, *entry.whose)
        row = StoredSession(entry.key, json.dumps(said), now, entry.until, labels)
        return self._store.create(row, issued=now)

    def _key(self, handle: str, kind: str = "") -> str:
        return f"{self._label}-{kind}{handle}"

    def _of(self, who: Subject) -> str:
        return self._of_labelled(who.label())

    def _of_labelled(self, whose: str) -> str:
        # Another one than her own, by which sessions end.
        return f"{self._label}-of-{hashlib.sha256(whose.encode()).hexdigest()}"

    def _note(self, entry: QueuedLogout, **said: object) -> None:
        self._store.append(entry.key, json.dumps(said))


def heard_at(values: Values, handle: str, entity_id: str) -> float:
    """When a participant has heard late of a logout; 0 where that is not known."""
    return float(values.get(_heard(handle, entity_id)) or 0.0)


def is_partly(values: Values, handle: str, entity_id: str) -> bool:
    """Whether a participant has heard of a logout, and not all behind it."""
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


def queue_of(environ: "WSGIEnvironment", propagation: Propagation) -> RetryQueue:
    """Those of the hub that a request has come to."""
    own = env.trust(environ).own
    return RetryQueue(env.sessions(environ), own.entity_id, propagation.longest)


def _with(entry: QueuedLogout, said: Mapping[str, Any]) -> QueuedLogout:
    """An entry after what was noted of it."""
    tried = said.get("tried", {})
    reasons = {**said.get("why", {}), **tried}
    return replace(
        entry,
        told=[*entry.told, *map(Recipient.from_json, said.get("news", ()))],
        done=entry.done.union(map(int, said.get("done", ()))),
        tries=entry.tries + bool(tried),
        reasons={**entry.reasons, **{int(n): str(why) for n, why in reasons.items()}},
    )
