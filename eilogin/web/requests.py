"""Facts of a request: client address, origin, form, query and method.

eilogin reads all of them from environ, and a client that is no browser can forge all of
them. A browser does not forge the headers that are checked here, and these checks
protect the citizen's browser.
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
    MethodNotAllowed,
)
from eilogin.web.reporting import rate_limited_log

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, WSGIEnvironment

_FORM = "application/x-www-form-urlencoded"
#: More fields than any form of ours has.
_MOST_FIELDS = 20
#: More proxies than any real site has.
_MOST_PROXIES = 10
#: The values of REMOTE_ADDR for a peer on a Unix socket: of waitress, and of others
#: such as gunicorn.
_BY_UNIX_SOCKET = ("localhost", "")


# --- where it came from ---------------------------------------------------------


def is_from_other_site(environ: "WSGIEnvironment", public_url: str) -> bool:
    """Whether a page of another site made the browser send this request.

    ``public_url`` is the address of this site; only its origin counts. Without
    Sec-Fetch-Site (Fetch Metadata, 2.3), the Origin decides (RFC 6454 7), which all
    browsers send with a cross-site POST. Without both, the Referer decides (RFC 9110
    10.1.3), which old browsers send with links. A request without all three comes from
    no page of another site.
    """
    fetch_site = environ.get("HTTP_SEC_FETCH_SITE")
    if fetch_site is not None:
        # "none" is a bookmark, or a typed address.
        return fetch_site not in ("same-origin", "none")
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None:
        return bool(origin.lower() != origin_of(public_url))
    referer = environ.get("HTTP_REFERER", "")
    return referer != "" and _origin_or_none(referer) != origin_of(public_url)


def is_own_navigation(environ: "WSGIEnvironment", public_url: str) -> bool:
    """Whether a person chose this address: on this site, or by typing it.

    False for links of other sites, and for anything that a browser loads by itself: an
    image, a frame, a prefetched page (:func:`is_looked_at`; Fetch Metadata, 2.1). False
    too for an old browser that sends none of these headers, because a page of another
    site can suppress them. A client that is no browser, such as curl, does what its own
    user wants, so it is trusted.
    """
    return (
        not is_from_other_site(environ, public_url)
        and not _is_silent_browser(environ)
        and is_looked_at(environ)
        and fills_window(environ)
    )


def _is_silent_browser(environ: "WSGIEnvironment") -> bool:
    """Whether a browser sends nothing about the page that led here.

    Every browser calls itself Mozilla first (HTML standard, "client identification").
    """
    tells = ("HTTP_SEC_FETCH_SITE", "HTTP_ORIGIN", "HTTP_REFERER")
    is_browser = environ.get("HTTP_USER_AGENT", "").startswith("Mozilla/")
    return is_browser and not any(map(environ.get, tells))


def require_own_form(environ: "WSGIEnvironment", public_url: str) -> None:
    """Raise :class:`eilogin.errors.CrossSite` unless this site's own page sent it.

    For a page of eilogin, every browser sends at least the origin (Referrer-Policy).
    """
    if is_from_other_site(environ, public_url):
        site = environ.get("HTTP_SEC_FETCH_SITE", "another origin")
        raise CrossSite(
            f"another site sent this form ({site[:20]!r}); expected a page of this site"
        )
    if _is_silent_browser(environ):
        raise CrossSite(
            "a browser sent this form without Sec-Fetch-Site, Origin and "
            "Referer, so eilogin cannot tell from which site it comes"
        )


def origin_of(url: str) -> str:
    """The origin of an http or https URL: lower case, no default port (RFC 6454 6.2).

    Raises ValueError if the URL has none.
    """
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


# --- what it can be answered with -----------------------------------------------


_FOR_PAGES = ("GET", "HEAD", "POST")
#: Values of Sec-Fetch-Dest for a page inside another one (Fetch Metadata, 2.1).
_FRAMES = ("iframe", "frame", "embed", "object")


def is_navigation(environ: "WSGIEnvironment") -> bool:
    """Whether the browser shows the response as a page; otherwise a script reads it.

    All current browsers send Sec-Fetch-Mode (Fetch Metadata, 2.2). Without it, a client
    that accepts HTML gets a page, and so does one that accepts anything, such as curl
    (RFC 9110 12.5.1). Links and forms use no other methods than these (HTML standard,
    "form submission attributes"). Other methods come from a script, or from the
    browser's preflight for one (Fetch standard, "CORS-preflight fetch").
    """
    method = environ.get("REQUEST_METHOD", "GET")
    if "HTTP_X_REQUESTED_WITH" in environ or method not in _FOR_PAGES:
        return False
    mode = environ.get("HTTP_SEC_FETCH_MODE")
    if mode is not None:
        return bool(mode == "navigate")
    accepted = environ.get("HTTP_ACCEPT", "").lower()
    return not accepted or "text/html" in accepted or "*/*" in accepted


def is_looked_at(environ: "WSGIEnvironment") -> bool:
    """Whether this is a navigation, and a person sees the response now.

    False for a prefetch, which the browser shows later or never (Sec-Purpose: Fetch
    standard; Purpose in older browsers). False too if a page of another site shows the
    response in a frame.
    """
    # Each page calls this function, so it calls as little as possible.
    if "HTTP_SEC_PURPOSE" in environ or "HTTP_PURPOSE" in environ:
        return False
    if (
        environ.get("HTTP_SEC_FETCH_SITE") == "cross-site"
        and environ.get("HTTP_SEC_FETCH_DEST") in _FRAMES
    ):
        return False
    return is_navigation(environ)


def fills_window(environ: "WSGIEnvironment") -> bool:
    """Whether the response fills a window or a tab, and not a frame in a page.

    A page of another site, such as the hub's, may refuse to be framed, and does not get
    its cookies there (Fetch Metadata, 2.1). Without that header the answer is True.
    """
    return bool(environ.get("HTTP_SEC_FETCH_DEST", "document") == "document")


def is_in_advance(environ: "WSGIEnvironment") -> bool:
    """Whether the browser prefetches a page that it may show later, or never."""
    return "HTTP_SEC_PURPOSE" in environ or "HTTP_PURPOSE" in environ


def is_in_frame(environ: "WSGIEnvironment") -> bool:
    """Whether a person sees this response in a frame, in a page of this site."""
    return is_looked_at(environ) and not fills_window(environ)


def wants_page(environ: "WSGIEnvironment") -> bool:
    """Whether the visitor can be redirected to another site and back here."""
    return (
        environ["REQUEST_METHOD"] in ("GET", "HEAD")
        and is_looked_at(environ)
        and fills_window(environ)
    )


def allow_only(environ: "WSGIEnvironment", *methods: str) -> None:
    """Raise :class:`eilogin.errors.MethodNotAllowed` for any other HTTP method.

    ``GET`` does not include ``HEAD``: name both to allow both.
    """
    method = environ["REQUEST_METHOD"]
    if method not in methods:
        taken = ", ".join(methods)
        raise MethodNotAllowed(f"found {method[:20]!r}; expected {taken}", methods)


# --- what it carries ------------------------------------------------------------


def announced_size(environ: "WSGIEnvironment", limit: int) -> int:
    """The largest possible size of the body: its length, or ``limit`` if chunked.

    Raises :class:`eilogin.errors.MessageTooLarge` if it is longer than ``limit``, or
    :class:`eilogin.errors.MalformedMessage` if its length is not a number.
    """
    return limit if _ends_by_itself(environ) else _length(environ, limit)


def _length(environ: "WSGIEnvironment", limit: int) -> int:
    """The Content-Length, or 0 without one; raises as :func:`announced_size`."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch(r"[0-9]{1,18}", length):
        raise MalformedMessage("the Content-Length is not a number")
    size = int(length)
    if size > limit:
        raise MessageTooLarge(f"the body has {size} bytes; expected at most {limit}")
    return size


