"""By what the browser is known in which a citizen has logged out.

Her session is over then, and its cookie goes. What a logout shows after that, and the
requests that its frames bring, are for that browser alone: it has a cookie for them.
"""

import hmac
import secrets
from typing import TYPE_CHECKING

from eilogin.web.browser.browser_cookies import Cookie

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How long it is known, and a citizen may look at the pages of a logout, in seconds.
KEPT_FOR = 60 * 60.0

_OURS = Cookie("eilogin-logging-out")


def new_proof() -> str:
    """What the cookie of a browser says in which she logs out."""
    return secrets.token_urlsafe(16)


def proof_cookie(proof: str) -> tuple[str, str]:
    """The header that gives the browser that cookie."""
    return _OURS.set(proof, max_age=int(KEPT_FOR))


def proof_brought(environ: "WSGIEnvironment") -> str:
    """What a request brings as that cookie, whatever it is worth; or ""."""
    return _OURS.read(environ) or ""


def has_logged_out(environ: "WSGIEnvironment") -> bool:
    """Whether somebody has logged out in this browser, not long ago."""
    return _OURS.read(environ) is not None


def brings_proof(environ: "WSGIEnvironment", proof: str) -> bool:
    """Whether a request comes from the browser that has it."""
    found = _OURS.read(environ)
    # Bytes, for whatever a client sends.
    return found is not None and hmac.compare_digest(found.encode(), proof.encode())
