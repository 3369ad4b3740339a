"""The logout retry queue of a participant: LogoutRequests that did not reach the hub.

A thread of each process (:class:`LogoutQueueThread`) and ``eilogin work`` deliver them
over SOAP, until the hub has answered or the session is over. The store has at most one
entry for a session, sealed by this participant. One process at a time tries an entry.
If a hub does not answer to one entry, its others wait too.
"""

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from eilogin import clock
from eilogin.errors import EiloginError, Unavailable
from eilogin.federation import Trust
from eilogin.participant.logout import unconfirmed_logouts
from eilogin.participant.logout.logout_outcome import SingleLogoutOutcome
from eilogin.participant.logout.logout_requests import LogoutRequestSender
from eilogin.participant.logout.unconfirmed_logouts import UnconfirmedLogout
from eilogin.saml import bindings
from eilogin.saml.metadata import Endpoint
from eilogin.sessions import UNREADABLE, Login, retry_schedule
from eilogin.stores import StoredSession, logout_reserve
from eilogin.web.browser.sealing import Sealer, as_text, from_text
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")

#: Seconds between two rounds of a process.
EVERY = 2.0
#: Seconds from queueing to the first try.
_FIRST = 2.0
#: Most entries of one participant; further pages say "not told".
MOST = 10_000
#: Seconds between log lines about an unreadable queue.
_LOGS_EVERY = 60.0
_AT_ONCE = 50
#: After so many answers that do not confirm it, an entry is dropped.
_REFUSALS = 3

#: Called with :attr:`UnconfirmedLogout.key` and the outcome that a hub confirmed.
Delivered = Callable[[Visit, str, SingleLogoutOutcome], object]


class _Entry(NamedTuple):
    key: str
    notice: UnconfirmedLogout
    #: The key of the browser's own notice.
    kept: str
    seen: float

    @property
    def hub(self) -> str:
        return self.notice.login.who.issuer

    @property
    def due(self) -> float:
        begun = self.notice.issued
        if retry_schedule.is_ahead(self.seen):
            return begun
        return retry_schedule.next_try(begun, self.seen, _FIRST)


class LogoutQueue:
    """The queue of one participant; ``sender`` sends its LogoutRequests."""

    def __init__(self, sender: LogoutRequestSender, delivered: Delivered) -> None:
        self._hub_told = sender
        self._delivered = delivered
        #: When known entries are due, by key.
        self._later: dict[str, float] = {}

    # --- one logout ---

    def add(self, visit: Visit, notice: UnconfirmedLogout) -> bool:
        """Queue a logout; whether this server delivers it from now on.

        False if the hub takes no SOAP, the browser has no secret, the session is over,
        or the queue is full. Raises :class:`eilogin.errors.StoreUnavailable`, or
        UnknownPeer for a hub that takes no logout.
        """
        if not notice.secret or self._endpoint(visit.trust, notice) is None:
            return False
        store, key = visit.sessions.store, _key(visit, notice.key)
        if store.read(key) is not None:
            return True
        if len(store.find(_label(visit))) >= MOST:
            _log.error(
                "logout retry queue: full for %s: %d logouts wait for it; "
                "eilogin queues no more",
                visit.trust.own.entity_id,
                MOST,
            )
            return False
        row = StoredSession(
            key,
            _sealed(visit, key, notice),
            clock.now(),
            notice.login.ends,
            (_label(visit),),
        )
        store.create(row, issued=clock.now())
        return store.read(key) is not None

    @staticmethod
    def drop(visit: Visit, kept: str) -> None:
        """Take a logout out of the queue, by the key of its notice or ""."""
        store, key = visit.sessions.store, _key(visit, kept)
        # A look is cheaper than an end, and nearly no logout is queued.
        if kept and store.read(key) is not None:
            store.end(keys=(key,))

    def _endpoint(self, trust: Trust, notice: UnconfirmedLogout) -> Endpoint | None:
        endpoints = self._hub_told.endpoints(trust, notice.login)
        return next(
            (endpoint for endpoint in endpoints if endpoint.binding == bindings.SOAP),
            None,
        )

    # --- all of them ---

    @staticmethod
    def keys(visit: Visit) -> list[str]:
        """Return the keys in the store of all entries."""
        return visit.sessions.store.find(_label(visit))

    def deliver(self, visit: Visit) -> int:
        """Try due entries; count the confirmed ones. Raises StoreUnavailable."""
        with logout_reserve.for_logout():
            return self._deliver(visit)

    def _deliver(self, visit: Visit) -> int:
        count, unreachable, reached = 0, set[str](), set[str]()
        for entry in self._due(visit):
            if entry.hub in unreachable:
                continue
            if not retry_schedule.take_up(visit.sessions.store, entry.key, entry.seen):
                continue
            try:
                count += self._try(visit, entry)
                reached.add(entry.hub)
            except Unavailable as error:
                unreachable.add(entry.hub)
                _log.warning("logout not delivered to %s: %s", entry.hub, error)
        # The hub answers again: its other entries are due at once.
        self._later = {} if reached - unreachable else self._later
        return count

    def _due(self, visit: Visit) -> list[_Entry]:
        """Return the entries for one round, longest waiting first."""
        now, keys = clock.now(), self.keys(visit)
        self._later = {key: self._later[key] for key in keys if key in self._later}
        due = list[_Entry]()
        for key in keys:
            if self._later.get(key, now) > now:
                continue
            entry = _read(visit, key)
            if entry is None:
                continue
            self._later[key] = entry.due
            if entry.due <= now:
                due.append(entry)
        return sorted(due, key=lambda entry: entry.due)[:_AT_ONCE]

    def _try(self, visit: Visit, entry: _Entry) -> bool:
        """Send one LogoutRequest; whether the hub confirmed. Raises Unavailable."""
        try:
            endpoint = self._endpoint(visit.trust, entry.notice)
            if endpoint is None or _is_in_again(visit, entry.notice.login):
                self.drop(visit, entry.kept)
                return False
            notice = unconfirmed_logouts.renewed(entry.notice)
            outcome = self._hub_told.directly(visit, notice, endpoint)
        except Unavailable:
            raise
        except EiloginError as error:
            self._refused(visit, entry, error)
            return False
        self.drop(visit, entry.kept)
        self._delivered(visit, entry.kept, outcome)
        return True

    def _refused(self, visit: Visit, entry: _Entry, error: EiloginError) -> None:
        """Drop an entry after a few answers: the hub may not know its session."""
        store = visit.sessions.store
        store.append(entry.key, error.code)
        tries = len(store.items(entry.key))
        _log.warning(
            "logout not confirmed by %s (try %d of %d): %s",
            entry.hub,
            tries,
            _REFUSALS,
            error,
        )
        if tries >= _REFUSALS:
            self.drop(visit, entry.kept)


