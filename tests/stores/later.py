"""A process of the next version of eilogin; test_sqlite_schema.py works beside it.

Each line that it reads is a verb and a name; it answers with a line of JSON.
"""

import json
import sys
from pathlib import Path

from eilogin import clock
from eilogin.stores import StoredSession
from eilogin.stores.sqlite import SQLiteStore, sqlite_schema

STEP = (
    "ALTER TABLE sessions ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'",
    "CREATE TABLE colours (name TEXT)",
)


def work(path: Path) -> None:
    sqlite_schema.STEPS[sqlite_schema.SCHEMA_VERSION] = STEP
    sqlite_schema.SCHEMA_VERSION += 1
    store = SQLiteStore(path)
    for line in sys.stdin:
        verb, name = line.split()
        print(json.dumps(do(store, verb, name)), flush=True)  # noqa: T201
    store.close()


def do(store: SQLiteStore, verb: str, name: str) -> object:
    now = clock.now()
    match verb:
        case "prepare":
            store.prepare()
            return sqlite_schema.SCHEMA_VERSION
        case "create":
            made = StoredSession(name, "{}", now, now + 3600, (f"label-{name}",))
            return store.create(made, issued=now)
        case "read":
            return store.read(name) is not None
        case "end":
            return [session.key for session in store.end(labels=[f"label-{name}"])]
        case _:
            return "unknown"


if __name__ == "__main__":
    work(Path(sys.argv[1]))
