"""What is drawn, and can be drawn again: all of it hangs on one seed."""

import os
from random import Random, SystemRandom

#: Of a run that has failed it is tried again by ``PROMISE_SEED=…``; but which thread
#: comes first is no matter of seeds.
SEED = os.environ.get("PROMISE_SEED") or str(SystemRandom().randrange(10**6))


def drawn_by(what: str) -> Random:
    """Draws for one of those who draw."""
    return Random(f"{SEED}:{what}")  # noqa: S311 - to be drawn again
