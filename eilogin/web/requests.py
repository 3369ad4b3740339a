"""Facts of a request that need more than one header: client, origin, body, query.

Only a client that is no browser can forge the headers that are checked here, so the
checks protect the citizen's browser.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from eilogin.config import UNIX, WEB_HOST, IPNetwork, site_path
from eilogin.errors import (
    CrossSite,
    MalformedMessage,
    MessageTooLarge,
)
from eilogin.web.reporting import rate_limited_log
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20
_MOST_PROXIES = 10
#: REMOTE_ADDR of a peer on a Unix socket, in waitress and in others.
_BY_UNIX_SOCKET = ("localhost", "")


# --- where it came from ---------------------------------------------------------


def is_from_other_site(visit: Visit, public_url: str) -> bool:
    """Whether a page of another site made the browser send this request.

    Sec-Fetch-Site (Fetch Metadata, 2.3) decides; else Origin, which all browsers send
    with a cross-site POST (RFC 6454 7); else Referer, from old browsers. Without these,
    it comes from no page of another site.
    """
    environ = visit.environ
    fetch_site = environ.get("HTTP_SEC_FETCH_SITE")
    if fetch_site is not None:
        # "none" is a bookmark, or a typed address.
        return fetch_site not in ("same-origin", "none")
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None:
        return bool(origin.lower() != origin_of(public_url))
    referer = environ.get("HTTP_REFERER", "")
    return referer != "" and _origin_or_none(referer) != origin_of(public_url)


def is_own_navigation(visit: Visit, public_url: str) -> bool:
    """Whether a person chose this address: on this site, or by typing it.

    False for links of other sites, and for loads by the browser itself. False for old
    browsers without these headers: a page of another site can suppress them. A client
    that is no browser, such as curl, is trusted.
    """
    return (
        not is_from_other_site(visit, public_url)
        and not _is_silent_browser(visit)
        and visit.is_looked_at
        and visit.fills_window
    )


def _is_silent_browser(visit: Visit) -> bool:
    # Every browser calls itself Mozilla first (HTML standard, "client identification").
    origin_headers = ("HTTP_SEC_FETCH_SITE", "HTTP_ORIGIN", "HTTP_REFERER")
    is_browser = visit.environ.get("HTTP_USER_AGENT", "").startswith("Mozilla/")
    return is_browser and not any(map(visit.environ.get, origin_headers))


def require_own_form(visit: Visit, public_url: str) -> None:
    """Raise CrossSite unless this site's own page sent the request.

    From pages of eilogin, every browser sends at least the origin (Referrer-Policy).
    """
    if is_from_other_site(visit, public_url):
        site = visit.environ.get("HTTP_SEC_FETCH_SITE", "another origin")
        raise CrossSite(
            f"another site sent this form ({site[:20]!r}); expected a page of this site"
        )
    if _is_silent_browser(visit):
        raise CrossSite(
            "a browser sent this form without Sec-Fetch-Site, Origin and "
            "Referer, so eilogin cannot tell from which site it comes"
        )


def origin_of(url: str) -> str:
    """The origin of a URL, without default port (RFC 6454 6.2); raises ValueError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    default = {"http": 80, "https": 443}.get(parts.scheme)
    if default is None or not WEB_HOST.fullmatch(host):
        raise ValueError(f"not an http or https address: {url!r}")
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _origin_or_none(url: str) -> str | None:
    try:
        return origin_of(url)
    except ValueError:
        return None


# --- what it carries ------------------------------------------------------------


def announced_size(visit: Visit, limit: int) -> int:
    """The length of the body in bytes, or ``limit`` if it is chunked.

    Raises MessageTooLarge, or MalformedMessage if it is no number.
    """
    return limit if _ends_by_itself(visit) else _length(visit, limit)


def _length(visit: Visit, limit: int) -> int:
    length = visit.environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch(r"[0-9]{1,18}", length):
        raise MalformedMessage("the Content-Length is not a number")
    size = int(length)
    if size > limit:
        raise MessageTooLarge(f"the body has {size} bytes; expected at most {limit}")
    return size


def _ends_by_itself(visit: Visit) -> bool:
    # The server ends a chunked body.
    is_terminated = bool(visit.environ.get("wsgi.input_terminated"))
    return is_terminated and not visit.environ.get("CONTENT_LENGTH")


def body_in_pieces(visit: Visit, limit: int, size: int) -> Iterator[bytes]:
    """Yield the body in pieces of ``size`` bytes; raises as :func:`read_whole_body`."""
    if _ends_by_itself(visit):
        return _until_its_end(visit.environ["wsgi.input"], limit, size)
    return _announced(visit, _length(visit, limit), size)


