"""A store that does not answer is left alone for a while, and then asked again.

Without this each request waits for the whole time-out, one after another in every
thread of the server, until no thread is left for the pages that need no store.
"""

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType

from eilogin.errors import StoreUnavailable

#: Seconds in which a store that did not answer is not asked again.
PAUSE = 1.0

_log = logging.getLogger("eilogin.stores")


class Breaker:
    """A circuit breaker: a call that fails opens it, an answer closes it.

    While it is closed, all calls go through. While it is open, one call in each pause
    goes through to try (half-open).

    ``failures`` are the exceptions that say that the store does not answer; all others
    pass through and change nothing. ``name`` is the name of the store in the log, which
    gets one line when the store fails and one when it is back.
    """

    def __init__(
        self, name: str, failures: tuple[type[Exception], ...], pause: float = PAUSE
    ) -> None:
        self._name = name
        self._failures = failures
        self._pause = pause
        self._lock = threading.Lock()
        #: The instant, by a clock that is never set, until which nobody asks: without
        #: end while one call tries. None while all is well, which is all that a call
        #: has to look at.
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the store did not answer the last call."""
        return self._open_until is not None

    def call(self) -> AbstractContextManager[None]:
        """One call of the store: ``with breaker.call():``.

        Raises :class:`eilogin.errors.StoreUnavailable`, at once while the store is
        left alone, and in the place of a failure.
        """
        if self._open_until is not None and self._is_mine_to_try():
            return self._trial()
        return self

    # Not a generator: this is in the way of every request.
    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            if self._open_until is not None:
                self._reset()
        elif isinstance(error, self._failures):
            is_told = isinstance(error, StoreUnavailable)
            said = str(error) if is_told else f"{self._name} does not answer: {error}"
            self._trip(said)
            if not is_told:
                raise StoreUnavailable(said) from error

    def _reset(self) -> None:
        with self._lock:
            was_open, self._open_until = self._open_until is not None, None
        if was_open:
            # As loud as the warning before it: whoever sees that one waits for this.
            _log.warning("%s answers again", self._name)

    def _trip(self, said: str) -> None:
        with self._lock:
            was_closed = self._open_until is None
            # One that began before it was opened says nothing new: it must not let
            # another one in beside the one that tries.
            if self._open_until != math.inf:
                self._open_until = time.monotonic() + self._pause
        if was_closed:
            _log.warning("%s", said)

    def _is_mine_to_try(self) -> bool:
        with self._lock:
            until = self._open_until
            if until is None:
                # Another one has just found out that it answers.
                return False
            if time.monotonic() < until:
                raise StoreUnavailable(
                    f"{self._name} did not answer a moment ago; eilogin will ask "
                    "it again later"
                )
            # However long this call waits, all others go on without.
            self._open_until = math.inf
            return True

    @contextmanager
    def _trial(self) -> Iterator[None]:
        """The one call that tries whether the store answers again."""
        try:
            with self:
                yield
        finally:
            # Whatever it has found: after a pause another one may.
            with self._lock:
                if self._open_until is not None:
                    self._open_until = time.monotonic() + self._pause
