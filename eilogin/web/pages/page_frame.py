"""The header, footer and icon of each page: name, logo and links of the site."""

import base64
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from webob import Response

from eilogin.federation.local.accent_colours import Accent
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from eilogin.federation.local.local_entity import Own

#: Characters of a logo that is also the icon, and so twice in the page.
_LARGEST_ICON = 16 * 1024
_MARK = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><style>"
    "circle{{fill:none;stroke:{light};stroke-width:4}}"
    "@media(prefers-color-scheme:dark){{circle{{stroke:{dark}}}}}</style>"
    "<circle cx='12' cy='16' r='9'/><circle cx='20' cy='16' r='9'/></svg>"
)
_AN_ACCENT = re.compile(r"--accent: (#[0-9a-f]{6});")
_ICON_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
#: A telephone number, as in "14 0123 (9.00-17.00)".
_NUMBER = re.compile(r"\+?[0-9][0-9 .-]*[0-9]")
#: Opening hours behind a number, as in "0800-8051 9.00-17.00".
_HOURS = re.compile(r"\s[0-9]{1,2}[.:][0-9]{2}\s*[-\u2013]\s*[0-9]{1,2}[.:][0-9]{2}\b")
#: Digits of a telephone number (E.164), national short numbers too.
_FEWEST_DIGITS, _MOST_DIGITS = 3, 15


def frame_of(visit: Visit, language: str) -> dict[str, Any]:
    """Return the values that each template has besides its own.

    ``site_name`` is in the language of the page; "" without a site. ``site_logo`` and
    ``site_icon`` are ``data:`` URIs. ``footer_links`` are pairs of text and address;
    the template translates :data:`eilogin.federation.local.appearance.WORDS`.
    """
    trust = visit.trust_or_none
    if trust is None:
        return _of_nobody()
    own = trust.own
    return {
        "site_name": name_of(own, language),
        "site_logo": own.logo,
        "logo_needs_light": _needs_light(own.logo),
        "site_icon": icon_of(own.logo, own.accent),
        "footer_links": links_of(own),
        "telephone": own.telephone,
    }


def _of_nobody() -> dict[str, Any]:
    return {
        "site_name": "",
        "site_logo": "",
        "logo_needs_light": False,
        "site_icon": icon_of("", None),
        "footer_links": (),
        "telephone": "",
    }


def links_of(own: "Own") -> Sequence[tuple[str, str]]:
    """The links in the footer, the accessibility statement's too."""
    links = tuple(own.footer)
    if not own.accessibility_url or "accessibility" in dict(links):
        return links
    return (*links, ("accessibility", own.accessibility_url))


def name_of(own: "Own", language: str) -> str:
    """Return our name in a language, else in English, else in Dutch."""
    return name_among(own.names, language)


def name_among(names: Mapping[str, str], language: str) -> str:
    """Return the name in a language, else in English or Dutch, or ""."""
    return names.get(language) or names.get("en") or names.get("nl", "")


@cache
def icon_of(logo: str, accent: Accent | None) -> str:
    """Return the icon for the tab: a small logo, or eilogin's mark in the accent."""
    if logo and len(logo) <= _LARGEST_ICON:
        return logo
    light, dark = _accents() if accent is None else _accents_of(accent)
    mark = _MARK.format(light=light, dark=dark)
    return "data:image/svg+xml," + quote(mark, safe=" ='/:;()@")


def _accents_of(accent: Accent) -> tuple[str, str]:
    return accent.light.accent, accent.dark.accent


@cache
def _accents() -> tuple[str, str]:
    source = resources.files("eilogin.web").joinpath("templates/base.css")
    light, dark = _AN_ACCENT.findall(source.read_text("utf-8"))
    return light, dark


def is_icon_asked(visit: Visit) -> bool:
    """Whether a browser requests ``/favicon.ico``, as after metadata."""
    is_read = visit.method in ("GET", "HEAD")
    return is_read and visit.path_info == "/favicon.ico"


def icon_answer(visit: Visit) -> Response:
    """Answer with the icon of the site."""
    own = visit.trust.own
    head, _, text = icon_of(own.logo, own.accent).partition(",")
    is_encoded = head.endswith(";base64")
    return Response(
        body=base64.b64decode(text) if is_encoded else unquote_to_bytes(text),
        headerlist=[
            ("Content-Type", head.removeprefix("data:").partition(";")[0]),
            ("Cache-Control", "max-age=86400"),
            # A browser may show it as a document.
            ("Content-Security-Policy", _ICON_POLICY),
            ("X-Content-Type-Options", "nosniff"),
        ],
    )


@cache
def _needs_light(logo: str) -> bool:
    octets = base64.b64decode(logo.partition(",")[2])
    if logo.startswith("data:image/png"):
        # Colour types with an alpha channel, or a transparent colour.
        return octets[25] in (4, 6) or b"tRNS" in octets
    return bool(logo) and b"prefers-color-scheme" not in octets


def call_url(telephone: str) -> str:
    """Return the ``tel:`` URL of the number that a text begins with, or ""."""
    match = _NUMBER.match(_HOURS.split(telephone.strip())[0])
    number = re.sub(r"[ .-]", "", match[0]) if match else ""
    digits = len(number.removeprefix("+"))
    return f"tel:{number}" if _FEWEST_DIGITS <= digits <= _MOST_DIGITS else ""
