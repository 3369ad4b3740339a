"""Give disk space back that a store does not need any more.

SQLite keeps the pages of rows that were deleted, for later ones, so a file stays as
large as it ever was. A store returns them to the disk a few at a time, once a second
in which something is written (``auto_vacuum = INCREMENTAL``,
https://www.sqlite.org/pragma.html#pragma_auto_vacuum).
"""

import logging
import sqlite3
from pathlib import Path

#: Pages that stay in the file for what comes next: 4 MiB.
SPARE = 1024
#: Most pages that are returned at a time, which takes some milliseconds.
AT_ONCE = 256
#: Most octets of SQLite's log that stay on the disk after SQLite restarts it.
LONGEST_LOG = 8 * 1024 * 1024

#: Octets of a file up to which an old one is rewritten when a server starts; a longer
#: one would keep others from writing for more than a moment.
_MOST_REWRITTEN = 256 * 1024 * 1024
_INCREMENTAL = 2
#: Milliseconds to wait for others who write.
_PATIENCE = 2000

_log = logging.getLogger("eilogin.stores")


def set_up(connection: sqlite3.Connection) -> None:
    """Have a new file give back what it does not need; before anything is in it.

    A file that has tables stays as it is (see :func:`rewrite`).
    """
    if _number(connection, "page_count") == 0:
        # In a file that has pages it would be a write.
        connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    connection.execute(f"PRAGMA journal_size_limit = {LONGEST_LOG}")


def give_back(connection: sqlite3.Connection) -> None:
    """Return some pages to the disk, if many are free; inside a transaction."""
    free = _number(connection, "freelist_count")
    if free > SPARE:
        # One by one: each step of the statement returns a page, and Python 3.11 takes
        # one step of a statement that has no columns.
        for _ in range(min(AT_ONCE, free - SPARE)):
            connection.execute("PRAGMA incremental_vacuum(1)").fetchall()


def rewrite(connection: sqlite3.Connection, path: Path) -> None:
    """Rewrite the file of an earlier version, so that it can give space back.

    Outside of any transaction. A long file, or one on a disk without room for a second
    one, stays as it is: it works as before, and does not shrink.
    """
    if _number(connection, "auto_vacuum") == _INCREMENTAL:
        return
    if path.stat().st_size > _MOST_REWRITTEN:
        return
    try:
        # Nobody waits for this long: the next start tries again.
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
        connection.execute("VACUUM")
    except sqlite3.Error as error:
        _log.info("the store %s cannot shrink yet: %s", path, error)


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (found,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(found)
