"""The sticky RelayState that DigiD keeps in a browser (DigiD 1.1).

A Response to a request without RelayState contains the browser's last one, of whatever
participant. The LogoutResponse is the last to contain it. It is no secret.

Only a valid request by Redirect sets it, because its signature covers it there. By
POST, anyone who has seen a request could send any RelayState to other services.
"""

import base64
import binascii

from eilogin.errors import MalformedMessage
from eilogin.saml.bindings import LONGEST_RELAY_STATE
from eilogin.saml.printable_text import CONTROL
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.visit import Visit

_COOKIE = Cookie("eilogin-relay-state")


def cookie_headers(relay_state: str) -> list[tuple[str, str]]:
    """Return the header that stores a RelayState; empty for none."""
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


def stored(visit: Visit) -> str:
    """Return the RelayState in the unverified cookie, or ""."""
    text = _COOKIE.read(visit.cookie_header) or ""
    try:
        octets = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        relay_state = octets.decode()
    except (binascii.Error, UnicodeError):
        return ""
    is_valid = len(octets) <= LONGEST_RELAY_STATE and not CONTROL.search(relay_state)
    return relay_state if is_valid else ""


def forget() -> tuple[str, str]:
    """Return the header that deletes the RelayState."""
    return _COOKIE.expire()
