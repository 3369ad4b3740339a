"""Decide when a process may retry an entry of a queue in the store, and which one."""

from eilogin import clock
from eilogin.stores import Store

#: Most seconds between two tries.
LONGEST_WAIT = 60.0
#: Least seconds between the last try and another one.
_INSTANT = 1e-3


def next_try(started: float, last_try: float, first_wait: float) -> float:
    """Return the instant of the next try of an entry.

    The first try is ``first_wait`` seconds after ``started``. Each further wait equals
    the time since ``started``, up to :data:`LONGEST_WAIT`.
    """
    waited = max(last_try - started, first_wait)
    return last_try + min(waited, max(LONGEST_WAIT, first_wait))


def is_ahead(last_try: float) -> bool:
    """Return whether a process with a clock far ahead of ours tried an entry."""
    return last_try > clock.now() + LONGEST_WAIT


def take_up(store: Store, key: str, last_try: float) -> bool:
    """Claim the next try of an entry; True for only one of all callers."""
    now = clock.now()
    if is_ahead(last_try):
        name = f"{key}-{now // LONGEST_WAIT:.0f}"
        return store.add(name, "", now + LONGEST_WAIT, durable=False)
    return store.touch(key, now, last_try + _INSTANT)
