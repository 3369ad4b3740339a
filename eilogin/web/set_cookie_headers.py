"""Read the Set-Cookie headers of the application, as browsers do (RFC 6265 5.2)."""

from collections.abc import Mapping
from typing import NamedTuple

from eilogin.web.site_urls import whole_target
from eilogin.web.visit import Visit

BLANKS = " \t"
#: Empty values; Python writes quotes.
NOTHING = ("", '""')

_SET_COOKIE = "set-cookie"
LENGTH = len(_SET_COOKIE)


class Place(NamedTuple):
    """The place of a cookie in a browser: its Path, and its Domain or ""."""

    path: str = "/"
    domain: str = ""

    def is_sent_to(self, path: str) -> bool:
        """Whether a browser sends the cookie to a path (RFC 6265 5.1.4)."""
        own = self.path
        return path == own or path.startswith(f"{own.removesuffix('/')}/")


def is_set_cookie(name: str) -> bool:
    """Whether a header of this name sets a cookie."""
    return name.lower() == _SET_COOKIE


def pair_of(text: str) -> tuple[str, str]:
    """The name and value of a cookie or of an attribute."""
    name, _, value = text.partition("=")
    return name.strip(BLANKS), value.strip(BLANKS)


def attributes_of(text: str) -> Mapping[str, str]:
    """The attributes of a cookie; of equal names, the last one counts."""
    attributes = {}
    for part in text.split(";"):
        name, value = pair_of(part)
        attributes[name.lower()] = value
    return attributes


def path_of(visit: Visit) -> str:
    """The path of a request, as the browser has it."""
    target = whole_target(visit, visit.trust.own.public_url)
    return target.partition("?")[0]


def place_of(visit: Visit, attributes: Mapping[str, str]) -> Place:
    """Return the place of a cookie of this response (RFC 6265 5.1.4)."""
    path = attributes.get("path", "")
    if not path.startswith("/"):
        path = path_of(visit).rpartition("/")[0] or "/"
    return Place(path, attributes.get("domain", "").removeprefix("."))
