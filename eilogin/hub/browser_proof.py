"""The cookie of a browser in which a visitor has logged out, for its logout pages."""

import hmac
import secrets

from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.visit import Visit

#: Lifetime of the cookie and of a logout's pages, in seconds.
KEPT_FOR = 60 * 60.0

_OURS = Cookie("eilogin-logging-out")


def new_proof() -> str:
    """Make a value for the cookie."""
    return secrets.token_urlsafe(16)


def proof_cookie(proof: str) -> tuple[str, str]:
    """Return the header that sets the cookie."""
    return _OURS.set(proof, max_age=int(KEPT_FOR))


def proof_brought(visit: Visit) -> str:
    """Return the unverified cookie of a request, or ""."""
    return _OURS.read(visit.cookie_header) or ""


def has_logged_out(visit: Visit) -> bool:
    """Whether a visitor has logged out in this browser recently."""
    return _OURS.read(visit.cookie_header) is not None


def brings_proof(visit: Visit, proof: str) -> bool:
    """Whether a request comes from the browser with this proof."""
    cookie = _OURS.read(visit.cookie_header)
    # Bytes, because a client may send anything.
    return cookie is not None and hmac.compare_digest(cookie.encode(), proof.encode())
