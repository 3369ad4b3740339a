"""The types of the options ``logo``, ``accent`` and ``footer``."""

import re
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo

from eilogin import logos
from eilogin.config import (
    lines_of,
    read_lines,
    readable_file,
    site_path,
    web_address,
)
from eilogin.federation.local.accent_colours import Accent

#: Link words whose texts eilogin has in each language.
WORDS = ("privacy", "accessibility", "contact")
#: Characters.
_LONGEST_LABEL = 60
_MOST_LINKS = 8
_A_LOGO = (
    f"an SVG or PNG image of at most {logos.MOST // 1024} KiB, without scripts and"
    " references"
)
_MAIL = re.compile(r"mailto:[\w.+-]+@[\w.-]+", re.ASCII)


def _logo(text: str, info: ValidationInfo) -> str:
    path = readable_file(text, info)
    try:
        return logos.data_uri_of_file(path)
    except ValueError as error:
        raise ValueError(f"{_A_LOGO}; {error}") from None


def _accent(value: object) -> object:
    return Accent.of(value) if isinstance(value, str) else value


def _footer(value: object) -> object:
    lines = lines_of(value)
    if not isinstance(value, str) or not isinstance(lines, tuple):
        return value
    if len(lines) > _MOST_LINKS:
        raise ValueError(f"at most {_MOST_LINKS} links, one a line")
    return read_lines(lines, _footer_link)


def _footer_link(line: str) -> tuple[str, str]:
    first, _, rest = line.partition(" ")
    address, label = (rest, first) if first in WORDS else (first, rest)
    label = " ".join(label.split())
    if not label or not label.isprintable() or len(label) > _LONGEST_LABEL:
        raise ValueError(_A_LINK)
    return label, _address(address.strip())


_A_LINK = (
    "'privacy', 'accessibility' or 'contact' and an address, or an address and the text"
    f" of the link, of at most {_LONGEST_LABEL} characters"
)
_AN_ADDRESS = "an https address, a path of this site such as '/privacy', or 'mailto:'"


def _address(text: str) -> str:
    """The address of a link; ValueError for a script or a malformed one."""
    if _MAIL.fullmatch(text):
        return text
    # web_address and site_path accept no fragment.
    page, mark, part = text.partition("#")
    if not re.fullmatch(r"[\w.~!$&'()*+,;=:@/?%-]*", part, re.ASCII):
        raise ValueError(_AN_ADDRESS)
    try:
        address = site_path(page) if page.startswith("/") else web_address(page)
    except ValueError:
        raise ValueError(_AN_ADDRESS) from None
    return f"{address}{mark}{part}"


Logo = Annotated[str, BeforeValidator(_logo)]
AccentColour = Annotated[Accent, BeforeValidator(_accent)]
FooterLinks = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_footer)]
