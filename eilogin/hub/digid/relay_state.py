"""The sticky RelayState that DigiD keeps in a browser (DigiD 1.1).

The RelayState of any request is sent back with each later Response in that browser
whose request had none, whatever participant sent it. The LogoutResponse contains it
too, and then it is gone. A RelayState is no secret, because it is echoed unchecked. So
the browser itself keeps it in a cookie for as long as it is open.

Only the RelayState of a valid request by Redirect counts, because the signature covers
it there. A POST does not sign it: a page of anyone who has seen a request could send
any RelayState to other services.
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
    """Return the header that stores a RelayState; no header if it is empty."""
    if not relay_state:
        return []
    text = base64.urlsafe_b64encode(relay_state.encode()).decode()
    return [_COOKIE.set(text)]


def require_short(relay_state: str) -> None:
    """Raise MalformedMessage for a RelayState longer than SAML allows."""
    if len(relay_state.encode()) > LONGEST_RELAY_STATE:
        raise MalformedMessage(
            f"the RelayState has more than {LONGEST_RELAY_STATE} bytes"
        )


def kept(environ: "WSGIEnvironment") -> str:
    """Return the RelayState in this browser's cookie, or "" if it is not valid.

    Anybody may have written the cookie, so its length is checked again.
    """
    text = _COOKIE.read(environ) or ""
    try:
        octets = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        found = octets.decode()
    except (binascii.Error, UnicodeError):
        return ""
    is_one = len(octets) <= LONGEST_RELAY_STATE and not CONTROL.search(found)
    return found if is_one else ""


def forget() -> tuple[str, str]:
    """Return the header that deletes the RelayState."""
    return _COOKIE.expire()
