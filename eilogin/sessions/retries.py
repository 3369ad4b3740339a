"""The schedule of a retry queue in the store: when to try again, and who may.

An entry of such a queue lies beside the sessions. Several processes may look at one
queue; :func:`take_up` lets one of them try an entry.
"""

from eilogin import clock
from eilogin.stores import Store

#: At most so many seconds lie between two tries.
LONGEST_WAIT = 60.0
#: How much later than it was last taken up a try is another one, in seconds.
_INSTANT = 1e-3


def next_try(begun: float, seen: float, first: float) -> float:
    """When an entry of ``begun``, last tried at ``seen``, is to be tried again.

    ``first`` seconds after it began, and then after as long as it has taken already,
    up to :data:`LONGEST_WAIT`.
    """
    waited = max(seen - begun, first)
    return seen + min(waited, max(LONGEST_WAIT, first))


def is_ahead(seen: float) -> bool:
    """Whether an entry was tried by somebody whose clock was far ahead of ours.

    What was seen is never moved back.
    """
    return seen > clock.now() + LONGEST_WAIT


def take_up(store: Store, key: str, seen: float) -> bool:
    """Take an entry up to try it; of all processes that want to one may."""
    now = clock.now()
    if is_ahead(seen):
        name = f"{key}-{now // LONGEST_WAIT:.0f}"
        return store.add(name, "", now + LONGEST_WAIT, durable=False)
    return store.touch(key, now, seen + _INSTANT)
