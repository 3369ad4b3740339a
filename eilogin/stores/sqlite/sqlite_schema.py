"""The tables, their version, and the migration of older files.

House rules:

1. The file holds the version of its tables (``schema``), and the oldest version of the
   code that may use them (``oldest``). Code of version N opens a file of version M: if
   M < N, it migrates the file to N. If M > N, it uses the file if ``oldest`` <= N, and
   else rejects it.
2. Two versions work side by side during an upgrade. So each statement names its
   columns, a later column has a default, and no end has to reach a later table.
3. A step that cannot do that raises :data:`OLDEST_VERSION`, and renames the tables of
   sessions and values. A running process of the older version then signs nobody in,
   instead of missing a logout.

The rows are in the order of a number made of the key. In the order of keys (``WITHOUT
ROWID``), records lie on the path to one: among a million, nine pages instead of three.
"""

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from eilogin.errors import ConfigurationError

#: The version of the tables, and the oldest that may use them.
SCHEMA_VERSION = 2
OLDEST_VERSION = 2

#: The first version with RETURNING.
OLDEST_SQLITE = (3, 35)

_TABLES = (
    (
        # NULL for an ended session until it is swept.
        "CREATE TABLE sessions (id INTEGER PRIMARY KEY, key TEXT,"
        " seen REAL NOT NULL, until REAL NOT NULL, data TEXT NOT NULL,"
        # A JSON list of rows in "labels", to delete with the session.
        " labels TEXT NOT NULL)"
    ),
    "CREATE INDEX sessions_until ON sessions (until)",
    (
        "CREATE TABLE labels (label TEXT NOT NULL, session INTEGER NOT NULL,"
        " PRIMARY KEY (label, session)) WITHOUT ROWID"
    ),
    # An id is not reused while its session lives: the next id is above all others.
    (
        "CREATE TABLE items (id INTEGER PRIMARY KEY, session INTEGER NOT NULL,"
        " item TEXT NOT NULL)"
    ),
    "CREATE INDEX items_session ON items (session)",
    (
        "CREATE TABLE texts (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
        " until REAL NOT NULL, owner INTEGER, value TEXT NOT NULL)"
    ),
    "CREATE INDEX texts_until ON texts (until)",
    "CREATE INDEX texts_owner ON texts (owner) WHERE owner IS NOT NULL",
    (
        "CREATE TABLE marks (label TEXT PRIMARY KEY, instant REAL NOT NULL,"
        " until REAL NOT NULL) WITHOUT ROWID"
    ),
    "CREATE INDEX marks_until ON marks (until)",
)

_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"

STEPS: dict[int, Sequence[str]] = {
    1: (
        *_TABLES,
        (
            "INSERT OR IGNORE INTO sessions (id, key, seen, until, data, labels)"
            " SELECT number_of(key), key, seen, until, data, (SELECT"
            " json_group_array(label) FROM label WHERE label.session = session.key)"
            # The order in the file: otherwise each row goes to a page of its own.
            " FROM session ORDER BY number_of(key)"
        ),
        (
            "INSERT OR IGNORE INTO labels (label, session)"
            " SELECT label, number_of(session) FROM label"
        ),
        (
            "INSERT INTO items (id, session, item)"
            " SELECT id, number_of(session), item FROM item"
        ),
        (
            "INSERT INTO texts (key, until, owner, value)"
            " SELECT key, until, CASE WHEN owner IS NOT NULL THEN number_of(owner) END,"
            " value FROM value"
        ),
        (
            "INSERT INTO marks (label, instant, until)"
            " SELECT label, instant, until FROM mark"
        ),
        *(f"DROP TABLE {name}" for name in ("label", "item", "value", "mark")),
        "DROP TABLE session",
    ),
}

#: Required columns of each table; rule 2 allows others.
_COLUMNS = {
    "sessions": "id, key, seen, until, data, labels",
    "labels": "label, session",
    "items": "id, session, item",
    "texts": "id, key, until, owner, value",
    "marks": "label, instant, until",
    "meta": "name, value",
}

#: Hexadecimal digits of a key's end that fit 63 bits.
_DIGITS = 15
#: A key at least as long as this ends in a hash.
_HASHED = 32