def _ends_by_itself(environ: "WSGIEnvironment") -> bool:
    """Whether the body is chunked, and the server ends it (wsgi.input_terminated)."""
    is_terminated = bool(environ.get("wsgi.input_terminated"))
    return is_terminated and not environ.get("CONTENT_LENGTH")


def body_in_pieces(
    environ: "WSGIEnvironment", limit: int, size: int
) -> Iterator[bytes]:
    """The body in pieces of ``size`` bytes, the last maybe shorter; one at a time.

    Only one piece is in memory. Raises the errors of :func:`read_whole_body`, while the
    pieces are read.
    """
    if _ends_by_itself(environ):
        return _until_its_end(environ["wsgi.input"], limit, size)
    return _announced(environ, _length(environ, limit), size)


def _announced(environ: "WSGIEnvironment", length: int, size: int) -> Iterator[bytes]:
    while length > 0:
        piece = _filled(environ["wsgi.input"], min(size, length))
        length -= len(piece)
        if len(piece) < size and length:
            raise MalformedMessage(f"the body ended {length} bytes too early")
        yield piece


def _until_its_end(source: "InputStream", limit: int, size: int) -> Iterator[bytes]:
    # One byte more than the limit shows that the body is too long.
    room = limit + 1
    while piece := _filled(source, min(size, room)):
        room -= len(piece)
        if not room:
            raise MessageTooLarge(f"the body has more than {limit} bytes")
        yield piece


