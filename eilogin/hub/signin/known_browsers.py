"""The cookie of a browser in which a citizen has signed in before.

The cookie has a sealed entry for each of the last few citizens, valid as long as the
password stays the same. After a sign-in with a code, the TOTP secret must stay the same
too: a person with only the password gets no attempts at codes.

The cookie signs nobody in. It separates a citizen's own attempts from an attacker's
(``signin_attempts``; OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
"""

import re
import secrets
from typing import NamedTuple

from eilogin import clock
from eilogin.hub.signin.citizen_accounts import Citizen
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.visit import Visit

_COOKIE = Cookie("eilogin-known")
#: Seconds that an entry is valid after a sign-in.
_LASTS = 180 * 24 * 60 * 60
#: Citizens of one browser: a household.
_MOST_CITIZENS = 4
_ENTRY = re.compile(r"[\w-]{60,200}={0,2}", re.ASCII).fullmatch


class KnownBrowser(NamedTuple):
    """A browser, as one citizen has used it."""

    #: "" if the citizen has not signed in there.
    number: str = ""
    #: Whether the citizen has given a code there.
    with_code: bool = False


def known_browser(visit: Visit, citizen: Citizen) -> KnownBrowser:
    """Read what this browser proves, in equal time for each result."""
    sealer, browser = _sealer(visit), KnownBrowser()
    for entry in _entries(visit):
        browser = _read(entry, citizen, sealer) or browser
    return browser


def remember(visit: Visit, citizen: Citizen, *, with_code: bool) -> tuple[str, str]:
    """Return the header that makes this browser known for a citizen.

    The first sign-in ``with_code`` gets a number unknown to users of the earlier one.
    """
    sealer = _sealer(visit)
    entries = _entries(visit)
    other_entries = [
        entry for entry in entries if _read(entry, citizen, sealer) is None
    ]
    browser = known_browser(visit, citizen)
    if with_code and not browser.with_code:
        browser = KnownBrowser(with_code=True)
    number = browser.number or secrets.token_urlsafe(16)
    # Whole seconds, so that all entries have one length.
    text = f"{int(clock.now() + _LASTS)} {number}"
    own_entry = sealer.seal(
        text.encode(), *_bound_to(citizen, with_code=browser.with_code)
    )
    value = ".".join([as_text(own_entry), *other_entries[: _MOST_CITIZENS - 1]])
    return _COOKIE.set(value, max_age=_LASTS)


def _entries(visit: Visit) -> list[str]:
    value = _COOKIE.read(visit.cookie_header) or ""
    return [entry for entry in value.split(".") if _ENTRY(entry)][:_MOST_CITIZENS]


def _read(entry: str, citizen: Citizen, sealer: Sealer) -> KnownBrowser | None:
    for with_code in (False, True):
        bound_to = _bound_to(citizen, with_code=with_code)
        try:
            text = sealer.open(from_text(entry), *bound_to).decode()
        except NotSealed:
            continue
        until, _, number = text.partition(" ")
        # The browser may keep an expired cookie.
        return KnownBrowser(number, with_code) if int(until) > clock.now() else None
    return None


def _sealer(visit: Visit) -> Sealer:
    own = visit.trust.own
    return Sealer(own.sealing_secrets, f"known browser at {own.entity_id}")


def _bound_to(citizen: Citizen, *, with_code: bool) -> tuple[str, ...]:
    texts = (citizen.id, citizen.password)
    return (*texts, citizen.totp_secret) if with_code else texts
