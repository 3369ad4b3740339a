"""Cookies for pending logins, one for each tab; their names end with a handle."""

from collections.abc import Iterator

from eilogin.web.browser.browser_cookies import Cookie, names

#: Cookies of one kind; a new one replaces the oldest.
MOST_TABS = 5
#: Cookies that one response removes.
MOST_EXPIRED = 20


def make_room(
    header: str, prefix: str, room: int, *, most: int = MOST_TABS
) -> Iterator[tuple[str, str]]:
    """Headers that remove the oldest cookies whose names begin with ``prefix``.

    At most ``most`` cookies stay, the caller's new one included. Values of the others
    have at most ``room`` characters together.
    """
    newest_first = sorted(names(header, prefix), reverse=True)
    for count, name in enumerate(newest_first[: most + MOST_EXPIRED], 1):
        room -= len(Cookie(name).read(header) or "")
        if count >= most or room < 0:
            yield Cookie(name).expire()
