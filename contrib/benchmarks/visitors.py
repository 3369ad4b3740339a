"""Sessions of many visitors, written straight into a store.

A hundred thousand of them by logins would take minutes; so they take seconds.
"""

import random
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from sites import COOKIE, answer, environ

from eilogin import clock
from eilogin.sessions import Login, Sessions, Subject
from eilogin.sessions.login_storing import filled_in
from eilogin.stores import Store, StoredSession
from eilogin.stores.memory_store import MemoryStore
from eilogin.stores.sqlite import SQLiteStore, sqlite_rows

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: Seconds that a session of nobody lives.
_LIFE = 7200
#: Commands that Redis gets at once.
_PIPELINED = 1_000


def tokens_of(app: Any, cookies: str, count: int, idle: int = 0) -> list[str]:
    """The session cookies of so many visitors of a guarded site.

    ``cookies`` has the session of the visitor that theirs are like; ``idle`` is the
    number of further sessions, of which nobody gets the cookie.
    """
    sessions: Sessions = app.sessions
    token = cookies.partition("=")[2].partition(";")[0]
    login = sessions.find(token)
    assert login is not None
    tokens = [login.who.shard + secrets.token_urlsafe(32) for _ in range(count)]
    at_work = (_session(sessions, login, token) for token in tokens)
    data = login.to_json()
    others = (_idle(data) for _ in range(idle))
    _put(sessions.store, chain(at_work, others))
    return tokens


def with_app_cookies(app: "WSGIApplication", token: str) -> str:
    """The cookies of a visitor after a request: those of the application too.

    The browser has one more, of another application of the same host.
    """
    told: list[tuple[str, str]] = []

    def note(status: str, headers: Any, exc_info: object = None) -> Any:
        assert status == "200 OK", status
        told.extend(headers)

    session = f"{COOKIE}={token}"
    b"".join(answer(app, environ(session), note))
    set_by_app = [
        value.partition(";")[0] for name, value in told if name == "Set-Cookie"
    ]
    assert len(set_by_app) == 3, told
    pairs = [session, *set_by_app, f"_pk_id={secrets.token_hex(8)}"]
    # A browser may send them in any order.
    random.Random(token).shuffle(pairs)  # noqa: S311 - no secret
    return "; ".join(pairs)


def one_more(sessions: Sessions, login: Login) -> str:
    """The session cookie of one more visitor, who has signed in as any other."""
    who = Subject(login.who.issuer, login.who.audience, secrets.token_hex(16))
    now = clock.now()
    return sessions.create_login(replace(login, who=who, family="", key=""), issued=now)


def _session(sessions: Sessions, like: Login, token: str) -> StoredSession:
    who = Subject(like.who.issuer, like.who.audience, secrets.token_hex(16))
    login = filled_in(
        replace(like, who=who, family="", key=""), token, None, sessions.max_session
    )
    labels = (*login.labels(), login.name)
    return StoredSession(login.key, login.to_json(), login.seen, login.ends, labels)


def _idle(data: str) -> StoredSession:
    names = [secrets.token_hex(33) for _ in range(3)]
    key, *labels = [f"{name[:2]}:{name[2:]}" for name in names]
    now = clock.now()
    # Of the same shard as their session, in whatever order they come.
    labels = [f"{key[:2]}{label[2:]}" for label in labels]
    # As long as any, and another text.
    return StoredSession(key, data[:-1] + " }", now, now + _LIFE, tuple(labels))


def _put(store: Store, made: Iterable[StoredSession]) -> None:
    now = clock.now()
    if isinstance(store, SQLiteStore):
        with store._writing() as (write, _):  # noqa: SLF001 - a verb for it is not needed
            for one in made:
                sqlite_rows.insert(write, one, one.labels, now)
    elif isinstance(store, MemoryStore):
        for one in made:
            assert store.create(one, issued=now)
    else:
        _put_into_redis(store, iter(made))


def _put_into_redis(store: Any, made: Iterator[StoredSession]) -> None:
    # Not needed, and not there, where nothing of Redis is measured.
    from redis import Redis  # noqa: PLC0415

    with Redis.from_url(str(store.url)) as client:
        pipeline = client.pipeline(transaction=False)
        for number, one in enumerate(made, 1):
            text = f"{one.until!r} {one.seen!r} {one.data}"
            pipeline.set(f"{{eilogin}}:s:{one.key}", text, ex=_LIFE)
            if number % _PIPELINED == 0:
                pipeline.execute()
        pipeline.execute()
