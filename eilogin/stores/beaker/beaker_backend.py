"""The interface of a backend of Beaker's kinds, and its circuit breaker."""

from typing import Protocol

from eilogin.errors import StoreUnavailable
from eilogin.stores.circuit_breaker import Breaker


class Kept(Protocol):
    """Texts by name, each until an instant; anything else at a name is absent.

    Each kind raises its own exceptions if it does not answer.
    """

    def get(self, name: str) -> str | None:
        """The text, unless it has expired."""

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """Replace ``old``, or None, by ``new``; return whether ``old`` was there.

        Atomic over all threads and processes.
        """

    def delete(self, name: str) -> None:
        """Remove the text."""


class Backend:
    """A :class:`Kept` of Beaker's behind a circuit breaker.

    Every verb raises :class:`eilogin.errors.StoreUnavailable` without an answer.
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
