"""A process that has used a store, and forks; test_redis.py starts it.

Parent and children ask at the same time, each for what is its own. It prints "right"
for each that got only that.
"""

import os
import sys

from eilogin import clock
from eilogin.stores import Store, open_store

CHILDREN = 3
TIMES = 300


def is_right(store: Store, key: str) -> bool:
    """Whether each answer is the one to this process's question."""
    until = clock.now() + 60
    added = store.add(key, key, until)
    return added and all(store.get(key) == key for _ in range(TIMES))


def main(url: str) -> None:
    store = open_store(url)
    store.prepare()
    store.get("kept")
    children = []
    for number in range(CHILDREN):
        child = os.fork()
        if not child:
            os._exit(0 if is_right(store, f"child{number}") else 1)
        children.append(child)
    outcomes = [is_right(store, "parent")]
    outcomes += [os.waitpid(child, 0)[1] == 0 for child in children]
    store.close()
    for outcome in outcomes:
        print("right" if outcome else "wrong")  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(sys.argv[1])
