"""A circuit breaker for a store that does not answer.

Without it, requests that wait for the time-out would hold all threads.
"""

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType

from eilogin.errors import StoreUnavailable

#: Seconds.
PAUSE = 1.0

_log = logging.getLogger("eilogin.stores")


class Breaker:
    """A circuit breaker: a call that fails opens it, an answer closes it.

    While it is open, one call in each pause tries (half-open). Exceptions other than
    ``failures`` pass through. The log gets a line with ``name`` at the failure, and at
    the recovery.
    """

    def __init__(
        self, name: str, failures: tuple[type[Exception], ...], pause: float = PAUSE
    ) -> None:
        self._name = name
        self._failures = failures
        self._pause = pause
        self._lock = threading.Lock()
        #: Monotonic instant; infinite while one call tries, None if closed. A call
        #: checks nothing else.
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the store did not answer the last call."""
        return self._open_until is not None

    def call(self) -> AbstractContextManager[None]:
        """Guard one call of the store: ``with breaker.call():``.

        Raises :class:`eilogin.errors.StoreUnavailable` for a failure, and while open.
        """
        if self._open_until is not None and self._may_try():
            return self._guarded_trial()
        return self

    # No generator, for speed: every request comes here.
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
            has_message = isinstance(error, StoreUnavailable)
            message = (
                str(error) if has_message else f"{self._name} does not answer: {error}"
            )
            self._trip(message)
            if not has_message:
                raise StoreUnavailable(message) from error

    def _reset(self) -> None:
        with self._lock:
            was_open, self._open_until = self._open_until is not None, None
        if was_open:
            # A warning, like the one of the failure.
            _log.warning("%s answers again", self._name)

    def _trip(self, message: str) -> None:
        with self._lock:
            was_closed = self._open_until is None
            # A call that began before the failure must not let another call in beside
            # the trial.
            if self._open_until != math.inf:
                self._open_until = time.monotonic() + self._pause
        if was_closed:
            _log.warning("%s", message)

    def _may_try(self) -> bool:
        with self._lock:
            open_until = self._open_until
            if open_until is None:
                # Another call has just found that it answers.
                return False
            if time.monotonic() < open_until:
                raise StoreUnavailable(
                    f"{self._name} did not answer a moment ago; eilogin will ask "
                    "it again later"
                )
            # However long this call waits, others do not wait.
            self._open_until = math.inf
            return True

    @contextmanager
    def _guarded_trial(self) -> Iterator[None]:
        try:
            with self:
                yield
        finally:
            # Also if the trial failed, another call may try after a pause.
            with self._lock:
                if self._open_until is not None:
                    self._open_until = time.monotonic() + self._pause
