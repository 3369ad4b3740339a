"""Cookies for pending logins: a browser holds one for each tab.

Their names end with a handle (``random_handles``), so they sort by age.
"""

from collections.abc import Iterator

from eilogin.web.browser.browser_cookies import Cookie, names

#: For one kind; a new one replaces the oldest.
MOST_TABS = 5
#: Removed by one response.
MOST_EXPIRED = 20


def make_room(
    header: str, prefix: str, room: int, *, most: int = MOST_TABS
) -> Iterator[tuple[str, str]]:
    """Headers that remove the oldest cookies whose names begin with ``prefix``.

    ``header`` is the Cookie header. At most ``most`` cookies stay, the caller's new one
    included. Values of the others have at most ``room`` characters together.
    """
    newest_first = sorted(names(header, prefix), reverse=True)
    for count, name in enumerate(newest_first[: most + MOST_EXPIRED], 1):
        room -= len(Cookie(name).read(header) or "")
        if count >= most or room < 0:
            yield Cookie(name).expire()
