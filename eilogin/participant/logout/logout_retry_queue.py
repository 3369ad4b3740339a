"""The logout retry queue of a participant: LogoutRequests that did not reach the hub.

A thread of each process and ``eilogin work`` deliver them over SOAP, until the hub has
answered or the session would have ended. The store has one sealed entry for a session,
which one process at a time tries.
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
from eilogin.participant.login.hub_reachability import RouteToHub
from eilogin.participant.logout import unconfirmed_logouts
from eilogin.participant.logout.logout_outcome import SingleLogoutOutcome
from eilogin.participant.logout.logout_requests import LogoutRequestSender
from eilogin.participant.logout.unconfirmed_logouts import UnconfirmedLogout
from eilogin.saml import bindings
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
    notice_key: str
    #: The instant of the last try, at first of its creation.
    last_try: float

    @property
    def hub(self) -> str:
        return self.notice.login.who.issuer

    @property
    def due(self) -> float:
        begun = self.notice.issued
        if retry_schedule.is_ahead(self.last_try):
            return begun
        return retry_schedule.next_try(begun, self.last_try, _FIRST)


class LogoutQueue:
    """The queue of one participant; ``sender`` sends its LogoutRequests."""

    def __init__(self, sender: LogoutRequestSender, delivered: Delivered) -> None:
        self._sender = sender
        self._delivered = delivered
        #: When entries are due, by key.
        self._due_at: dict[str, float] = {}

    # --- one logout ---

    def add(self, visit: Visit, notice: UnconfirmedLogout) -> bool:
        """Queue a logout; return whether this server delivers it from now on.

        False if the hub does not support SOAP, the browser has no secret, the session
        is over, or the queue is full. Raise StoreUnavailable, or UnknownPeer without
        single logout.
        """
        if not notice.secret or self._soap_route(visit.trust, notice) is None:
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
    def drop(visit: Visit, notice_key: str) -> None:
        """Remove a logout from the queue, by the key of its notice; "" is none."""
        store, key = visit.sessions.store, _key(visit, notice_key)
        # First read, which is faster than an end, because few logouts are queued.
        if notice_key and store.read(key) is not None:
            store.end(keys=(key,))

    def _soap_route(self, trust: Trust, notice: UnconfirmedLogout) -> RouteToHub | None:
        routes = self._sender.routes(trust, notice.login)
        return next(
            (route for route in routes if route.endpoint.binding == bindings.SOAP), None
        )

    # --- all of them ---

    @staticmethod
    def keys(visit: Visit) -> list[str]:
        """Return the keys in the store of all entries."""
        return visit.sessions.store.find(_label(visit))

    def deliver(self, visit: Visit) -> int:
        """Try due entries; return the number confirmed. Raise StoreUnavailable."""
        with logout_reserve.for_logout():
            return self._deliver(visit)

    def _deliver(self, visit: Visit) -> int:
        count, unreachable, reached = 0, set[str](), set[str]()
        for entry in self._due_entries(visit):
            if entry.hub in unreachable:
                continue
            if not retry_schedule.take_up(
                visit.sessions.store, entry.key, entry.last_try
            ):
                continue
            try:
                count += self._try(visit, entry)
                reached.add(entry.hub)
            except Unavailable as error:
                unreachable.add(entry.hub)
                _log.warning("logout not delivered to %s: %s", entry.hub, error)
        # The hub answers again: its other entries are due at once.
        self._due_at = {} if reached - unreachable else self._due_at
        return count

    def _due_entries(self, visit: Visit) -> list[_Entry]:
        now, keys = clock.now(), self.keys(visit)
        self._due_at = {key: self._due_at[key] for key in keys if key in self._due_at}
        due = list[_Entry]()
        for key in keys:
            if self._due_at.get(key, now) > now:
                continue
            entry = _read(visit, key)
            if entry is None:
                continue
            self._due_at[key] = entry.due
            if entry.due <= now:
                due.append(entry)
        return sorted(due, key=lambda entry: entry.due)[:_AT_ONCE]

    def _try(self, visit: Visit, entry: _Entry) -> bool:
        """Send a LogoutRequest; return whether it was confirmed. Raise Unavailable."""
        try:
            route = self._soap_route(visit.trust, entry.notice)
            if route is None or _has_newer_session(visit, entry.notice.login):
                self.drop(visit, entry.notice_key)
                return False
            notice = unconfirmed_logouts.renewed(entry.notice)
            outcome = self._sender.directly(visit, notice, route)
        except Unavailable:
            raise
        except EiloginError as error:
            self._refused(visit, entry, error)
            return False
        self.drop(visit, entry.notice_key)
        self._delivered(visit, entry.notice_key, outcome)
        return True

    def _refused(self, visit: Visit, entry: _Entry, error: EiloginError) -> None:
        # After a few rejections, drop it: the hub may not know the session.
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
            self.drop(visit, entry.notice_key)


class LogoutQueueThread:
    """Delivers queued logouts; ends with the last one, because servers fork."""

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
            except Exception:  # noqa: BLE001 - the next round may succeed
                _log.exception("logout retry queue: a delivery failed")

    def _log_once(self, error: EiloginError) -> None:
        now = time.monotonic()
        if now >= self._logged + _LOGS_EVERY:
            self._logged = now
            _log.warning("logout retry queue: a delivery failed: %s", error)


def _has_newer_session(visit: Visit, login: Login) -> bool:
    # Our message names no session, so it might end a newer one.
    has_index = visit.trust.own.profile.has_session_index
    return not (login.session_index and has_index) and bool(
        visit.sessions.find_all_of(login.who)
    )


def _sealed(visit: Visit, key: str, notice: UnconfirmedLogout) -> str:
    # Without the fields that a LogoutRequest does not need.
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
        login_text, request_id, issued, notice_key, *_ = json.loads(octets)
        login = Login.from_json(login_text, key="", seen=0.0)
    except UNREADABLE:
        # Sealed with a former key, or by another version.
        return None
    notice = UnconfirmedLogout(login, request_id, issued)
    return _Entry(key, notice, notice_key, stored.seen)


def _sealer(visit: Visit) -> Sealer:
    return Sealer(visit.trust.own.sealing_secrets, "logout queue")


def _bound_to(visit: Visit, key: str) -> tuple[str, ...]:
    return (visit.trust.own.entity_id, key)


def _label(visit: Visit) -> str:
    entity_id = visit.trust.own.entity_id
    # "eilogin store" counts by this prefix. A colon would end the name of a shard.
    return f"undelivered-to-hub-{hashlib.sha256(entity_id.encode()).hexdigest()[:16]}"


def _key(visit: Visit, notice_key: str) -> str:
    return f"{_label(visit)}-{hashlib.sha256(notice_key.encode()).hexdigest()}"
