"""A process that races for what is in a store; tests of stores start several.

It says "ready", waits for a line, and prints what it won as JSON.
"""

import json
import sys

from eilogin import clock
from eilogin.stores import open_store


def race(place: str) -> dict[str, int]:
    # A path alone is that of a file for SQLite. Who races on a busy machine waits long.
    store = open_store(place if "://" in place else f"sqlite:///{place}", 30.0)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    until = clock.now() + 60
    won = {
        "added": sum(store.add(f"new{n}", "", until) for n in range(20)),
        "taken": sum(store.take(f"old{n}") is not None for n in range(20)),
        "ended": sum(len(store.end(keys=[f"session{n}"])) for n in range(20)),
    }
    store.close()
    return won


if __name__ == "__main__":
    print(json.dumps(race(sys.argv[1])))  # noqa: T201 - the test reads it
