"""A store that does not answer is left alone for a while, and then asked again.

Without this each request waits for the whole time-out, one after another in every
thread of the server, until no thread is left for the pages that need no store.
"""

import logging
import threading
import time
from types import TracebackType

from eilogin.errors import StoreUnavailable

#: Seconds in which a store that did not answer is not asked again.
PAUSE = 1.0

_log = logging.getLogger("eilogin.stores")


class Breaker:
    """Lets calls through, until one fails; then one in each pause, until it succeeds.

    ``failures`` are the exceptions by which a call says that the store does not
    answer; all others pass through and say nothing about it. ``name`` is how the store
    is called in what the log is told, which is once when it fails and once when it is
    back.
    """

    def __init__(
        self, name: str, failures: tuple[type[Exception], ...], pause: float = PAUSE
    ) -> None:
        self._name = name
        self._failures = failures
        self._pause = pause
        self._lock = threading.Lock()
        #: The instant, by a clock that is never set, until which nobody asks; None
        #: while all is well, which is all that a call has to look at.
        self._closed_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last that was heard of the store is that it does not answer."""
        return self._closed_until is not None

    def call(self) -> "Breaker":
        """One call of the store: ``with breaker.call():``.

        Raises :class:`eilogin.errors.StoreUnavailable`, at once while the store is
        left alone, and in the place of a failure.
        """
        if self._closed_until is not None:
            self._wait_or_try()
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
            if self._closed_until is not None:
                self._closed_until = None
                _log.info("%s answers again", self._name)
        elif isinstance(error, self._failures):
            if self._closed_until is None:
                _log.warning("%s does not answer: %s", self._name, error)
            self._closed_until = time.monotonic() + self._pause
            raise StoreUnavailable(f"{self._name} does not answer: {error}") from error

    def _wait_or_try(self) -> None:
        with self._lock:
            until, now = self._closed_until, time.monotonic()
            if until is not None and now < until:
                raise StoreUnavailable(
                    f"{self._name} did not answer a moment ago, and is not asked now"
                )
            # This call tries; all others go on waiting for what it finds.
            self._closed_until = now + self._pause
