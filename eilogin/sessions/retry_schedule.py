"""The schedule of a retry queue in the store: when to try again, and who may.

Several processes may read one queue; :func:`take_up` lets one try an entry.
"""

from eilogin import clock
from eilogin.stores import Store

#: Most seconds between two tries.
LONGEST_WAIT = 60.0
#: Least seconds between the last try and another one.
_INSTANT = 1e-3


def next_try(begun: float, seen: float, first: float) -> float:
    """Return the instant of the next try of an entry, last tried at ``seen``.

    The first is ``first`` seconds after ``begun``. Each wait equals all before, up to
    :data:`LONGEST_WAIT`.
    """
    waited = max(seen - begun, first)
    return seen + min(waited, max(LONGEST_WAIT, first))


def is_ahead(seen: float) -> bool:
    """Whether a process whose clock was far ahead of ours tried an entry."""
    return seen > clock.now() + LONGEST_WAIT


def take_up(store: Store, key: str, seen: float) -> bool:
    """Claim the next try of an entry; True for one of the processes that ask."""
    now = clock.now()
    if is_ahead(seen):
        name = f"{key}-{now // LONGEST_WAIT:.0f}"
        return store.add(name, "", now + LONGEST_WAIT, durable=False)
    return store.touch(key, now, seen + _INSTANT)
