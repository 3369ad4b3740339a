"""The interface of a backend of Beaker's kinds, and its circuit breaker."""

from typing import Protocol

from eilogin.errors import StoreUnavailable
from eilogin.stores.circuit_breaker import Breaker


class NamedTexts(Protocol):
    """Texts by name, each until an instant; a value of another program is absent.

    Each kind raises its own exceptions if it does not answer.
    """

    def get(self, name: str) -> str | None:
        """Return the text, unless it has expired."""

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """Replace ``old``, or None, by ``new``; return whether ``old`` was there.

        Atomic over all threads and processes.
        """

    def delete(self, name: str) -> None:
        """Remove the text."""


class Backend:
    """A :class:`NamedTexts` of Beaker's behind a circuit breaker.

    Every verb raises :class:`eilogin.errors.StoreUnavailable` without an answer.
    """

    def __init__(
        self, texts: NamedTexts, name: str, failures: tuple[type[Exception], ...]
    ) -> None:
        self._texts = texts
        self._breaker = Breaker(name, (StoreUnavailable, *failures))

    def get(self, name: str) -> str | None:
        """See :meth:`NamedTexts.get`."""
        with self._breaker.call():
            return self._texts.get(name)

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """See :meth:`NamedTexts.swap`."""
        with self._breaker.call():
            return self._texts.swap(name, old, new, until)

    def delete(self, name: str) -> None:
        """See :meth:`NamedTexts.delete`."""
        with self._breaker.call():
            self._texts.delete(name)
