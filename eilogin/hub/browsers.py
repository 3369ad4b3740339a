"""The browsers in which a citizen has signed in before.

Each has a cookie that tells us so: for each of the last few citizens a number, and a
tag of that number and her username, which only this hub can make. It signs nobody in.
It is what tells her own browser from that of who tries all passwords, where tries are
counted (:mod:`eilogin.hub.attempts`; OWASP, "Slow Down Online Guessing Attacks with
Device Cookies").
"""

import re
import secrets
from typing import TYPE_CHECKING

from eilogin.visit.sealing import Sealer
from eilogin.web import environ as env
from eilogin.web.cookies import Cookie

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_COOKIE = Cookie("eilogin-known")
#: For so long after she has signed in, in seconds.
_LASTS = 180 * 24 * 60 * 60
#: Citizens whom one browser knows: a household.
_MOST_CITIZENS = 4
_ENTRY = re.compile(r"[\w-]{22}:[0-9a-f]{16,100}", re.ASCII).fullmatch


def plain(username: str) -> str:
    """A username, however it was typed."""
    return username.strip().casefold()


def known_browser(environ: "WSGIEnvironment", username: str) -> str:
    """The number of a browser in which who is called so has signed in; else ""."""
    sealer, found = _sealer(environ), ""
    # All of them, whichever it is.
    for entry in _entries(environ):
        if _is_of(entry, username, sealer):
            found = entry.partition(":")[0]
    return found


def remember(environ: "WSGIEnvironment", username: str) -> tuple[str, str]:
    """The header by which this browser is one in which she has signed in."""
    sealer = _sealer(environ)
    entries = _entries(environ)
    others = [one for one in entries if not _is_of(one, username, sealer)]
    number = known_browser(environ, username) or secrets.token_urlsafe(16)
    mine = f"{number}:{sealer.tag(_text(number, username))}"
    kept = ".".join([mine, *others[: _MOST_CITIZENS - 1]])
    return _COOKIE.set(kept, max_age=_LASTS)


def _entries(environ: "WSGIEnvironment") -> list[str]:
    """What the cookie says, of which nothing is proven yet."""
    value = _COOKIE.read(environ) or ""
    return [one for one in value.split(".") if _ENTRY(one)][:_MOST_CITIZENS]


def _is_of(entry: str, username: str, sealer: Sealer) -> bool:
    number, _, tag = entry.partition(":")
    return sealer.is_tag_of(tag, _text(number, username))


def _sealer(environ: "WSGIEnvironment") -> Sealer:
    own = env.trust(environ).own
    return Sealer(own.sealing_secrets, f"known browser at {own.entity_id}")


def _text(number: str, username: str) -> str:
    return f"{number}\0{plain(username)}"
