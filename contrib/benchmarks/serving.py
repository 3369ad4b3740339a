"""One site behind waitress in a process of its own, for ``requests_over_http``.

``python serving.py KIND FOLDER`` serves on a free port of loopback, says in a line of
JSON which port that is and which cookies are good, and ends with its standard input.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from servers import HAS_REDIS, redis_server
from sites import (
    HUB,
    ByGet,
    BySelect,
    by_beaker,
    guarded,
    html_page,
    html_page_with_policy,
    site,
)
from waitress.server import create_server

from eilogin.federation.refresh import refresh_schedule

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: What can be served.
KINDS = (
    "unguarded",
    "memory",
    "sqlite",
    "select",
    *(("redis", "get") if HAS_REDIS else ()),
    "beaker",
)
#: Besides: pages of HTML with the warning before the end, and without it.
PAGES = {
    "page": (html_page, "2m"),
    "page-off": (html_page, "off"),
    "policy": (html_page_with_policy, "2m"),
    "policy-off": (html_page_with_policy, "off"),
}
#: And: a site with members that are read anew when they are due, from these files
#: in its folder, and kept in that folder there.
REFRESHED = "refreshed"
MEMBERS, CERTIFICATE, KNOWN = "members.xml", "members.crt", "known"


@contextmanager
def _site(kind: str, folder: Path) -> Iterator[tuple["WSGIApplication", str]]:
    if kind == "unguarded":
        yield site, ""
    elif kind == "beaker":
        yield by_beaker()
    elif kind in ("redis", "get"):
        with redis_server(folder / "redis") as url:
            site_by = guarded(folder, url) if kind == "redis" else ByGet.opened(url)
            with site_by as found:
                yield found
    elif kind in PAGES:
        app, warn = PAGES[kind]
        with guarded(folder, "memory:", app, warn=warn) as found:
            yield found
    elif kind == REFRESHED:
        # A benchmark says when it is due, as often as it likes.
        refresh_schedule.SHORTEST = 0.0
        with guarded(
            folder, f"sqlite:///{folder / 'uwv.db'}", **_refreshed(folder)
        ) as found:
            yield found
    else:
        path = folder / "uwv.db"
        store = "memory:" if kind == "memory" else f"sqlite:///{path}"
        with guarded(folder, store) as by_filters, ExitStack() as stack:
            yield (
                stack.enter_context(BySelect.opened(path))
                if kind == "select"
                else by_filters
            )


def _refreshed(folder: Path) -> dict[str, str]:
    members = f"{folder / MEMBERS} {folder / CERTIFICATE} longest=100MB"
    return {
        "federation": f"{folder / 'federation.xml'}\n{members}",
        "federation_folder": str(folder / KNOWN),
        "federation_changes": "off",
        "hub": f"https://{HUB}/metadata",
    }


def main(kind: str, folder: str) -> None:
    """Serve until nobody holds the other end of standard input."""
    with _site(kind, Path(folder)) as (app, cookies):
        listener = socket.create_server(("127.0.0.1", 0))
        server = create_server(app, sockets=[listener], threads=4)
        port = listener.getsockname()[1]
        print(json.dumps({"port": port, "cookies": cookies}))
        sys.stdout.flush()
        threading.Thread(target=server.run, daemon=True).start()
        sys.stdin.read()
    # waitress's own threads are not waited for: nothing is under way any more.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
