"""``memory``: Beaker's dictionaries, for the threads of one process."""

import heapq
import threading

from beaker.container import MemoryNamespaceManager

from eilogin import clock
from eilogin.stores.store_interface import SWEEP

_KEY = "session"

# For Beaker's dictionaries, which the whole process shares, and the expiries.
_lock = threading.Lock()
#: Expiries, the earliest first; at least one for each name.
_expiries: list[tuple[float, str]] = []


class Memory:
    """See :class:`eilogin.stores.beaker.NamedTexts`; nothing outlives the process.

    Unlike Beaker, keeps no empty dictionary for each requested name.
    """

    def get(self, name: str) -> str | None:
        """See :meth:`eilogin.stores.beaker.NamedTexts.get`."""
        text, until = _entry_of(name)
        return text if until > clock.now() else None

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """See :meth:`eilogin.stores.beaker.NamedTexts.swap`."""
        with _lock:
            _sweep()
            text, text_until = _entry_of(name)
            if old != (text if text_until > clock.now() else None):
                return False
            MemoryNamespaceManager(name)[_KEY] = (new, until)
            if text is None:
                heapq.heappush(_expiries, (until, name))
            return True

    def delete(self, name: str) -> None:
        """See :meth:`eilogin.stores.beaker.NamedTexts.delete`."""
        with _lock:
            _remove(name)


def _entry_of(name: str) -> tuple[str | None, float]:
    namespace = MemoryNamespaceManager.namespaces.dict.get(name, {})
    entry: tuple[str | None, float] = namespace.get(_KEY, (None, 0.0))
    return entry


def _remove(name: str) -> None:
    MemoryNamespaceManager.namespaces.dict.pop(name, None)


def _sweep() -> None:
    now = clock.now()
    for _ in range(SWEEP):
        if not _expiries or _expiries[0][0] > now:
            break
        name = heapq.heappop(_expiries)[1]
        until = _entry_of(name)[1]
        if until <= now:
            _remove(name)
        else:
            # Its text was written again meanwhile.
            heapq.heappush(_expiries, (until, name))
