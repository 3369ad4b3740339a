"""Cookies for pending logins: a browser holds one for each tab.

Their names end with a handle (``random_handles``), so they sort by age.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from eilogin.web.browser.browser_cookies import Cookie, names

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: For one kind; a new one replaces the oldest.
MOST_TABS = 5
#: Removed by one response.
MOST_EXPIRED = 20


def make_room(
    environ: "WSGIEnvironment", prefix: str, room: int, *, most: int = MOST_TABS
) -> Iterator[tuple[str, str]]:
    """Headers to remove the oldest cookies whose names begin with ``prefix``.

    At most ``most`` cookies stay, the caller's new one included. Values of the others
    have at most ``room`` characters together.
    """
    newest_first = sorted(names(environ, prefix), reverse=True)
    for others, name in enumerate(newest_first[: most + MOST_EXPIRED], 1):
        room -= len(Cookie(name).read(environ) or "")
        if others >= most or room < 0:
            yield Cookie(name).expire()
