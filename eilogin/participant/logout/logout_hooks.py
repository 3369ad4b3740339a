"""Hooks of a logout: functions of developers, called when a logout has ended a login.

A hook takes one :class:`LogoutEvent`. ``on_logout`` names it, or an installed package
declares it as an entry point of the group ``eilogin.logout``.

Each hook has a thread, which calls it for one event after another. The visitor and the
hub wait for at most ``on_logout_timeout``; the hook may go on after that. Threads run
only while hooks do, because servers fork.
"""

import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator

from eilogin import clock, object_references
from eilogin.config import words_of
from eilogin.errors import Fault, InvalidOptions
from eilogin.sessions import Login
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")

#: The causes of an end. The visitor logged out here (by our address or that of the
#: application), elsewhere, or at an inner hub. Or the operator ended the login, or the
#: hub had no session any more.
HERE = "here"
APPLICATION = "application"
ELSEWHERE = "elsewhere"
INSIDE = "inside"
OPERATOR = "operator"
GONE = "gone"

GROUP = "eilogin.logout"
#: Events that may wait for one hook.
_MOST_WAITING = 1000
#: Seconds between log lines about a hook that hangs.
_LOGS_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class LogoutEvent:
    """A login that has ended here, for a hook."""

    #: :attr:`eilogin.sessions.Login.name`, no secret: the application knows it.
    session: str
    #: ``environ['eilogin.session'].subject``.
    subject: str = field(repr=False)
    #: ``here``, ``application``, ``elsewhere``, ``inside``, ``operator`` or ``gone``.
    cause: str
    #: The instant of the end, in UTC.
    at: datetime
    #: Our entityID.
    participant: str
    hub: str


#: eilogin ignores the return value.
Hook = Callable[[LogoutEvent], object]


def _names(value: object) -> object:
    words = words_of(value)
    return (
        tuple(map(object_references.is_name, words))
        if isinstance(words, tuple)
        else words
    )


HookNames = Annotated[tuple[str, ...], BeforeValidator(_names)]


def load_hooks(names: Sequence[str]) -> dict[str, Hook]:
    """Return the named and the installed hooks, by name, or raise InvalidOptions."""
    named = {name: object_references.load(name, "on_logout") for name in names}
    return {**named, **_hooks_of_packages()}


@cache
def _hooks_of_packages() -> dict[str, Hook]:
    # Cached, because the search is slow.
    return {point.value: _loaded(point) for point in entry_points(group=GROUP)}


def _loaded(point: EntryPoint) -> Hook:
    package = point.dist.name if point.dist else "a package"
    declaration = f"{package} has an entry point {GROUP}: {point.name} = {point.value}"
    try:
        hook: Any = point.load()
    except (ImportError, AttributeError) as error:
        reason = f"{declaration}; eilogin cannot load it: {error}"
        raise InvalidOptions([Fault("", "", "", "", reason)]) from error
    if not callable(hook):
        reason = f"{declaration}; expected a function, or another callable"
        raise InvalidOptions([Fault("", "", "", "", reason)])
    loaded: Hook = hook
    return loaded