def number_of(key: str) -> int:
    """Return the number under which a session lies in the file.

    Two keys may share a number, so callers compare the key too.
    """
    if len(key) >= _HASHED:
        try:
            return int(key[-_DIGITS:], 16)
        except ValueError:
            pass
    # A key may be any text, even invalid UTF-8.
    text = key.encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Create or migrate the tables to :data:`SCHEMA_VERSION`, in one transaction.

    One process does it; others wait. Raises :class:`eilogin.errors.ConfigurationError`
    if the file is not ours, has an unusable version, or lacks a table or column.
    """
    _check_library()
    version = _version(connection, path)
    if version < SCHEMA_VERSION:
        _step_by_step(connection, path)
    _check_columns(connection, path)


def fault_of(path: Path) -> str:
    """Return why the file at ``path`` cannot be a store, read-only; "" for no reason.

    Users of the file notice nothing. A busy file has no fault.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    # Without a log, nobody uses the file, and SQLite would make a log to read it.
    has_log = path.with_name(f"{path.name}-wal").exists()
    uri += "&readonly_shm=1" if has_log else "&immutable=1"
    try:
        _check_library()
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            if _version(connection, path) >= SCHEMA_VERSION:
                _check_columns(connection, path)
    except ConfigurationError as error:
        return str(error)
    except (sqlite3.Error, UnicodeError) as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code not in _NOT_NOW:
            return damage(path, error)
    return ""


def damage(path: Path, error: Exception) -> str:
    """Return advice for a file that SQLite cannot read."""
    return (
        f"the store {path} is damaged: {error}; expected an undamaged SQLite "
        "file: move this file away, and restore a backup ('eilogin store "
        "restore')"
    )


#: SQLite's errors while another process uses a file, or left a log to write first.
_NOT_NOW = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    # So many processes open and close the file that SQLite gives up.
    sqlite3.SQLITE_PROTOCOL,
)


def _check_library() -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigurationError(
            f"found SQLite {sqlite3.sqlite_version}; expected"
            f" {'.'.join(map(str, OLDEST_SQLITE))} or later"
        )


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file, inside a transaction."""
    for statement in (_META, *_TABLES):
        connection.execute(statement)
    _write_version(connection)


def read_meta(connection: sqlite3.Connection) -> Mapping[str, str]:
    """Return the file's own properties."""
    return dict(connection.execute("SELECT name, value FROM meta"))


def write_meta(connection: sqlite3.Connection, **properties: object) -> None:
    """Set properties of the file."""
    connection.executemany(
        "INSERT INTO meta (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [(name, str(value)) for name, value in properties.items()],
    )


def _step_by_step(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection, path)
    if version == 0:
        make_tables(connection)
    elif version < SCHEMA_VERSION:
        connection.create_function("number_of", 1, number_of, deterministic=True)
        for step in range(version, SCHEMA_VERSION):
            for statement in STEPS[step]:
                connection.execute(statement)
        _write_version(connection)
    connection.execute("COMMIT")


def _write_version(connection: sqlite3.Connection) -> None:
    write_meta(connection, schema=SCHEMA_VERSION, oldest=OLDEST_VERSION)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    names = {
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        )
    }
    if not names:
        return 0
    meta = read_meta(connection) if "meta" in names else {}
    try:
        version = int(meta["schema"])
        oldest = int(meta.get("oldest", version))
    except (KeyError, ValueError):
        raise ConfigurationError(
            f"the store {path} has the tables {', '.join(sorted(names))}, and no "
            "version that this eilogin knows; expected a store that eilogin "
            "made, or no file"
        ) from None
    if oldest > SCHEMA_VERSION:
        raise ConfigurationError(
            f"the store {path} has tables of version {version}, which need an "
            f"eilogin that knows version {oldest} or later. This one knows "
            f"version {SCHEMA_VERSION}; expected the eilogin that wrote it, or a "
            "later one"
        )
    return version


def _check_columns(connection: sqlite3.Connection, path: Path) -> None:
    for table, columns in _COLUMNS.items():
        try:
            connection.execute(f"SELECT {columns} FROM {table} LIMIT 0")  # noqa: S608 - ours
        except sqlite3.OperationalError as error:
            raise ConfigurationError(
                f"the store {path} is damaged: {error}; expected a table {table} with"
                f" {columns}"
            ) from error
