"""Guards in eilogin's place before a site: written by hand, or Beaker.

There are two kinds by hand. The *bare* ones find the user by the cookie, and that is
all. The others make the same look as eilogin: they hash the cookie, read the record in
the store that way, and check the end of the session and its idle limit.
"""

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sites import COOKIE, environ, site

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_IDLE = 900.0
_LENGTH_OF_A_SESSION = 900
#: The data of a record, its last activity and its end.
_Record = tuple[str, float, float]


def _cookie(environ: "WSGIEnvironment") -> str:
    for pair in environ.get("HTTP_COOKIE", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return str(value)
    return ""


class ByDictionary:
    """The floor: who carries this cookie is in a dictionary.

    ``users`` has by cookie value the user, and until when.
    """

    def __init__(
        self, app: "WSGIApplication", users: Mapping[str, tuple[str, float]]
    ) -> None:
        self.app = app
        self.users = users

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Say who it is, and pass on."""
        user, until = self.users.get(_cookie(environ), ("", 0.0))
        if until > time.time():
            environ["REMOTE_USER"] = user
        return self.app(environ, start_response)


class BySelect:
    """The floor with a store that others share: one SELECT, and what it gives as JSON.

    ``path`` is a store of eilogin; the cookie has the number of the session in it.
    """

    def __init__(self, app: "WSGIApplication", path: Path) -> None:
        self.app = app
        self.connection = _connections(path)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Say who it is, and pass on."""
        rows = (
            self.connection()
            .execute(
                "SELECT data, until FROM sessions WHERE id = ?", (_cookie(environ),)
            )
            .fetchall()
        )
        if rows and rows[0][1] > time.time():
            environ["REMOTE_USER"] = _user_in(rows[0][0])
        return self.app(environ, start_response)

    def cookies(self) -> list[str]:
        """The cookies of everybody who is in the store."""
        rows = self.connection().execute("SELECT id FROM sessions").fetchall()
        return [f"{COOKIE}={number}" for (number,) in rows]


class ByGet:
    """The floor with a Redis that others share: one GET by redis-py and hiredis.

    ``url`` is a server; the cookie has the name of what it has.
    """

    def __init__(self, app: "WSGIApplication", url: str) -> None:
        self.app = app
        self.client = _redis(url)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Say who it is, and pass on."""
        if self.client.get(_cookie(environ)):
            environ["REMOTE_USER"] = "anna"
        return self.app(environ, start_response)

    def cookies(self, count: int = 1) -> list[str]:
        """Put values as long as a session in; the cookies with their names."""
        names = [f"q7Xw2{number}" for number in range(count)]
        for name in names:
            self.client.set(name, "x" * _LENGTH_OF_A_SESSION)
        return [f"{COOKIE}={name}" for name in names]


class ByLook:
    """The same look as eilogin's.

    ``read`` finds a record by its key, and ``user_in`` the user in its data.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        read: Callable[[str], _Record | None],
        user_in: Callable[[str], str],
    ) -> None:
        self.app = app
        self.read = read
        self.user_in = user_in

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Say who it is, and pass on."""
        token = _cookie(environ)
        if token:
            found = self.read(_key_of(token))
            if found is not None:
                data, seen, until = found
                now = time.time()
                if until > now and 0 <= now - seen <= _IDLE:
                    environ["REMOTE_USER"] = self.user_in(data)
        return self.app(environ, start_response)


def look_in_memory(tokens: Sequence[str]) -> ByLook:
    """The look into a dictionary that has records by their keys."""
    now = time.time()
    records = {_key_of(token): ("anna", now, now + 7200) for token in tokens}
    return ByLook(site, records.get, str)


def look_in_sqlite(path: Path) -> ByLook:
    """The look into a file, which must still be the same one: one stat, one SELECT."""
    connection = _connections(path)
    name, inode = os.fspath(path), path.stat().st_ino
    query = "SELECT data, seen, until FROM sessions WHERE id = ? AND key = ?"

    def read(key: str) -> _Record | None:
        assert os.stat(name).st_ino == inode  # noqa: PTH116 - quicker than Path.stat
        values = (int(key[-15:], 16), key)
        rows = connection().execute(query, values).fetchall()
        return rows[0] if rows else None

    return ByLook(site, read, _user_in)


def look_in_redis(url: str) -> ByLook:
    """The look into Redis: one GET by redis-py, of "until seen data"."""
    client = _redis(url)

    def read(key: str) -> _Record | None:
        text = client.get(f"{{eilogin}}:s:{key}")
        if text is None:
            return None
        until, seen, data = text.split(b" ", 2)
        return data.decode(), float(seen), float(until)

    return ByLook(site, read, _user_in)


def _key_of(token: str) -> str:
    return f"{token[:2]}:{hashlib.sha256(token.encode()).hexdigest()}"


def _user_in(data: str) -> str:
    # The last line of a record is the greater part of it.
    return str(json.loads(data.rpartition("\n")[2])["who"]["name_id"])


def _connections(path: Path) -> Callable[[], sqlite3.Connection]:
    """Return a function that gives each thread a connection of its own."""
    own = threading.local()

    def connection() -> sqlite3.Connection:
        try:
            return own.connection  # type: ignore[no-any-return]
        except AttributeError:
            own.connection = sqlite3.connect(path, isolation_level=None)
            return own.connection

    return connection


def _redis(url: str) -> Any:
    # Not needed, and not there, where nothing of Redis is measured.
    from redis import Redis  # noqa: PLC0415

    return Redis.from_url(url)


def by_beaker(count: int = 1) -> tuple["WSGIApplication", list[str]]:
    """The site behind Beaker's own middleware in memory, and the visitors' cookies."""
    # A site that Beaker does not guard must not wait for its import.
    from beaker.middleware import SessionMiddleware  # noqa: PLC0415
    from webob import Request  # noqa: PLC0415

    def inner(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        session = environ["beaker.session"]
        if environ["PATH_INFO"] == "/login":
            session["user"] = "q7Xw2"
            session.save()
        environ["REMOTE_USER"] = session.get("user", "")
        return site(environ, start_response)

    app = SessionMiddleware(inner, {"session.type": "memory"})
    responses = [Request(environ("", "/login")).get_response(app) for _ in range(count)]
    return app, [
        response.headers["Set-Cookie"].partition(";")[0].strip()
        for response in responses
    ]
