"""Headers of pages: Content-Security-Policy, framing, caching and HSTS (DigiD 5.2).

``Referrer-Policy`` is ``same-origin``: with ``no-referrer``, browsers send ``Origin:
null`` with forms, which eilogin would reject.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache

from webob import Response

from eilogin.web.requests import origin_of
from eilogin.web.visit import Visit

#: A year, as DigiD 5.2 requires.
_HSTS = "max-age=31536000"
_NOBODY = "'none'"
#: For older browsers, which cannot name other sites.
FRAME_OPTIONS = {
    "": [("X-Frame-Options", "DENY")],
    "'self'": [("X-Frame-Options", "SAMEORIGIN")],
}


def allow_own_images(page: Response) -> None:
    """Let the Content-Security-Policy of a page allow images of its own site."""
    policy = page.headers["Content-Security-Policy"]
    page.headers["Content-Security-Policy"] = policy.replace(
        "img-src data:", "img-src 'self' data:"
    )


def content_security_policy(  # noqa: PLR0913 - the parts of one policy
    style_hash: str,
    form_action: Sequence[str] | None,
    script_hashes: Sequence[str] = (),
    *,
    ancestor: str = "",
    frames: Sequence[str] = (),
    fetches: bool = False,
) -> str:
    """The Content-Security-Policy of one page."""
    origins = dict.fromkeys(["'self'", *map(origin_of, form_action or ())])
    form = [] if form_action is None else [f"form-action {' '.join(origins)}"]
    script = [f"script-src {' '.join(script_hashes)}"] if script_hashes else []
    fetched = ["connect-src 'self'"] if fetches else []
    framed = dict.fromkeys(["'self'", *map(origin_of, frames)])
    frame = [f"frame-src {' '.join(framed)}"] if frames else []
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {style_hash}",
            # The page itself contains the icon for the tab.
            "img-src data:",
            *script,
            *fetched,
            *form,
            *frame,
            f"frame-ancestors {ancestor or _NOBODY}",
            "base-uri 'none'",
        ]
    )


@cache
def source_expression(text: str) -> str:
    """The source expression of eilogin's style or script in a policy."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


COMMON_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
)


def _is_https(visit: Visit) -> bool:
    trust = visit.trust_or_none
    if trust is None:
        return bool(visit.environ["wsgi.url_scheme"] == "https")
    return bool(trust.own.public_url.startswith("https:"))


def with_hsts(visit: Visit, answer: Response) -> Response:
    """Add HSTS to a response over https, also to a redirect."""
    if _is_https(visit):
        answer.headers["Strict-Transport-Security"] = _HSTS
    return answer
