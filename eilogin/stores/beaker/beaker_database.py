"""``ext:database``: a table of SQLAlchemy's, in SQLite, for the processes of a machine.

Not Beaker's table, which has pickles.
"""

import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.stores.sqlite.sqlite_connections import create_file
from eilogin.stores.store_interface import SWEEP

_TABLE = sa.Table(
    "eilogin_appsession",
    sa.MetaData(),
    sa.Column("namespace", sa.String(255), primary_key=True),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("until", sa.Float, nullable=False, index=True),
)
_name, _data, _until = _TABLE.c.namespace, _TABLE.c.data, _TABLE.c.until


class Database:
    """See :class:`eilogin.stores.beaker.Kept`; raises ``OSError`` too.

    ``url`` is SQLAlchemy's for SQLite. Each process has its own connections.
    """

    def __init__(self, url: str, timeout: float, largest: int) -> None:
        self._is_ours = sa.and_(
            sa.func.typeof(_data) == "text", sa.func.length(_data) <= largest
        )
        self._file = Path(sa.make_url(url).database or "")
        self._url = url
        self._timeout = timeout
        #: By process; those of another are neither used nor closed.
        self._engines: dict[int, sa.Engine] = {}
        #: Device and inode of the file with our table.
        self._known: tuple[int, int] | None = None

    def get(self, name: str) -> str | None:
        """See :meth:`eilogin.stores.beaker.Kept.get`."""
        is_it = sa.and_(_name == name, self._is_ours, _until > clock.now())
        with self._connected() as connection:
            found: str | None = connection.scalar(sa.select(_data).where(is_it))
            return found

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """See :meth:`eilogin.stores.beaker.Kept.swap`."""
        now, values = clock.now(), {"data": new, "until": until}
        put: Any
        if old is None:
            put = insert(_TABLE).values(namespace=name, **values)
            is_none = sa.or_(_until <= now, sa.not_(self._is_ours))
            put = put.on_conflict_do_update((_name,), set_=values, where=is_none)
        else:
            is_it = sa.and_(_name == name, _data == old, _until > now)
            put = sa.update(_TABLE).where(is_it).values(**values)
        over = sa.select(_name).where(_until <= now).limit(SWEEP)
        with self._connected() as connection:
            is_put: bool = connection.execute(put).rowcount == 1
            connection.execute(sa.delete(_TABLE).where(_name.in_(over)))
            return is_put

    def delete(self, name: str) -> None:
        """See :meth:`eilogin.stores.beaker.Kept.delete`."""
        with self._connected() as connection:
            connection.execute(sa.delete(_TABLE).where(_name == name))

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            seen = self._seen()
            if seen is None or seen != self._known:
                self._make()
            with self._engine().begin() as connection:
                yield connection
        except DBAPIError as error:
            # SQLAlchemy's own text has the whole statement.
            raise StoreUnavailable(f"{self._file}: {error.orig}") from error

    def _engine(self) -> sa.Engine:
        pid = os.getpid()
        engine = self._engines.get(pid)
        if engine is None:
            engine = self._engines[pid] = sa.create_engine(
                self._url,
                connect_args={"timeout": self._timeout},
                hide_parameters=True,
                max_overflow=-1,
            )
            sa.event.listen(engine, "connect", _relax)
            weakref.finalize(self, _let_go, engine, pid).atexit = False
        return engine

    def _seen(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _make(self) -> None:
        # If the file was removed or replaced, only this process still has the old one.
        self._engine().dispose()
        create_file(self._file)
        with self._engine().begin() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.execute(CreateTable(_TABLE, if_not_exists=True))
            for index in _TABLE.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
        self._known = self._seen()


def _let_go(engine: sa.Engine, pid: int) -> None:
    if os.getpid() == pid:
        engine.dispose()


def _relax(connection: sqlite3.Connection, _: object) -> None:
    # Writes do not wait for the disk: a power failure may undo the last ones.
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        # SQLAlchemy does not have it yet.
        connection.close()
        raise
