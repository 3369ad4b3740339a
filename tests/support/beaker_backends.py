# ruff: noqa: SLF001 - what lies in memory is reached from inside
"""Beaker's backends as they are from outside: what lies in them, and who spoils it.

Each is given with what ``appsession`` wants to know of it. Redis and memcached are real
servers, which all tests share; what another test has left there does not count.
"""

import json
import socket
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from beaker.container import MemoryNamespaceManager
from memcached_servers import MemcachedServer
from redis_servers import RedisServer

from eilogin.stores.beaker import beaker_memory

KINDS = ("memory", "file", "ext:database", "ext:redis", "ext:memcached")
#: Those that another process has too.
SHARED = KINDS[1:]
#: The database of the tests' Redis that is Beaker's.
REDIS_DB = 3


class Lying:
    """What lies in a backend, by the name under which it does."""

    kind: str
    #: Options that say where it is.
    where: Mapping[str, str] = MappingProxyType({})

    def __init__(self) -> None:
        self._before = self._all()

    @property
    def options(self) -> dict[str, str]:
        """Those of ``appsession``."""
        return {"type": self.kind, **self.where}

    def count(self) -> int:
        """How many lie there since the test began."""
        return self._all() - self._before

    def _all(self) -> int:
        raise NotImplementedError

    def read(self, name: str) -> bytes | None:
        """What lies at a name."""
        raise NotImplementedError

    def spoil(self, name: str, octets: bytes) -> None:
        """Put something else there, as somebody who may write to the backend."""
        raise NotImplementedError

    def text(self, name: str) -> str:
        """The text of ours that lies at a name, without what the backend adds to it."""
        found = self.read(name)
        assert found is not None
        return found.decode()

    def plant(self, name: str, text: str) -> None:
        """Put another text in its place, as one of ours would lie there."""
        self.spoil(name, text.encode())


class InMemory(Lying):
    kind = "memory"
    _kept = MemoryNamespaceManager.namespaces.dict

    def __init__(self) -> None:
        # What other tests have left would go meanwhile.
        self._kept.clear()
        beaker_memory._expiries.clear()
        super().__init__()

    def _all(self) -> int:
        return len(self._kept)

    def read(self, name: str) -> bytes | None:
        found = self._kept.get(name)
        return None if found is None else repr(found).encode()

    def text(self, name: str) -> str:
        return str(self._kept[name]["session"][0])

    def spoil(self, name: str, octets: bytes) -> None:
        until = self._kept[name]["session"][1]
        self._kept[name]["session"] = (octets.decode("latin-1"), until)


class InFiles(Lying):
    kind = "file"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where = {"data_dir": str(folder)}
        super().__init__()

    def _all(self) -> int:
        return len(list(self.folder.glob("container_file/**/*.cache")))

    def path(self, name: str) -> Path:
        beaker = self.folder / "container_file"
        return beaker / name[:1] / name[:2] / f"{name}.cache"

    def read(self, name: str) -> bytes | None:
        path = self.path(name)
        return path.read_bytes() if path.exists() else None

    def spoil(self, name: str, octets: bytes) -> None:
        self.path(name).write_bytes(octets)

    def text(self, name: str) -> str:
        return str(self._parts(name)[0])

    def plant(self, name: str, text: str) -> None:
        _, until = self._parts(name)
        self.path(name).write_text(json.dumps({"session": [text, until]}))

    def _parts(self, name: str) -> list[Any]:
        found: list[Any] = json.loads(self.path(name).read_bytes())["session"]
        return found


class InDatabase(Lying):
    kind = "ext:database"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "appsessions.db"
        self.where = {"url": f"sqlite:///{self._path}"}
        super().__init__()

    def _ask(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self._path)
        try:
            with connection:
                return connection.execute(question, values).fetchall()
        except sqlite3.OperationalError:
            # There is no table yet.
            return []
        finally:
            connection.close()

    def _all(self) -> int:
        return len(self._ask("SELECT 1 FROM eilogin_appsession"))

    def read(self, name: str) -> bytes | None:
        question = "SELECT data FROM eilogin_appsession WHERE namespace = ?"
        rows = self._ask(question, name)
        return str(rows[0][0]).encode() if rows else None

    def spoil(self, name: str, octets: bytes) -> None:
        self._put(name, octets)

    def plant(self, name: str, text: str) -> None:
        self._put(name, text)

    def _put(self, name: str, data: bytes | str) -> None:
        change = "UPDATE eilogin_appsession SET data = ? WHERE namespace = ?"
        self._ask(change, data, name)


class InRedis(Lying):
    kind = "ext:redis"

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self.where = {"url": server.url(REDIS_DB)}
        super().__init__()

    def _ask(self, *command: Any) -> Any:
        return self._server.ask(*command, db=REDIS_DB)

    def _all(self) -> int:
        return int(self._ask("DBSIZE"))

    def read(self, name: str) -> bytes | None:
        found: bytes | None = self._ask("GET", f"beaker_cache:{name}:session")
        return found

    def spoil(self, name: str, octets: bytes) -> None:
        self._ask("SET", f"beaker_cache:{name}:session", octets)


class InMemcached(Lying):
    kind = "ext:memcached"

    def __init__(self, server: MemcachedServer) -> None:
        self._server = server
        self.where = {"url": server.url}
        super().__init__()

    def _all(self) -> int:
        lines = self._server.ask(b"stats").splitlines()
        told = dict(line.split()[1:] for line in lines if line.startswith(b"STAT"))
        return int(told[b"curr_items"])

    def read(self, name: str) -> bytes | None:
        answer = self._server.ask(f"get {name}_session".encode())
        return None if answer == b"END\r\n" else answer.split(b"\r\n", 1)[1]

    def spoil(self, name: str, octets: bytes, flags: int = 0) -> None:
        head = f"set {name}_session {flags} 0 {len(octets)}".encode()
        assert self._server.ask(head, octets) == b"STORED\r\n"

    def text(self, name: str) -> str:
        return super().text(name).partition("\r\n")[0]


def lying(
    kind: str,
    folder: Path,
    redis: Callable[[], RedisServer],
    memcached: Callable[[], MemcachedServer],
) -> Lying:
    """The backend of a kind; servers are started where they are asked for."""
    match kind:
        case "memory":
            return InMemory()
        case "file":
            return InFiles(folder)
        case "ext:database":
            return InDatabase(folder)
        case "ext:redis":
            return InRedis(redis())
        case _:
            return InMemcached(memcached())


def silent_server() -> socket.socket:
    """A server that takes connections and never answers; the caller closes it."""
    return socket.create_server(("127.0.0.1", 0))
