"""The interface of a backend of Beaker's kinds, and its circuit breaker."""

from typing import Protocol

from eilogin.errors import StoreUnavailable
from eilogin.stores.circuit_breaker import Breaker


class Kept(Protocol):
    """Texts by name, each of which is over at an instant.

    Whatever else stands at a name counts as nothing. Each kind raises exceptions of its
    own where it does not answer.
    """

    def get(self, name: str) -> str | None:
        """The text, if its time is not over."""

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """Put ``new`` in the place of ``old``, or of none; else ``False``.

        One step: of all threads and processes that put something in the place of the
        same text, one succeeds.
        """

    def delete(self, name: str) -> None:
        """There is nothing at this name any more."""


class Backend:
    """One of Beaker's, as :class:`Kept`, which is left alone for a while when down.

    Every verb raises :class:`eilogin.errors.StoreUnavailable` where it does not answer.
    """

    def __init__(
        self, kept: Kept, told: str, failures: tuple[type[Exception], ...]
    ) -> None:
        self._kept = kept
        self._breaker = Breaker(told, (StoreUnavailable, *failures))

    def get(self, name: str) -> str | None:
        """See :meth:`Kept.get`."""
        with self._breaker.call():
            return self._kept.get(name)

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """See :meth:`Kept.swap`."""
        with self._breaker.call():
            return self._kept.swap(name, old, new, until)

    def delete(self, name: str) -> None:
        """See :meth:`Kept.delete`."""
        with self._breaker.call():
            self._kept.delete(name)