def _announced(visit: Visit, length: int, size: int) -> Iterator[bytes]:
    while length > 0:
        piece = _filled(visit.environ["wsgi.input"], min(size, length))
        length -= len(piece)
        if len(piece) < size and length:
            raise MalformedMessage(f"the body ended {length} bytes too early")
        yield piece


def _until_its_end(source: "InputStream", limit: int, size: int) -> Iterator[bytes]:
    # One byte more shows that the body is too long.
    room = limit + 1
    while piece := _filled(source, min(size, room)):
        room -= len(piece)
        if not room:
            raise MessageTooLarge(f"the body has more than {limit} bytes")
        yield piece


def _filled(source: "InputStream", size: int) -> bytes:
    parts: list[bytes] = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_body(visit: Visit, limit: int) -> bytes:
    """The whole body of a request, of at most ``limit`` bytes.

    Raises MessageTooLarge, without reading further, or MalformedMessage if it is
    shorter than announced.
    """
    length = _length(visit, limit)
    return b"".join(_announced(visit, length, length))


def read_whole_body(visit: Visit, limit: int) -> bytes:
    """The body, of announced length or in chunks (wsgi.input_terminated).

    Raises the errors of :func:`read_body`, after at most one byte too many.
    """
    return b"".join(body_in_pieces(visit, limit, limit + 1))


def read_query(visit: Visit) -> dict[str, str]:
    """Return non-empty parameters; raises MalformedMessage, also for repeated ones."""
    try:
        # PEP 3333, "Unicode Issues": unencoded characters come as latin-1.
        text = visit.query_string.encode("latin-1").decode()
    except UnicodeError:
        raise MalformedMessage("the query is not UTF-8") from None
    return _fields_of(text, "query")


def read_form_body(visit: Visit, limit: int) -> bytes:
    """The body of a form with a message (application/x-www-form-urlencoded).

    Raises the errors of :func:`read_whole_body`, and MalformedMessage for another
    declared type: other readers would find other fields in it.
    """
    kind = _kind_of_body(visit)
    if kind not in ("", _FORM):
        raise MalformedMessage(f"the body is {kind[:60]!r}; expected a form ({_FORM})")
    return read_whole_body(visit, limit)


def _kind_of_body(visit: Visit) -> str:
    kind: str = visit.environ.get("CONTENT_TYPE", "")
    return kind.partition(";")[0].strip().lower()


def read_form(visit: Visit, limit: int = 10_000) -> dict[str, str]:
    """Return non-empty fields; raises MessageTooLarge, or MalformedMessage."""
    if _kind_of_body(visit) != _FORM:
        raise MalformedMessage("not a form")
    try:
        text = read_body(visit, limit).decode("ascii")
    except UnicodeError:
        raise MalformedMessage("the form is not ASCII") from None
    return _fields_of(text, "form")


def _fields_of(text: str, kind: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise MalformedMessage(
            f"the {kind} is not UTF-8, or has too many fields"
        ) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedMessage(f"a field occurs twice in the {kind}")
    return fields


# --- where to go on to ----------------------------------------------------------


def safe_next(value: str | None, default: str = "/") -> str:
    """The path of this site in ``value``; log an unsafe one, and return ``default``."""
    if not value:
        return default
    try:
        return site_path(value)
    except ValueError:
        shown = value.partition("?")[0][:80]
        rate_limited_log.warn(
            "return address ignored, not a path of this site: %a", shown
        )
        return default


# --- who sent it ----------------------------------------------------------------


def client_address(visit: Visit, trusted_proxies: Sequence[IPNetwork]) -> str:
    """The client's address: of the socket, or as trusted proxies report it.

    Each adds its peer's address at the end of X-Forwarded-For. Entries before the last
    untrusted address may be forged.
    """
    environ = visit.environ
    believed: str = environ.get("REMOTE_ADDR", "")
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
    for entry in reversed(forwarded.rsplit(",", _MOST_PROXIES)):
        if not is_among(believed, trusted_proxies):
            break
        address = _parsed(entry.strip())
        if address is None:
            break
        believed = str(address)
    return believed


def is_by_unix_socket(peer: str) -> bool:
    """Whether a peer (REMOTE_ADDR) is a process of this machine, without an address."""
    return peer in _BY_UNIX_SOCKET


def is_among(peer: str, networks: Sequence[IPNetwork]) -> bool:
    """Whether a peer is in one of these networks; False if it is no address."""
    at = UNIX.network_address if is_by_unix_socket(peer) else _parsed(peer)
    return at is not None and any(at in network for network in networks)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    # The text may be "[::1]:443" or "10.0.0.1:443".
    match = re.fullmatch(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+|(.*)", text, re.DOTALL)
    bare = (match[1] or match[2] or match[3]) if match else ""
    try:
        # The zone of a link-local address (RFC 4007 11) is free text.
        address = ipaddress.ip_address((bare or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
