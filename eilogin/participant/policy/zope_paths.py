"""Paths and forms of an application in Zope (``path_style = zope``).

A proxy before Zope writes host and folder of the site into the path (Zope,
Products.SiteAccess.VirtualHostMonster)::

    /VirtualHostBase/https/example.nl:443/site/VirtualHostRoot/_vh_gemeente/mijn/zaken

Rules hold for the path that the visitor sees, ``/gemeente/mijn/zaken``. A client could
write such a path too, so eilogin accepts only a complete one, from a trusted proxy or
this machine.

A form field ``NAME:method`` or ``:action`` (also after ``default_``) calls NAME below
the path. eilogin rejects it in a query, and in a form with files. In an urlencoded
form, the rule of ``/path/NAME`` holds too. For XML-RPC, the strictest of all holds.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote_plus

from eilogin.config import IPNetwork
from eilogin.errors import FormRefused, PathRefused
from eilogin.participant.policy import multipart_heads
from eilogin.participant.policy.path_variants import fault_in
from eilogin.web import environ as env
from eilogin.web.requests import is_among, is_by_unix_socket, read_whole_body
from eilogin.web.visit import Visit

_BASE = "/VirtualHostBase/"
_ROOT = "VirtualHostRoot"
#: Before each name of the site's path.
_BELOW = "_vh_"
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?")
#: Number of names for scheme and host.
_HEAD = 2

#: Most bytes of a form: Zope's FORM_MEMORY_LIMIT.
_LARGEST_FORM = 2**20
#: Most fields of a form; more than any page has.
_MOST_FIELDS = 10_000
#: Most fields with a type, such as ``NAME:int``.
_MOST_TYPED = 2000
#: Most characters of the name of such a field, encoded.
_LONGEST_NAME = 2000
#: Most methods that a form calls; a browser sends only one button.
_MOST_CALLS = 4
_COLON = re.compile(r":|%3a", re.IGNORECASE)
_METHOD_KEY = re.compile(r"(.*):(?:default_)?(?:method|action)", re.DOTALL)
_LOOKS_LIKE_METHOD_KEY = re.compile(r":(?:default_)?(?:method|action)(?![a-z0-9_])")
_CHARSETS = re.compile(r"(?:utf-?8|us-ascii|ascii|latin-?1|iso-8859-1)", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)
#: Such a field in the head of a part, or an encoded name (RFC 5987).
_IN_HEAD = re.compile(
    rb"(?::|%3a)(?:default_)?(?:method|action)(?![a-z0-9_])|\bname\*", re.IGNORECASE
)


def visible(visit: Visit, mount: str, proxies: Sequence[IPNetwork]) -> env.Visible:
    """Return the path of a request as the visitor sees it, and below ``mount``.

    ``mount``: path of ``public_url``; ``proxies``: our own. Raise PathRefused for an
    incomplete path, or one that somebody else wrote.
    """
    path: str = visit.path_info
    if not path.startswith(_BASE):
        _refuse_control_names(path.split("/"))
        return env.Visible(visit.script_name + path, path)
    if not _is_ours(visit.environ.get("REMOTE_ADDR", ""), proxies):
        raise PathRefused(
            "VirtualHostBase came from an address that is not in trusted_proxies"
        )
    below = _below_root(path.removeprefix(_BASE).split("/"), mount)
    return env.Visible(mount + below, below)


def _is_ours(address: str, proxies: Sequence[IPNetwork]) -> bool:
    try:
        is_local = ip_address(address).is_loopback
    except ValueError:
        is_local = is_by_unix_socket(address)
    return is_local or is_among(address, proxies)


def _below_root(names: Sequence[str], mount: str) -> str:
    if _ROOT not in names[_HEAD:]:
        raise PathRefused("VirtualHostBase without VirtualHostRoot")
    root_position = names.index(_ROOT, _HEAD)
    (scheme, host, *site), below = (
        names[:root_position],
        list(names[root_position + 1 :]),
    )
    if scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise PathRefused("VirtualHostBase has no scheme or no host")
    if site and fault_in("/" + "/".join(site) + "/"):
        raise PathRefused("VirtualHostBase has a site that is no plain path")
    _refuse_control_names(site)
    expected = [_BELOW + name for name in mount.split("/") if name]
    if below[: len(expected)] != expected:
        raise PathRefused("VirtualHostRoot comes without the path of public_url")
    below = below[len(expected) :]
    _refuse_control_names(below)
    return "/" + "/".join(below)


def _refuse_control_names(names: Iterable[str]) -> None:
    for name in names:
        # "*" becomes the first part of the host's name.
        if name in ("VirtualHostBase", _ROOT, "*") or name.startswith(_BELOW):
            raise PathRefused(f"the path has a name that controls Zope ({name[:20]!r})")


@dataclass(frozen=True, slots=True)
class ZopeForm:
    """The methods that a form may call."""

    methods: tuple[str, ...] = ()
    may_call_anything: bool = False
    #: Whether it has files. eilogin reads its heads once the visitor may see the path.
    is_multipart: bool = False


_NOTHING = ZopeForm()


def look_at_form(visit: Visit) -> ZopeForm:
    """Return the methods that the form of a request makes Zope call.

    The body stays readable. Raise PathRefused for a method in the query; FormRefused
    for ambiguous, too many or too long keys; and MessageTooLarge as Zope would.
    """
    query = unquote_plus(visit.query_string)
    if _LOOKS_LIKE_METHOD_KEY.search(query.lower()):
        raise PathRefused("the query makes Zope call a method (':method')")
    if visit.method.upper() in ("GET", "HEAD"):
        return _NOTHING
    content_type = visit.environ.get("CONTENT_TYPE", "").strip().lower()
    kind = content_type.partition(";")[0].strip()
    if "xml" in kind:
        return ZopeForm(may_call_anything=True)
    if kind and "multipart" not in kind and "url" not in kind:
        return _NOTHING
    charset = _CHARSET.search(content_type)
    if charset and not _CHARSETS.fullmatch(charset[1]):
        raise FormRefused(
            f"the form has the charset {charset[1][:20]!r}, so eilogin cannot read "
            "its keys"
        )
    if "multipart" in kind:
        return ZopeForm(is_multipart=True)
    methods = frozenset(_methods_in(_read_ahead(visit)))
    if len(methods) > _MOST_CALLS:
        raise FormRefused("the form makes Zope call too many methods")
    return ZopeForm(methods=tuple(sorted(methods)))


def _read_ahead(visit: Visit) -> bytes:
    body = read_whole_body(visit, _LARGEST_FORM)
    visit.environ["wsgi.input"] = io.BytesIO(body)
    return body


def _methods_in(body: bytes) -> Iterator[str]:
    text = body.decode("latin-1").replace(";", "&")
    if text.count("&") >= _MOST_FIELDS:
        raise FormRefused(f"the form has more than {_MOST_FIELDS} fields")
    # Decoding is slow, and most fields need none.
    parted = (field.partition("=") for field in text.split("&"))
    typed = [(key, value) for key, _, value in parted if _COLON.search(key)]
    if len(typed) > _MOST_TYPED:
        raise FormRefused(f"the form has more than {_MOST_TYPED} fields with a type")
    for name, value in typed:
        key = _decoded(name)
        if not _LOOKS_LIKE_METHOD_KEY.search(key.lower()):
            continue
        match = _METHOD_KEY.fullmatch(key)
        if match is None or ":" in match[1]:
            raise FormRefused(
                "a form field makes Zope call a method, and has another type too"
            )
        yield (match[1] or _decoded(value)).strip("/")


def _decoded(text: str) -> str:
    if len(text) > _LONGEST_NAME:
        raise FormRefused(
            f"a form field has a name of more than {_LONGEST_NAME} characters"
        )
    return unquote_plus(text, encoding="latin-1")


def require_no_call_in_parts(visit: Visit) -> None:
    """Raise FormRefused if a form with files calls a method or is ambiguous."""
    for head in multipart_heads.heads(visit):
        # Some parsers remove a backslash in a name.
        if _IN_HEAD.search(head.replace(b"\\", b"")):
            raise FormRefused("a form field makes Zope call a method (':method')")
