"""Hooks of a logout: functions of developers, called when a logout has ended a login.

A hook takes one :class:`LogoutEvent`. ``on_logout`` names it, or an installed package
declares it as an entry point of the group ``eilogin.logout``::

    def end_session(event):
        Session.objects.filter(eilogin_name=event.session).delete()

eilogin calls it once for each login that ended, in a thread of its own, one event after
another. An exception is logged, and stops neither the logout nor other hooks. The
visitor and the hub wait for the hook, but at most ``on_logout_timeout``; it may go on
after that, and the next event waits for its turn.

No thread runs before the first logout, nor after the last one: servers fork.
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
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BeforeValidator

from eilogin import clock, object_references
from eilogin.config import words_of
from eilogin.errors import Fault, InvalidOptions
from eilogin.sessions import Login
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: Causes of an end. The visitor logged out here, by our address or that of the
#: application; elsewhere; or at an inner hub (``hub_inside``). A command of the
#: operator ended it. Or the hub had no session of the visitor any more.
HERE = "here"
APPLICATION = "application"
ELSEWHERE = "elsewhere"
INSIDE = "inside"
OPERATOR = "operator"
GONE = "gone"

#: The group of entry points by which a package installs a hook.
GROUP = "eilogin.logout"
#: Events that may wait for one hook: more than a hook that works can be behind.
_MOST_WAITING = 1000
#: How often the log says that a hook hangs, and how many wait for it, in seconds.
_TELLS_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class LogoutEvent:
    """A login that has ended here, for a hook."""

    #: The name of the login (:attr:`eilogin.sessions.Login.name`), no secret: the
    #: application has seen it as ``environ['eilogin.session'].name``.
    session: str
    #: The subject for the application: ``environ['eilogin.session'].subject``.
    subject: str = field(repr=False)
    #: ``here``, ``application``, ``elsewhere``, ``inside``, ``operator`` or
    #: ``gone``.
    cause: str
    #: When it ended, in UTC.
    at: datetime
    #: Our entityID.
    participant: str
    #: entityID of the hub of the login.
    hub: str


#: A hook; eilogin ignores its return value.
Hook = Callable[[LogoutEvent], object]


def _names(value: object) -> object:
    words = words_of(value)
    return (
        tuple(map(object_references.is_name, words))
        if isinstance(words, tuple)
        else words
    )


#: The type of the option ``on_logout``.
HookNames = Annotated[tuple[str, ...], BeforeValidator(_names)]


def load_hooks(names: Sequence[str]) -> dict[str, Hook]:
    """Return the hooks of these names, and those of installed packages, by their names.

    A name that occurs twice counts once. Raises :class:`eilogin.errors.InvalidOptions`
    for a hook that cannot be called.
    """
    named = {name: object_references.load(name, "on_logout") for name in names}
    return {**named, **_of_packages()}


@cache
def _of_packages() -> dict[str, Hook]:
    # Once in a process: to look through what is installed takes a while.
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
    """Calls the ``hooks`` by their names, and waits ``timeout`` seconds at most."""

    def __init__(self, hooks: Mapping[str, Hook], timeout: float) -> None:
        self._hooks = hooks
        self._timeout = timeout
        #: How many threads there may be for hooks of one name, where that is not one.
        self._threads: Mapping[str, int] = {}
        #: The queues by name of the hook and process ID.
        self._queues: dict[tuple[str, int], _HookQueue] = {}

    def tell(
        self,
        environ: "WSGIEnvironment",
        logins: Sequence[Login],
        cause: str,
        own: Login | None = None,
    ) -> None:
        """Call each hook for each of these logins, which have just ended.

        ``own`` is the login in which the visitor logged out, if it is one of them.
        """
        self._tell(environ, logins, cause, {})

    def _tell(
        self,
        environ: "WSGIEnvironment",
        logins: Sequence[Login],
        cause: str,
        more: Mapping[str, Mapping[str, Hook]],
    ) -> None:
        """Do the same with ``more`` hooks by name: each for one login, by its name."""
        if not logins or not (self._hooks or more):
            return
        entity_id, at = env.trust(environ).own.entity_id, clock.utc(clock.now())
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
        # All begin before the first one is waited for.
        for name, waits in [*self._begun(events, more)]:
            if not all(wait.wait(max(until - time.monotonic(), 0.0)) for wait in waits):
                _log.error(
                    "on_logout: %s did not end within %g s (on_logout_timeout); "
                    "the logout goes on without it",
                    name,
                    self._timeout,
                )
                self._queue_of(name).hurry()

    def _begun(
        self,
        events: Sequence[LogoutEvent],
        more: Mapping[str, Mapping[str, Hook]],
    ) -> Iterator[tuple[str, list[threading.Event]]]:
        for name, hook in self._hooks.items():
            queue = self._queue_of(name)
            yield name, [queue.add(hook, event) for event in events]
        for name, hooks in more.items():
            queue = self._queue_of(name)
            some = [event for event in events if event.session in hooks]
            yield name, [queue.add(hooks[event.session], event) for event in some]

    def _queue_of(self, name: str) -> "_HookQueue":
        # A lock that is held while somebody forks is held for ever.
        key = (name, os.getpid())
        queue = _HookQueue(name, self._timeout, self._threads.get(name, 1))
        return self._queues.setdefault(key, queue)


class _HookCall(NamedTuple):
    """A hook, its event, and the flag to set when the call has ended."""

    hook: Hook
    event: LogoutEvent
    done: threading.Event


class _HookQueue:
    """The calls of the hooks of one name in this process, one after another.

    If several ``threads`` are allowed, one more starts when all others have been at one
    event for longer than ``timeout``, or a logout has waited for that long.
    """

    def __init__(self, name: str, timeout: float, threads: int) -> None:
        self._name = name
        self._timeout = timeout
        self._threads = threads
        self._lock = threading.Lock()
        self._waiting: deque[_HookCall] = deque()
        #: When each thread began its current event (monotonic clock).
        self._since: dict[object, float] = {}
        #: Before this instant the log is not told again that it hangs.
        self._tells_at = -math.inf

    def add(self, hook: Hook, event: LogoutEvent) -> threading.Event:
        """Queue a call of a hook; return the flag that is set when it has ended.

        The flag is set at once if waiting is useless.
        """
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
                # Somebody has waited for it long enough.
                done.set()
                self._tell_that_it_hangs()
        return done

    def hurry(self) -> None:
        """Start one more thread if calls wait: a logout has waited long enough."""
        with self._lock:
            if self._waiting:
                self._begin()

    def _tell_that_it_hangs(self) -> None:
        now = time.monotonic()
        if self._waiting and now >= self._tells_at:
            self._tells_at = now + _TELLS_EVERY
            _log.error(
                "on_logout: %s hangs: %d logouts wait for it",
                self._name,
                len(self._waiting),
            )

    def _all_hang(self) -> bool:
        late = time.monotonic() - self._timeout
        return all(since < late for since in self._since.values())

    def _begin(self) -> bool:
        """Start a thread, if one more is allowed; whether it runs."""
        if len(self._since) >= self._threads:
            return False
        me = object()
        thread = threading.Thread(
            target=self._work, args=(me,), name=f"eilogin-{self._name}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            # No room for one more, or the process is about to end.
            _log.error("on_logout: cannot start a thread for %s: %s", self._name, error)
            return False
        self._since[me] = time.monotonic()
        return True

    def _work(self, me: object) -> None:
        while (call := self._next(me)) is not None:
            try:
                call.hook(call.event)
            except BaseException:  # noqa: BLE001 - the hook's own; the next one counts
                _log.exception("on_logout: %s raised an exception", self._name)
            finally:
                call.done.set()

    def _next(self, me: object) -> _HookCall | None:
        with self._lock:
            if not self._waiting:
                del self._since[me]
                return None
            self._since[me] = time.monotonic()
            return self._waiting.popleft()