class LogoutHooks:
    """Calls the ``hooks`` by name, and waits ``timeout`` seconds at most."""

    def __init__(self, hooks: Mapping[str, Hook], timeout: float) -> None:
        self._hooks = hooks
        self._timeout = timeout
        #: Most threads for hooks of one name, if not one.
        self._threads: Mapping[str, int] = {}
        #: By name of the hook and process ID.
        self._queues: dict[tuple[str, int], _HookQueue] = {}

    def tell(
        self,
        visit: Visit,
        logins: Sequence[Login],
        cause: str,
        own: Login | None = None,
    ) -> None:
        """Call each hook for each ended login; ``own`` is the visitor's, if any."""
        self._tell(visit, logins, cause, {})

    def _tell(
        self,
        visit: Visit,
        logins: Sequence[Login],
        cause: str,
        more: Mapping[str, Mapping[str, Hook]],
    ) -> None:
        if not logins or not (self._hooks or more):
            return
        entity_id, at = visit.trust.own.entity_id, clock.utc(clock.now())
        events = [
            LogoutEvent(
                session=login.name,
                subject=login.subject,
                cause=cause,
                at=at,
                participant=entity_id,
                hub=login.who.issuer,
            )
            for login in logins
        ]
        until = time.monotonic() + self._timeout
        # Queue all before waiting for the first one.
        for name, ends in [*self._queued(events, more)]:
            if not all(end.wait(max(until - time.monotonic(), 0.0)) for end in ends):
                _log.error(
                    "on_logout: %s did not end within %g s (on_logout_timeout); "
                    "the logout goes on without it",
                    name,
                    self._timeout,
                )
                self._queue_of(name).hurry()

    def _queued(
        self,
        events: Sequence[LogoutEvent],
        more: Mapping[str, Mapping[str, Hook]],
    ) -> Iterator[tuple[str, list[threading.Event]]]:
        for name, hook in self._hooks.items():
            queue = self._queue_of(name)
            yield name, [queue.add(hook, event) for event in events]
        for name, hooks in more.items():
            queue = self._queue_of(name)
            ended = [event for event in events if event.session in hooks]
            yield name, [queue.add(hooks[event.session], event) for event in ended]

    def _queue_of(self, name: str) -> "_HookQueue":
        # By process, because a lock that is held during a fork is held for ever there.
        key = (name, os.getpid())
        queue = _HookQueue(name, self._timeout, self._threads.get(name, 1))
        return self._queues.setdefault(key, queue)


class _HookCall(NamedTuple):
    hook: Hook
    event: LogoutEvent
    done: threading.Event


class _HookQueue:
    """The calls of the hooks of one name in this process, one after another."""

    def __init__(self, name: str, timeout: float, threads: int) -> None:
        self._name = name
        self._timeout = timeout
        self._threads = threads
        self._lock = threading.Lock()
        self._waiting: deque[_HookCall] = deque()
        #: When each thread began its event (monotonic clock).
        self._since: dict[object, float] = {}
        self._next_log_at = -math.inf

    def add(self, hook: Hook, event: LogoutEvent) -> threading.Event:
        """Queue a call; return a flag for its end, set now if waiting is useless."""
        done = threading.Event()
        with self._lock:
            if len(self._waiting) >= _MOST_WAITING:
                _log.error(
                    "on_logout: %s hangs: eilogin does not call it for this "
                    "logout, because %d logouts wait for it already",
                    self._name,
                    _MOST_WAITING,
                )
                done.set()
                return done
            is_stuck = self._all_hang() and not self._begin()
            if self._since:
                self._waiting.append(_HookCall(hook, event, done))
            if is_stuck:
                done.set()
                self._log_that_it_hangs()
        return done

    def hurry(self) -> None:
        """Start one more thread if calls wait."""
        with self._lock:
            if self._waiting:
                self._begin()

    def _log_that_it_hangs(self) -> None:
        now = time.monotonic()
        if self._waiting and now >= self._next_log_at:
            self._next_log_at = now + _LOGS_EVERY
            _log.error(
                "on_logout: %s hangs: %d logouts wait for it",
                self._name,
                len(self._waiting),
            )

    def _all_hang(self) -> bool:
        late = time.monotonic() - self._timeout
        return all(since < late for since in self._since.values())

    def _begin(self) -> bool:
        if len(self._since) >= self._threads:
            return False
        thread_key = object()
        thread = threading.Thread(
            target=self._work,
            args=(thread_key,),
            name=f"eilogin-{self._name}",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError as error:
            _log.error("on_logout: cannot start a thread for %s: %s", self._name, error)
            return False
        self._since[thread_key] = time.monotonic()
        return True

    def _work(self, thread_key: object) -> None:
        while (call := self._next(thread_key)) is not None:
            try:
                call.hook(call.event)
            except BaseException:  # noqa: BLE001 - a fault of this hook; the next call may work
                _log.exception("on_logout: %s raised an exception", self._name)
            finally:
                call.done.set()

    def _next(self, thread_key: object) -> _HookCall | None:
        with self._lock:
            if not self._waiting:
                del self._since[thread_key]
                return None
            self._since[thread_key] = time.monotonic()
            return self._waiting.popleft()
