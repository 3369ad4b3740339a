"""``memory``: Beaker's dictionaries, for the threads of one process."""

import heapq
import threading

from beaker.container import MemoryNamespaceManager

from eilogin import clock
from eilogin.stores.store_interface import SWEEP

_KEY = "session"

# For Beaker's dictionaries, which the whole process shares, and these.
_lock = threading.Lock()
#: Expiries, the earliest first; at least one for each name.
_ends: list[tuple[float, str]] = []


class Memory:
    """See :class:`eilogin.stores.beaker.Kept`; nothing outlives the process.

    Unlike Beaker, keeps no empty dictionary for each requested name.
    """

    def get(self, name: str) -> str | None:
        """See :meth:`eilogin.stores.beaker.Kept.get`."""
        text, until = _found(name)
        return text if until > clock.now() else None

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """See :meth:`eilogin.stores.beaker.Kept.swap`."""
        with _lock:
            _sweep()
            text, known_until = _found(name)
            if old != (text if known_until > clock.now() else None):
                return False
            MemoryNamespaceManager(name)[_KEY] = (new, until)
            if text is None:
                heapq.heappush(_ends, (until, name))
            return True

    def delete(self, name: str) -> None:
        """See :meth:`eilogin.stores.beaker.Kept.delete`."""
        with _lock:
            _remove(name)


def _found(name: str) -> tuple[str | None, float]:
    kept = MemoryNamespaceManager.namespaces.dict.get(name, {})
    found: tuple[str | None, float] = kept.get(_KEY, (None, 0.0))
    return found


def _remove(name: str) -> None:
    MemoryNamespaceManager.namespaces.dict.pop(name, None)


def _sweep() -> None:
    now = clock.now()
    for _ in range(SWEEP):
        if not _ends or _ends[0][0] > now:
            break
        name = heapq.heappop(_ends)[1]
        until = _found(name)[1]
        if until <= now:
            _remove(name)
        else:
            # It was written again meanwhile.
            heapq.heappush(_ends, (until, name))
