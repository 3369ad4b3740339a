"""Detect a browser that logs in again and again.

If a session cookie does not come back, or its session is not known, each login succeeds
without a prompt, and leads to a page that requires a login. eilogin stops at the fifth
login within a minute, with a page that names the likely cause, and logs the facts.

A cookie holds time and hashed path of each login that led to a page. A visitor who
forges it only loses this page. Passive logins, and those at different pages, do not add
up.
"""

import hashlib
import re

from eilogin import clock
from eilogin.errors import LoginLoops
from eilogin.web.browser.browser_cookies import Cookie, names
from eilogin.web.visit import Visit

#: Logins to one page within :data:`PERIOD` seconds. Browsers give up after twenty
#: redirects; a login has four.
MOST = 4
PERIOD = 60.0
#: Seconds for a signed-in visitor at the login address: people follow links slowly.
QUICK_PERIOD = 10.0

_OURS = "eilogin"
_LOGINS = Cookie("eilogin-rounds")
# Eight digits of a path's hash, and a time in whole seconds.
_LOGIN = re.compile(r"([0-9a-f]{8})([0-9a-f]{8,9})")
_REMEMBERED = 10
#: Characters of a path.
_SHOWN = 80

#: Likely causes: the session cookie does not come back, has two values, or has no
#: session; or a signed-in visitor is sent to log in again.
NOT_KEPT, TWICE, UNKNOWN, ASKED_AGAIN = "not-kept", "twice", "unknown", "asked-again"

_HINTS = {
    NOT_KEPT: "the browser does not return the session cookie. Does a proxy remove "
    "Set-Cookie? Does the application set a cookie of this name? Is the browser's "
    "clock wrong",
    TWICE: "the browser sends the session cookie with two values: does the "
    "application, or a proxy, set a cookie of this name",
    UNKNOWN: "the browser sends the session cookie, but the page gets no session. Do "
    "all servers use one store? Do their clocks agree? Does the visitor's network "
    "change (bind_address)? Does the application ask for a level on an 'off' path",
    ASKED_AGAIN: "the visitor is signed in, but the application sends them to log in "
    "again. Does it ignore REMOTE_USER? Does it pass force=True at every request? "
    "Does it send them from an 'off' path to the login address",
}


def note(visit: Visit, target: str) -> tuple[str, str]:
    """The header that counts one more login that led to ``target``."""
    now = clock.now()
    latest = [(page, at) for page, at in _logins(visit) if now - at < PERIOD]
    latest = [*latest, (_page(target), now)][-_REMEMBERED:]
    text = ".".join(f"{page}{int(at):08x}" for page, at in latest)
    return _LOGINS.set(text, max_age=int(PERIOD))


def forget() -> tuple[str, str]:
    """The header that resets the count."""
    return _LOGINS.expire()


def require_end(visit: Visit, target: str, *, period: float = PERIOD) -> None:
    """Raise LoginLoops after too many logins for one page."""
    page, now = _page(target), clock.now()
    ages = [now - at for login_page, at in _logins(visit) if login_page == page]
    # A future time comes from another server's clock, or is invented.
    count = sum(abs(age) < period for age in ages)
    if count < MOST:
        return
    cause = _cause(visit)
    raise LoginLoops(
        f"{count} logins in {max(ages):.0f} s led to "
        f"{target.partition('?')[0][:_SHOWN]!a} ({cause}): {_HINTS[cause]}? Level "
        f"of the session: {_level(visit)}; cookies of eilogin in the request: "
        f"{' '.join(sorted(_names(visit)))}",
        cause,
    )


def takes_cookies(visit: Visit) -> bool:
    """Whether this request contains any cookie of eilogin."""
    return bool(_names(visit))


def _logins(visit: Visit) -> list[tuple[str, float]]:
    text = _LOGINS.read(visit.cookie_header) or ""
    matches = (_LOGIN.fullmatch(entry) for entry in text.split(".", _REMEMBERED))
    return [(match[1], float(int(match[2], 16))) for match in matches if match]


def _page(target: str) -> str:
    # An application may change the query at each redirect.
    return hashlib.sha256(target.partition("?")[0].encode()).hexdigest()[:8]


def _names(visit: Visit) -> set[str]:
    session = visit.cookie.name
    return {*names(visit.cookie_header, _OURS)[:_REMEMBERED], *_exactly(visit, session)}


def _exactly(visit: Visit, name: str) -> list[str]:
    return [
        cookie_name
        for cookie_name in names(visit.cookie_header, name)
        if cookie_name == name
    ]


def _cause(visit: Visit) -> str:
    cookie = visit.cookie
    if visit.session_or_none is not None:
        return ASKED_AGAIN
    if cookie.read(visit.cookie_header) is not None:
        return UNKNOWN
    return TWICE if _exactly(visit, cookie.name) else NOT_KEPT


def _level(visit: Visit) -> str:
    login = visit.session_or_none
    return "no" if login is None else f"at {login.level}"
