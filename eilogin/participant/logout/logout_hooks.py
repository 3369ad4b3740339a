"""Hooks of a logout: what developers have called when a login has ended here.

A hook is a function that takes one :class:`LogoutEvent`, named in ``on_logout`` or by
an installed package as an entry point of the group ``eilogin.logout``::

    def end_session(event):
        Session.objects.filter(eilogin_name=event.session).delete()

It is called for each login that a logout has ended, once, in a thread of its own, one
event after another. What it raises is logged, and stops neither the logout nor other
hooks. Whoever logs out waits for it, and so does the hub, but no longer than
``on_logout_timeout``; it may go on after that, and the next event waits its turn.

No thread is there before the first logout, nor after the last one: servers fork.
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

#: Causes of an end: she logged out here, by our address or the application's own; at
#: the hub or another participant of it; at a hub that stands inside (``hub_inside``);
#: or our operator has ended it, by a command; or the hub was asked, and had no login of
#: hers any more.
HERE = "here"
APPLICATION = "application"
ELSEWHERE = "elsewhere"
INSIDE = "inside"
OPERATOR = "operator"
GONE = "gone"

#: The group of entry points of who installs a hook with a package.
GROUP = "eilogin.logout"
#: Events that may wait for one hook: more than a hook that works can be behind.
_MOST_WAITING = 1000
#: How often the log says that a hook hangs, and how many wait for it, in seconds.
_TELLS_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class LogoutEvent:
    """A login that has ended here, as a hook is told of it."""

    #: What names the login (:attr:`eilogin.sessions.Login.name`), and no secret: the
    #: application has seen it as ``environ['eilogin.session'].name``.
    session: str
    #: Who she was to the application: ``environ['eilogin.session'].subject``.
    subject: str = field(repr=False)
    #: ``here``, ``application``, ``elsewhere``, ``inside``, ``operator`` or
    #: ``gone``.
    cause: str
    #: When it ended, in UTC.
    at: datetime
    #: Our entityID.
    participant: str
    #: entityID of the hub at which she had logged in.
    hub: str


#: What is called; nobody looks at what it returns.
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
    """The hooks of these names, and those of installed packages, by their names.

    One that is named twice is there once. Raises
    :class:`eilogin.errors.InvalidOptions` for one that cannot be called.
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
    """Calls the ``hooks``, by their names, and waits ``timeout`` seconds at most."""

    def __init__(self, hooks: Mapping[str, Hook], timeout: float) -> None:
        self._hooks = hooks
        self._timeout = timeout
        #: How many threads there may be for hooks of one name, where that is not one.
        self._threads: Mapping[str, int] = {}
        #: Of each hook, in each process.
        self._queues: dict[tuple[str, int], _HookQueue] = {}

    def tell(
        self,
        environ: "WSGIEnvironment",
        logins: Sequence[Login],
        cause: str,
        own: Login | None = None,
    ) -> None:
        """Have each hook hear of each of these logins, which have ended just now.

        ``own`` is the one of them in which she has logged out, if it is here.
        """
        self._tell(environ, logins, cause, {})

    def _tell(
        self,
        environ: "WSGIEnvironment",
        logins: Sequence[Login],
        cause: str,
        more: Mapping[str, Mapping[str, Hook]],
    ) -> None:
        """The same, with ``more`` hooks by their names: each for one login, by its."""
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
    """A hook, what it is to hear of, and what is set when it has."""

    hook: Hook
    event: LogoutEvent
    done: threading.Event


class _HookQueue:
    """What hooks of one name are to hear, in this process: one after another.

    Where they may have several ``threads``, there is one more when all others have been
    at one event for longer than ``timeout``, or somebody has waited for that long.
    """

    def __init__(self, name: str, timeout: float, threads: int) -> None:
        self._name = name
        self._timeout = timeout
        self._threads = threads
        self._lock = threading.Lock()
        self._waiting: deque[_HookCall] = deque()
        #: Of each thread, since when it has been at one event.
        self._since: dict[object, float] = {}
        #: Before this instant the log is not told again that it hangs.
        self._tells_at = -math.inf

    def add(self, hook: Hook, event: LogoutEvent) -> threading.Event:
        """Have a hook hear of it in its turn; what is set when it has.

        It is set at once where waiting for that is of no use.
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
        """Somebody has waited as long as one may: others get one more thread."""
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
        """Begin a thread, where there may be one more."""
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
