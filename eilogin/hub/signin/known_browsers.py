"""The browsers in which a citizen has signed in before.

Each has a cookie that tells us so: for each of the last few citizens a number, sealed
so that only this hub can make or read it. It opens for as long as the password by which
she signed in there is hers, and 180 days at most: who once knew another one of hers has
no known browser by that. Where she has given a one-time code it opens while her codes
are the same too; who has her password alone can make a browser known, and gets no codes
to guess by that. It signs nobody in.
It is what tells her own browser from that of who tries all passwords, where tries are
counted (``signin_attempts``; OWASP, "Slow Down Online Guessing Attacks with
Device Cookies").
"""

import re
import secrets
from typing import TYPE_CHECKING, NamedTuple

from eilogin import clock
from eilogin.hub.signin.citizens import Citizen
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_COOKIE = Cookie("eilogin-known")
#: For so long after she has signed in, in seconds.
_LASTS = 180 * 24 * 60 * 60
#: Citizens whom one browser knows: a household.
_MOST_CITIZENS = 4
_ENTRY = re.compile(r"[\w-]{60,200}={0,2}", re.ASCII).fullmatch


class Known(NamedTuple):
    """A browser, as one citizen has it."""

    #: The number by which it is known; "" where she has not signed in in it.
    number: str = ""
    #: Whether she has given a code there.
    with_code: bool = False


def known_browser(environ: "WSGIEnvironment", citizen: Citizen) -> Known:
    """The browser of a request, as she has it; nobody has one, after as much work."""
    sealer, found = _sealer(environ), Known()
    # All of them, whichever it is.
    for entry in _entries(environ):
        found = _read(entry, citizen, sealer) or found
    return found


def remember(
    environ: "WSGIEnvironment", citizen: Citizen, *, with_code: bool
) -> tuple[str, str]:
    """The header by which this browser is one in which she has signed in.

    ``with_code`` says that she did so with a code now; once so, it stays so. The first
    time it has a new number, which nobody has who knew the one before.
    """
    sealer = _sealer(environ)
    entries = _entries(environ)
    others = [one for one in entries if _read(one, citizen, sealer) is None]
    known = known_browser(environ, citizen)
    if with_code and not known.with_code:
        known = Known(with_code=True)
    number = known.number or secrets.token_urlsafe(16)
    # Whole seconds: all entries are of one length.
    text = f"{int(clock.now() + _LASTS)} {number}"
    hers = sealer.seal(text.encode(), *_bound_to(citizen, with_code=known.with_code))
    kept = ".".join([as_text(hers), *others[: _MOST_CITIZENS - 1]])
    return _COOKIE.set(kept, max_age=_LASTS)


def _entries(environ: "WSGIEnvironment") -> list[str]:
    """What the cookie says, of which nothing is proven yet."""
    value = _COOKIE.read(environ) or ""
    return [one for one in value.split(".") if _ENTRY(one)][:_MOST_CITIZENS]


def _read(entry: str, citizen: Citizen, sealer: Sealer) -> Known | None:
    """What an entry proves of her, if anything."""
    for with_code in (False, True):
        bound_to = _bound_to(citizen, with_code=with_code)
        try:
            text = sealer.open(from_text(entry), *bound_to).decode()
        except NotSealed:
            continue
        until, _, number = text.partition(" ")
        # The browser's own date is no more than its word.
        return Known(number, with_code) if int(until) > clock.now() else None
    return None


def _sealer(environ: "WSGIEnvironment") -> Sealer:
    own = env.trust(environ).own
    return Sealer(own.sealing_secrets, f"known browser at {own.entity_id}")


def _bound_to(citizen: Citizen, *, with_code: bool) -> tuple[str, ...]:
    """What has to be the same as when she signed in."""
    words = (citizen.id, citizen.password)
    return (*words, citizen.totp_secret) if with_code else words
