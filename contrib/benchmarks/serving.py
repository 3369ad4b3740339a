"""One site behind a server, in a process of its own, for benchmarks over HTTP.

``python serving.py KIND FOLDER SERVER VISITORS`` serves on a free port of loopback. It
says in a line of JSON which port that is and which cookies are good, one for each
visitor, and ends with its standard input.
"""

import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hand_guards import (
    ByDictionary,
    ByGet,
    BySelect,
    by_beaker,
    look_in_memory,
    look_in_redis,
    look_in_sqlite,
)
from servers import redis_server
from sites import COOKIE, guarded, html_page, html_page_with_policy, site

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: Of either server.
THREADS = 4

#: Pages of HTML with the warning before the end, and without it.
PAGES = {
    "page": (html_page, "2m"),
    "page-off": (html_page, "off"),
    "policy": (html_page_with_policy, "2m"),
    "policy-off": (html_page_with_policy, "off"),
}
#: A site with members that are read anew when they are due, from these files in its
#: folder, and kept in that folder there.
REFRESHED = "refreshed"
MEMBERS, CERTIFICATE, KNOWN = "members.xml", "members.crt", "known"

#: A site, and the cookies of each of its visitors.
_Site = tuple["WSGIApplication", list[str]]


@contextmanager
def _site(kind: str, folder: Path, visitors: int) -> Iterator[_Site]:
    tokens = [f"q7Xw2{number}" for number in range(visitors)]
    cookies = [f"{COOKIE}={token}" for token in tokens]
    if kind == "bare":
        yield site, cookies
    elif kind == "dictionary":
        users = dict.fromkeys(tokens, ("anna", float("inf")))
        yield ByDictionary(site, users), cookies
    elif kind == "look-memory":
        yield look_in_memory(tokens), cookies
    elif kind == "beaker":
        yield by_beaker(visitors)
    elif kind == "get":
        with redis_server(folder / "redis") as url:
            by_get = ByGet(site, url)
            yield by_get, by_get.cookies(visitors)
    elif kind in PAGES:
        app, warn = PAGES[kind]
        with guarded(folder, "memory:", app, warn=warn) as (found, one):
            yield found, [one]
    elif kind == REFRESHED:
        with _refreshed(folder) as found:
            yield found
    else:
        with _with_store(kind, folder, visitors) as found:
            yield found


@contextmanager
def _with_store(kind: str, folder: Path, visitors: int) -> Iterator[_Site]:
    """The filters with a store; or what is beside them, with the same sessions."""
    # It imports all of eilogin, for which a site by hand must not wait.
    from visitors import tokens_of  # noqa: PLC0415

    is_by_hand, store = kind in ("select", "look-sqlite", "look-redis"), kind
    store = {"select": "sqlite"}.get(kind, kind.removeprefix("look-"))
    path = folder / "uwv.db"
    with _url(store, folder, path) as url, guarded(folder, url) as (app, one):
        cookies = [f"{COOKIE}={token}" for token in tokens_of(app, one, visitors)]
        if kind == "select":
            by_select = BySelect(site, path)
            yield by_select, by_select.cookies()
        elif is_by_hand:
            look = look_in_redis(url) if store == "redis" else look_in_sqlite(path)
            yield look, cookies
        else:
            yield app, cookies


@contextmanager
def _url(store: str, folder: Path, path: Path) -> Iterator[str]:
    if store == "redis":
        with redis_server(folder / "redis") as url:
            yield url
    else:
        yield "memory:" if store == "memory" else f"sqlite:///{path}"


@contextmanager
def _refreshed(folder: Path) -> Iterator[_Site]:
    from sites import HUB  # noqa: PLC0415

    from eilogin.federation.refresh import refresh_schedule  # noqa: PLC0415

    # A benchmark says when it is due, as often as it likes.
    refresh_schedule.SHORTEST = 0.0
    members = f"{folder / MEMBERS} {folder / CERTIFICATE} longest=100MB"
    options = {
        "federation": f"{folder / 'federation.xml'}\n{members}",
        "federation_folder": str(folder / KNOWN),
        "federation_changes": "off",
        "hub": f"https://{HUB}/metadata",
    }
    with guarded(folder, f"sqlite:///{folder / 'uwv.db'}", **options) as (app, one):
        yield app, [one]


def main(kind: str, folder: str, server: str, visitors: str) -> None:
    """Serve until nobody holds the other end of standard input."""
    # It writes a line for each request that waits for a thread.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with _site(kind, Path(folder), int(visitors)) as (app, cookies):
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def announce() -> None:
            print(json.dumps({"port": port, "cookies": cookies}), flush=True)

        _SERVERS[server](app, listener, announce)


def _serve_by_waitress(
    app: "WSGIApplication", listener: socket.socket, announce: Callable[[], None]
) -> None:
    from waitress.server import create_server  # noqa: PLC0415

    server = create_server(app, sockets=[listener], threads=THREADS)
    announce()
    threading.Thread(target=server.run, daemon=True).start()
    _wait_for_end()


def _serve_by_gunicorn(
    app: "WSGIApplication", listener: socket.socket, announce: Callable[[], None]
) -> None:
    from gunicorn.app.base import BaseApplication  # noqa: PLC0415

    def end() -> None:
        _wait_for_end()
        os.kill(os.getpid(), signal.SIGTERM)

    def ready(_: Any) -> None:
        threading.Thread(target=end, daemon=True).start()

    options = {
        # gunicorn closes it.
        "bind": f"fd://{listener.detach()}",
        "worker_class": "gthread",
        "workers": 1,
        "control_socket_disable": True,
        "threads": THREADS,
        "keepalive": 75,
        "graceful_timeout": 1,
        # Sessions in memory are made before it forks.
        "preload_app": True,
        "loglevel": "error",
        "when_ready": ready,
        "post_worker_init": lambda _: announce(),
    }

    class One(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> "WSGIApplication":
            return app

    One().run()


_SERVERS = {"waitress": _serve_by_waitress, "gunicorn": _serve_by_gunicorn}


def _wait_for_end() -> None:
    # Not sys.stdin.read(): a fork would copy its lock.
    while os.read(0, 1024):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    # waitress's own threads are not waited for: nothing is under way any more.
    os._exit(0)
