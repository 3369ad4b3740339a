"""Types of options that are URLs, or paths of this site."""

import re
from typing import Annotated
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
)

_AN_ADDRESS = "an address such as 'https://uwv.example.nl'"


def _public_url(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        is_origin = _is_origin(parts)
    except ValueError:
        raise ValueError(_AN_ADDRESS) from None
    if not is_origin or not re.fullmatch(r"[!-~]+", text):
        raise ValueError(_AN_ADDRESS)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("an https address (http is for loopback only)")
    return text


def _is_origin(parts: SplitResult) -> bool:
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and (parts.port is None or parts.port > 0)
        and parts.username is None
        and not parts.query
        and not parts.fragment
    )


#: A host in lower case, valid in each URL and header: a name in ASCII, an IPv4 address,
#: or an IPv6 address without brackets and zone.
WEB_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


def is_loopback(host: str) -> bool:
    """Return whether a host always means this machine: ``*.localhost``, 127.*, ::1."""
    name = host.lower().rstrip(".")
    return (
        name == "localhost"
        or name.endswith(".localhost")
        or name == "::1"
        or re.fullmatch(r"127\.\d+\.\d+\.\d+", name) is not None
    )


def _path_prefix(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text == "/":
        return ""
    if not re.fullmatch(r"(/[A-Za-z0-9_.~-]+)+", text) or "/." in text:
        raise ValueError("a path such as '/eilogin'")
    return text


#: Most characters of a target.
LONGEST_TARGET = 2048


# Characters that stay in a URL (RFC 3986 2.2); "%" begins an encoded one.
_IN_ADDRESS = "%!#$&'()*+,/:;=?@[]~"


def site_path(value: str) -> str:
    """Return a path of this site, maybe with a query, in ASCII, or raise ValueError."""
    # A browser or proxy must not be able to read it as another site.
    if not _is_path_of_this_site(value):
        raise ValueError("a path of this site, such as '/mijn'")
    # A Location header cannot carry other characters than ASCII.
    return quote(value, safe=_IN_ADDRESS)


def _is_path_of_this_site(value: str) -> bool:
    # Every reading must be a path with a plain first segment.
    if len(value) > LONGEST_TARGET or not value.isprintable() or "\\" in value:
        return False
    reading = value.partition("?")[0].partition("#")[0]
    # Encoded up to three times: a value that still changes after that is a trick.
    for _ in range(3):
        if not _is_plain(reading):
            return False
        decoded = unquote(reading)
        if decoded == reading:
            return True
        reading = decoded
    return False


def _is_plain(path: str) -> bool:
    return (
        path.startswith("/")
        and path.isprintable()
        and not re.search(r"//|\\|/\.\.?(?:/|$)", path)
    )


def web_address(value: object) -> object:
    """Check a URL as :func:`_public_url` does, but keep a slash or query at its end."""
    if isinstance(value, str):
        text = value.strip()
        _public_url(text.partition("?")[0])
        if not re.fullmatch(r"[!-\"$-~]+", text):
            raise ValueError(_AN_ADDRESS)
        return text
    return value


PublicURL = Annotated[str, BeforeValidator(_public_url)]


PathPrefix = Annotated[str, BeforeValidator(_path_prefix)]


SitePath = Annotated[str, AfterValidator(site_path)]


WebAddress = Annotated[str, BeforeValidator(web_address)]
