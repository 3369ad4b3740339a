"""A process that races for what is in a store; test_sqlite.py starts several.

It says "ready", waits for a line, and prints what it won as JSON.
"""

import json
import sys
from pathlib import Path

from eilogin import clock
from eilogin.stores.sqlite import SQLiteStore


def race(path: str) -> dict[str, int]:
    store = SQLiteStore(Path(path))
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
