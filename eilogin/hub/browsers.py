"""The browsers in which a citizen has signed in before.

Each has a cookie that tells us so: for each of the last few citizens a number, and a
tag of that number and her username, which only this hub can make. The tag also tells
whether she has ever given a one-time code there: who has her password alone can make a
browser known, and gets no codes to guess by that. It signs nobody in.
It is what tells her own browser from that of who tries all passwords, where tries are
counted (:mod:`eilogin.hub.attempts`; OWASP, "Slow Down Online Guessing Attacks with
Device Cookies").
"""

import re
import secrets
from typing import TYPE_CHECKING, NamedTuple

from eilogin.hub.citizens import plain
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


class Known(NamedTuple):
    """A browser, as one citizen has it."""

    #: The number by which it is known; "" where she has not signed in in it.
    number: str = ""
    #: Whether she has given a code there.
    with_code: bool = False


def known_browser(environ: "WSGIEnvironment", username: str) -> Known:
    """The browser of a request, as who is called so has it."""
    sealer, found = _sealer(environ), Known()
    # All of them, whichever it is.
    for entry in _entries(environ):
        found = _read(entry, username, sealer) or found
    return found


def remember(
    environ: "WSGIEnvironment", username: str, *, with_code: bool
) -> tuple[str, str]:
    """The header by which this browser is one in which she has signed in.

    ``with_code`` says that she did so with a code now; once so, it stays so. The first
    time it has a new number, which nobody has who knew the one before.
    """
    sealer = _sealer(environ)
    entries = _entries(environ)
    others = [one for one in entries if _read(one, username, sealer) is None]
    known = known_browser(environ, username)
    if with_code and not known.with_code:
        known = Known(with_code=True)
    number = known.number or secrets.token_urlsafe(16)
    text = _text(number, username, with_code=known.with_code)
    mine = f"{number}:{sealer.tag(text)}"
    kept = ".".join([mine, *others[: _MOST_CITIZENS - 1]])
    return _COOKIE.set(kept, max_age=_LASTS)


def _entries(environ: "WSGIEnvironment") -> list[str]:
    """What the cookie says, of which nothing is proven yet."""
    value = _COOKIE.read(environ) or ""
    return [one for one in value.split(".") if _ENTRY(one)][:_MOST_CITIZENS]


def _read(entry: str, username: str, sealer: Sealer) -> Known | None:
    """What an entry proves of who is called so, if anything."""
    number, _, tag = entry.partition(":")
    for with_code in (False, True):
        if sealer.is_tag_of(tag, _text(number, username, with_code=with_code)):
            return Known(number, with_code)
    return None


def _sealer(environ: "WSGIEnvironment") -> Sealer:
    own = env.trust(environ).own
    return Sealer(own.sealing_secrets, f"known browser at {own.entity_id}")


def _text(number: str, username: str, *, with_code: bool) -> str:
    # The name is last: what comes before it has no "\0".
    how = "code" if with_code else "password"
    return f"{number}\0{how}\0{plain(username)}"