class LogoutQueueThread:
    """The thread of this process that delivers, while anything is queued.

    It ends when the queue is empty: no thread runs before a server forks.
    """

    def __init__(self, queue: LogoutQueue) -> None:
        self._queue = queue
        self._visit = Visit({})
        self._watched: object = None
        self._pid = 0
        self._lock = threading.Lock()
        self._logged = -_LOGS_EVERY

    def wake(self, visit: Visit) -> None:
        """Deliver from now on, unless the process ends with this request (run_once)."""
        if visit.environ.get("wsgi.run_once"):
            return
        trust = visit.trust
        self._visit = Visit.without_request(trust, visit.sessions)
        if trust.watch is not None and self._watched is not trust.watch:
            self._watched = trust.watch
            trust.watch.subscribe(lambda _, now: self._follow(now._asdict()))
        with self._lock:
            if self._pid == os.getpid():
                return
            try:
                threading.Thread(
                    target=self._run, name="eilogin-logout-queue", daemon=True
                ).start()
            except RuntimeError as error:
                # The next entry tries again.
                _log.error(
                    "logout retry queue: this process retries no logouts: %s", error
                )
            else:
                self._pid = os.getpid()

    def wake_if_queued(self, visit: Visit) -> None:
        """Deliver from now on, if an earlier process has left anything in the queue."""
        try:
            if self._queue.keys(visit):
                self.wake(visit)
        except EiloginError as error:
            _log.warning("logout retry queue: cannot read it: %s", error)

    def _follow(self, newer: dict[str, Any]) -> None:
        trust = replace(self._visit.trust, **newer)
        self._visit = Visit.without_request(trust, self._visit.sessions)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY):
            try:
                self._queue.deliver(self._visit)
                with self._lock:
                    if not self._queue.keys(self._visit):
                        self._pid = 0
                        return
            except EiloginError as error:
                self._log_once(error)
            except Exception:  # noqa: BLE001 - the next round may be well
                _log.exception("logout retry queue: a delivery failed")

    def _log_once(self, error: EiloginError) -> None:
        now = time.monotonic()
        if now >= self._logged + _LOGS_EVERY:
            self._logged = now
            _log.warning("logout retry queue: a delivery failed: %s", error)


def _is_in_again(visit: Visit, login: Login) -> bool:
    """Whether our message, which names no session, might end a newer one."""
    has_index = visit.trust.own.profile.has_session_index
    return not (login.session_index and has_index) and bool(
        visit.sessions.find_all_of(login.who)
    )


def _sealed(visit: Visit, key: str, notice: UnconfirmedLogout) -> str:
    # Only what a LogoutRequest needs.
    login = replace(notice.login, attributes={}, family="")
    fields = [login.to_json(), notice.request_id, notice.issued, notice.key]
    octets = json.dumps(fields).encode()
    return as_text(_sealer(visit).seal(octets, *_bound_to(visit, key)))


def _read(visit: Visit, key: str) -> _Entry | None:
    stored = visit.sessions.store.read(key)
    if stored is None:
        return None
    try:
        octets = _sealer(visit).open(from_text(stored.data), *_bound_to(visit, key))
        login_text, request_id, issued, kept, *_ = json.loads(octets)
        login = Login.from_json(login_text, key="", seen=0.0)
    except UNREADABLE:
        # Sealed with a key that is not ours any more, or by another version.
        return None
    return _Entry(key, UnconfirmedLogout(login, request_id, issued), kept, stored.seen)


def _sealer(visit: Visit) -> Sealer:
    return Sealer(visit.trust.own.sealing_secrets, "logout queue")


def _bound_to(visit: Visit, key: str) -> tuple[str, ...]:
    return (visit.trust.own.entity_id, key)


def _label(visit: Visit) -> str:
    entity_id = visit.trust.own.entity_id
    # As "eilogin store" counts them; and no shard: a colon would end the name of one.
    return f"undelivered-to-hub-{hashlib.sha256(entity_id.encode()).hexdigest()[:16]}"


def _key(visit: Visit, kept: str) -> str:
    return f"{_label(visit)}-{hashlib.sha256(kept.encode()).hexdigest()}"
