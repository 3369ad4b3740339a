"""Return disk space that a store does not need any more.

SQLite keeps the pages of deleted rows. Each second with a write returns a few to the
disk (``auto_vacuum = INCREMENTAL``,
https://www.sqlite.org/pragma.html#pragma_auto_vacuum).
"""

import logging
import sqlite3
from pathlib import Path

#: Free pages that stay: 4 MiB.
SPARE = 1024
#: Most pages at a time, for some milliseconds.
AT_ONCE = 256
#: Most octets that SQLite's log keeps.
LONGEST_LOG = 8 * 1024 * 1024

#: Most octets of a file that a start rewrites without blocking writers for long.
_MOST_REWRITTEN = 256 * 1024 * 1024
_INCREMENTAL = 2
#: Milliseconds.
_PATIENCE = 2000

_log = logging.getLogger("eilogin.stores")


def set_up(connection: sqlite3.Connection) -> None:
    """Enable the return of pages in an empty file; in others, :func:`rewrite` does."""
    if _number(connection, "page_count") == 0:
        # In a file with pages, this would be a write.
        connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    connection.execute(f"PRAGMA journal_size_limit = {LONGEST_LOG}")


def give_back(connection: sqlite3.Connection) -> None:
    """Return some pages to the disk, if many are free; inside a transaction."""
    free = _number(connection, "freelist_count")
    if free > SPARE:
        # Each step returns a page, and Python 3.11 takes one step of a statement
        # without columns.
        for _ in range(min(AT_ONCE, free - SPARE)):
            connection.execute("PRAGMA incremental_vacuum(1)").fetchall()


def rewrite(connection: sqlite3.Connection, path: Path) -> None:
    """Rewrite the file of an earlier version, so that it can return disk space.

    Must be called outside of transactions. A long file, or one on a full disk, stays as
    it is, and works.
    """
    if _number(connection, "auto_vacuum") == _INCREMENTAL:
        return
    if path.stat().st_size > _MOST_REWRITTEN:
        return
    try:
        # Nobody waits for this: the next start tries again.
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
        connection.execute("VACUUM")
    except sqlite3.Error as error:
        _log.info("the store %s cannot shrink yet: %s", path, error)


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)