def _filled(source: "InputStream", size: int) -> bytes:
    """The next ``size`` bytes, or fewer at the end."""
    parts: list[bytes] = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_body(environ: "WSGIEnvironment", limit: int) -> bytes:
    """The whole body of a request, of at most ``limit`` bytes.

    Raises :class:`eilogin.errors.MessageTooLarge`, without reading beyond the limit, or
    :class:`eilogin.errors.MalformedMessage` if it is shorter than announced.
    """
    length = _length(environ, limit)
    return b"".join(_announced(environ, length, length))


def read_whole_body(environ: "WSGIEnvironment", limit: int) -> bytes:
    """The body, of announced length or in chunks (wsgi.input_terminated).

    Raises the errors of :func:`read_body`. It reads at most one byte more than
    ``limit``, and nothing if the announced length is too large.
    """
    return b"".join(body_in_pieces(environ, limit, limit + 1))


def read_query(environ: "WSGIEnvironment") -> dict[str, str]:
    """The parameters of a query of eilogin, without empty ones.

    Raises :class:`eilogin.errors.MalformedMessage`, also if one occurs twice. For SAML
    messages, ``saml.bindings`` has rules of its own.
    """
    try:
        # PEP 3333, "Unicode Issues": characters that are not encoded come as latin-1.
        text = environ.get("QUERY_STRING", "").encode("latin-1").decode()
    except UnicodeError:
        raise MalformedMessage("the query is not UTF-8") from None
    return _fields_of(text, "query")


def read_form_body(environ: "WSGIEnvironment", limit: int) -> bytes:
    """The body of a form that carries a message (application/x-www-form-urlencoded).

    Raises the errors of :func:`read_whole_body`, and MalformedMessage for a body of
    another declared type, without reading it: another reader would find other fields in
    it. The charset does not count, because the form is ASCII.
    """
    kind = _kind_of_body(environ)
    if kind not in ("", _FORM):
        raise MalformedMessage(f"the body is {kind[:60]!r}; expected a form ({_FORM})")
    return read_whole_body(environ, limit)


def _kind_of_body(environ: "WSGIEnvironment") -> str:
    """The media type of the body in lower case; "" without a Content-Type."""
    kind: str = environ.get("CONTENT_TYPE", "")
    return kind.partition(";")[0].strip().lower()


def read_form(environ: "WSGIEnvironment", limit: int = 10_000) -> dict[str, str]:
    """The fields of a form of eilogin, without empty ones.

    Raises :class:`eilogin.errors.MessageTooLarge`, or
    :class:`eilogin.errors.MalformedMessage`, also if a field occurs twice. For SAML
    messages, ``saml.bindings`` has rules of its own.
    """
    if _kind_of_body(environ) != _FORM:
        raise MalformedMessage("not a form")
    try:
        text = read_body(environ, limit).decode("ascii")
    except UnicodeError:
        raise MalformedMessage("the form is not ASCII") from None
    return _fields_of(text, "form")


def _fields_of(text: str, kind: str) -> dict[str, str]:
    """The fields of a form or query, each at most once, without empty ones."""
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
    """The path of this site at which to continue, or ``default``.

    ``value`` comes from ``next`` or from a response, decoded once. If a browser or
    proxy could read it as another site, eilogin ignores and logs it.
    """
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


def client_address(
    environ: "WSGIEnvironment", trusted_proxies: Sequence[IPNetwork]
) -> str:
    """The address of the client: of the socket, or as the trusted proxies report it.

    Each trusted proxy, from the nearest to the farthest, adds the address of its own
    peer at the end of X-Forwarded-For. Entries before the first address that is not
    trusted may be forged, and do not count.
    """
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
    """Whether a peer (REMOTE_ADDR) has no address: it is a process of this machine."""
    return peer in _BY_UNIX_SOCKET


def is_among(peer: str, networks: Sequence[IPNetwork]) -> bool:
    """Whether a peer is in one of these networks; False for a text that is no address.

    A peer on a Unix socket is in :data:`eilogin.config.UNIX`.
    """
    at = UNIX.network_address if is_by_unix_socket(peer) else _parsed(peer)
    return at is not None and any(at in network for network in networks)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, also as ``[::1]:443`` or ``10.0.0.1:443``; None for another text."""
    match = re.fullmatch(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+|(.*)", text, re.DOTALL)
    bare = (match[1] or match[2] or match[3]) if match else ""
    try:
        # Without the zone of a link-local address (RFC 4007 11), which is free text.
        address = ipaddress.ip_address((bare or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
