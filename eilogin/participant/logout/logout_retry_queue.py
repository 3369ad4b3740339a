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
from typing import TYPE_CHECKING, Any, NamedTuple

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
from eilogin.web import environ as env
from eilogin.web.browser.sealing import Sealer, as_text, from_text

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

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
Delivered = Callable[["WSGIEnvironment", str, SingleLogoutOutcome], object]


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

    def add(self, environ: "WSGIEnvironment", notice: UnconfirmedLogout) -> bool:
        """Queue a logout; whether this server delivers it from now on.

        False if the hub takes no SOAP, the browser has no secret, the session is over,
        or the queue is full. Raises :class:`eilogin.errors.StoreUnavailable`, or
        UnknownPeer for a hub that takes no logout.
        """
        if not notice.secret or self._endpoint(env.trust(environ), notice) is None:
            return False
        store, key = env.sessions(environ).store, _key(environ, notice.key)
        if store.read(key) is not None:
            return True
        if len(store.find(_label(environ))) >= MOST:
            _log.error(
                "logout retry queue: full for %s: %d logouts wait for it; "
                "eilogin queues no more",
                env.trust(environ).own.entity_id,
                MOST,
            )
            return False
        row = StoredSession(
            key,
            _sealed(environ, key, notice),
            clock.now(),
            notice.login.ends,
            (_label(environ),),
        )
        store.create(row, issued=clock.now())
        return store.read(key) is not None

    @staticmethod
    def drop(environ: "WSGIEnvironment", kept: str) -> None:
        """Take a logout out of the queue, by the key of its notice or ""."""
        store, key = env.sessions(environ).store, _key(environ, kept)
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
    def keys(environ: "WSGIEnvironment") -> list[str]:
        """Return the keys in the store of all entries."""
        return env.sessions(environ).store.find(_label(environ))

    def deliver(self, environ: "WSGIEnvironment") -> int:
        """Try due entries; count the confirmed ones. Raises StoreUnavailable."""
        with logout_reserve.for_logout():
            return self._deliver(environ)

    def _deliver(self, environ: "WSGIEnvironment") -> int:
        count, unreachable, reached = 0, set[str](), set[str]()
        for entry in self._due(environ):
            if entry.hub in unreachable:
                continue
            if not retry_schedule.take_up(
                env.sessions(environ).store, entry.key, entry.seen
            ):
                continue
            try:
                count += self._try(environ, entry)
                reached.add(entry.hub)
            except Unavailable as error:
                unreachable.add(entry.hub)
                _log.warning("logout not delivered to %s: %s", entry.hub, error)
        # The hub answers again: its other entries are due at once.
        self._later = {} if reached - unreachable else self._later
        return count

    def _due(self, environ: "WSGIEnvironment") -> list[_Entry]:
        """Return the entries for one round, longest waiting first."""
        now, keys = clock.now(), self.keys(environ)
        self._later = {key: self._later[key] for key in keys if key in self._later}
        due = list[_Entry]()
        for key in keys:
            if self._later.get(key, now) > now:
                continue
            entry = _read(environ, key)
            if entry is None:
                continue
            self._later[key] = entry.due
            if entry.due <= now:
                due.append(entry)
        return sorted(due, key=lambda entry: entry.due)[:_AT_ONCE]

    def _try(self, environ: "WSGIEnvironment", entry: _Entry) -> bool:
        """Send one LogoutRequest; whether the hub confirmed. Raises Unavailable."""
        try:
            endpoint = self._endpoint(env.trust(environ), entry.notice)
            if endpoint is None or _is_in_again(environ, entry.notice.login):
                self.drop(environ, entry.kept)
                return False
            notice = unconfirmed_logouts.renewed(entry.notice)
            outcome = self._hub_told.directly(environ, notice, endpoint)
        except Unavailable:
            raise
        except EiloginError as error:
            self._refused(environ, entry, error)
            return False
        self.drop(environ, entry.kept)
        self._delivered(environ, entry.kept, outcome)
        return True

    def _refused(
        self, environ: "WSGIEnvironment", entry: _Entry, error: EiloginError
    ) -> None:
        """Drop an entry after a few answers: the hub may not know its session."""
        store = env.sessions(environ).store
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
            self.drop(environ, entry.kept)


class LogoutQueueThread:
    """The thread of this process that delivers, while anything is queued.

    It ends when the queue is empty: no thread runs before a server forks.
    """

    def __init__(self, queue: LogoutQueue) -> None:
        self._queue = queue
        self._environ: dict[str, Any] = {}
        self._watched: object = None
        self._pid = 0
        self._lock = threading.Lock()
        self._logged = -_LOGS_EVERY

    def wake(self, environ: "WSGIEnvironment") -> None:
        """Deliver from now on, unless the process ends with this request (run_once)."""
        if environ.get("wsgi.run_once"):
            return
        trust = env.trust(environ)
        self._environ = {env.TRUST: trust, env.SESSIONS: env.sessions(environ)}
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

    def wake_if_queued(self, environ: "WSGIEnvironment") -> None:
        """Deliver from now on, if an earlier process has left anything in the queue."""
        try:
            if self._queue.keys(environ):
                self.wake(environ)
        except EiloginError as error:
            _log.warning("logout retry queue: cannot read it: %s", error)

    def _follow(self, newer: dict[str, Any]) -> None:
        trust: Trust = self._environ[env.TRUST]
        self._environ = {**self._environ, env.TRUST: replace(trust, **newer)}

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY):
            try:
                self._queue.deliver(self._environ)
                with self._lock:
                    if not self._queue.keys(self._environ):
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


def _is_in_again(environ: "WSGIEnvironment", login: Login) -> bool:
    """Whether our message, which names no session, might end a newer one."""
    has_index = env.trust(environ).own.profile.has_session_index
    return not (login.session_index and has_index) and bool(
        env.sessions(environ).find_all_of(login.who)
    )


def _sealed(environ: "WSGIEnvironment", key: str, notice: UnconfirmedLogout) -> str:
    # Only what a LogoutRequest needs.
    login = replace(notice.login, attributes={}, family="")
    fields = [login.to_json(), notice.request_id, notice.issued, notice.key]
    octets = json.dumps(fields).encode()
    return as_text(_sealer(environ).seal(octets, *_bound_to(environ, key)))


def _read(environ: "WSGIEnvironment", key: str) -> _Entry | None:
    stored = env.sessions(environ).store.read(key)
    if stored is None:
        return None
    try:
        octets = _sealer(environ).open(from_text(stored.data), *_bound_to(environ, key))
        login_text, request_id, issued, kept, *_ = json.loads(octets)
        login = Login.from_json(login_text, key="", seen=0.0)
    except UNREADABLE:
        # Sealed with a key that is not ours any more, or by another version.
        return None
    return _Entry(key, UnconfirmedLogout(login, request_id, issued), kept, stored.seen)


def _sealer(environ: "WSGIEnvironment") -> Sealer:
    return Sealer(env.trust(environ).own.sealing_secrets, "logout queue")


def _bound_to(environ: "WSGIEnvironment", key: str) -> tuple[str, ...]:
    return (env.trust(environ).own.entity_id, key)


def _label(environ: "WSGIEnvironment") -> str:
    entity_id = env.trust(environ).own.entity_id
    # As "eilogin store" counts them; and no shard: a colon would end the name of one.
    return f"undelivered-to-hub-{hashlib.sha256(entity_id.encode()).hexdigest()[:16]}"


def _key(environ: "WSGIEnvironment", kept: str) -> str:
    return f"{_label(environ)}-{hashlib.sha256(kept.encode()).hexdigest()}"
