"""The schedule of a retry queue in the store: when to try again, and who may.

An entry of such a queue lies beside the sessions. Several processes may look at one
queue; :func:`take_up` lets one of them try an entry.
"""

from eilogin import clock
from eilogin.stores import Store

#: Most seconds between two tries.
LONGEST_WAIT = 60.0
#: Seconds after the last try from which a try counts as another one.
_INSTANT = 1e-3


def next_try(begun: float, seen: float, first: float) -> float:
    """Return the instant of the next try of an entry, last tried at ``seen``.

    The first try is ``first`` seconds after the entry was ``begun``. Then each wait is
    as long as all before it, up to :data:`LONGEST_WAIT`.
    """
    waited = max(seen - begun, first)
    return seen + min(waited, max(LONGEST_WAIT, first))


def is_ahead(seen: float) -> bool:
    """Whether a process whose clock was far ahead of ours tried an entry.

    Nothing moves that instant back.
    """
    return seen > clock.now() + LONGEST_WAIT


def take_up(store: Store, key: str, seen: float) -> bool:
    """Claim the next try of an entry; True for one of the processes that ask."""
    now = clock.now()
    if is_ahead(seen):
        name = f"{key}-{now // LONGEST_WAIT:.0f}"
        return store.add(name, "", now + LONGEST_WAIT, durable=False)
    return store.touch(key, now, seen + _INSTANT)
