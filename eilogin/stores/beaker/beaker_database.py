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
    """See :class:`eilogin.stores.beaker.NamedTexts`; raises ``OSError`` too.

    ``url`` is SQLAlchemy's for SQLite. A call waits ``timeout`` seconds for other
    writers. A text of more than ``largest`` characters counts as absent. Each process
    has its own connections.
    """

    def __init__(self, url: str, timeout: float, largest: int) -> None:
        self._is_valid = sa.and_(
            sa.func.typeof(_data) == "text", sa.func.length(_data) <= largest
        )
        self._file = Path(sa.make_url(url).database or "")
        self._url = url
        self._timeout = timeout
        #: By process; a fork neither uses nor closes those of its parent.
        self._engines: dict[int, sa.Engine] = {}
        #: Device and inode of the file with our table.
        self._prepared: tuple[int, int] | None = None

    def get(self, name: str) -> str | None:
        """See :meth:`eilogin.stores.beaker.NamedTexts.get`."""
        is_match = sa.and_(_name == name, self._is_valid, _until > clock.now())
        with self._connected() as connection:
            text: str | None = connection.scalar(sa.select(_data).where(is_match))
            return text

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """See :meth:`eilogin.stores.beaker.NamedTexts.swap`."""
        now, values = clock.now(), {"data": new, "until": until}
        write: Any
        if old is None:
            write = insert(_TABLE).values(namespace=name, **values)
            is_absent = sa.or_(_until <= now, sa.not_(self._is_valid))
            write = write.on_conflict_do_update((_name,), set_=values, where=is_absent)
        else:
            is_match = sa.and_(_name == name, _data == old, _until > now)
            write = sa.update(_TABLE).where(is_match).values(**values)
        expired = sa.select(_name).where(_until <= now).limit(SWEEP)
        with self._connected() as connection:
            is_written: bool = connection.execute(write).rowcount == 1
            connection.execute(sa.delete(_TABLE).where(_name.in_(expired)))
            return is_written

    def delete(self, name: str) -> None:
        """See :meth:`eilogin.stores.beaker.NamedTexts.delete`."""
        with self._connected() as connection:
            connection.execute(sa.delete(_TABLE).where(_name == name))

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            identity = self._device_and_inode()
            if identity is None or identity != self._prepared:
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
            sa.event.listen(engine, "connect", _set_synchronous)
            weakref.finalize(self, _dispose, engine, pid).atexit = False
        return engine

    def _device_and_inode(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def _make(self) -> None:
        # If the file was removed or replaced, only this process still has the old one.
        self._engine().dispose()
        create_file(self._file)
        with self._engine().begin() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.execute(CreateTable(_TABLE, if_not_exists=True))
            for index in _TABLE.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
        self._prepared = self._device_and_inode()


def _dispose(engine: sa.Engine, pid: int) -> None:
    if os.getpid() == pid:
        engine.dispose()


def _set_synchronous(connection: sqlite3.Connection, _: object) -> None:
    # Writes do not wait for the disk: a power failure may undo the last ones.
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        # SQLAlchemy does not know this connection yet.
        connection.close()
        raise
