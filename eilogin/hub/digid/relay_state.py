"""The RelayState that DigiD keeps for a browser, and gives to who sends none.

DIGID.md 1.1: it is *sticky*. What came along with any request is given back with every
later answer in that browser whose request had none of its own, whoever asks, and with
the answer to a logout too; after that it is gone. What is said to be echoed unchecked
is no secret of anybody, so the browser itself keeps it, for as long as it is open.

Only of a Redirect, where who asks has signed it, and of a question that is in order. By
POST nobody signs it: a page of whoever has seen a request would give to other services
what it likes.
"""

import base64
import binascii
from typing import TYPE_CHECKING

from eilogin.errors import MalformedMessage
from eilogin.saml.bindings import LONGEST_RELAY_STATE
from eilogin.saml.printable_text import CONTROL
from eilogin.web.browser.browser_cookies import Cookie

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_COOKIE = Cookie("eilogin-relay-state")


def keep(relay_state: str) -> list[tuple[str, str]]:
    """The header that keeps one; none where there is none."""
    if not relay_state:
        return []
    text = base64.urlsafe_b64encode(relay_state.encode()).decode()
    return [_COOKIE.set(text)]


def require_short(relay_state: str) -> None:
    """Raise MalformedMessage for one that is longer than SAML allows."""
    if len(relay_state.encode()) > LONGEST_RELAY_STATE:
        raise MalformedMessage(
            f"the RelayState has more than {LONGEST_RELAY_STATE} bytes"
        )


def kept(environ: "WSGIEnvironment") -> str:
    """What this browser was told to keep, or ""; whoever wrote it, as short as ever."""
    text = _COOKIE.read(environ) or ""
    try:
        octets = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        found = octets.decode()
    except (binascii.Error, UnicodeError):
        return ""
    is_one = len(octets) <= LONGEST_RELAY_STATE and not CONTROL.search(found)
    return found if is_one else ""


def forget() -> tuple[str, str]:
    """The header after which there is none."""
    return _COOKIE.expire()
