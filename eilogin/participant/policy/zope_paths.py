"""Paths and forms of an application in Zope (``path_style = zope``).

A proxy before Zope writes the requested host and the site's folder in Zope into the
path (Zope, Products.SiteAccess.VirtualHostMonster)::

    /VirtualHostBase/https/gemeente.example.nl:443/site/VirtualHostRoot/mijn/zaken
    /VirtualHostBase/https/example.nl:443/site/VirtualHostRoot/_vh_gemeente/mijn/zaken

Rules hold for the path that the visitor sees, ``/mijn/zaken`` and
``/gemeente/mijn/zaken``. Host and port do not matter: ``public_url`` has them. A client
could write such a path too. So eilogin accepts it only from a trusted proxy or this
machine, and only if it is complete. That is one VirtualHostBase, one VirtualHostRoot,
and then the path of ``public_url``, each of its names after ``_vh_``.

Zope can call a method that the path does not name. Two such ways are closed here:

* A form field ``NAME:method`` or ``:action`` (with or without ``default_`` before it)
  makes Zope call NAME below the path. In a query it is rejected. In a form it needs the
  rule of ``/path/NAME``. eilogin reads an urlencoded form in advance, up to the limit
  of Zope. In a form with files it checks the names of the fields before Zope reads
  them, and rejects such a field.
* XML-RPC names the method in its body, so it needs the strictest rule of all.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from eilogin.config import IPNetwork
from eilogin.errors import FormRefused, PathRefused
from eilogin.participant.policy import multipart_heads
from eilogin.participant.policy.path_variants import fault_in
from eilogin.web import environ as env
from eilogin.web.requests import is_among, is_by_unix_socket, read_whole_body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_BASE = "/VirtualHostBase/"
_ROOT = "VirtualHostRoot"
#: Before each name of the path below which the site is.
_BELOW = "_vh_"
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?")
#: Scheme and host, before the names that lead to the site.
_HEAD = 2

#: Largest form that Zope reads into memory (its FORM_MEMORY_LIMIT).
_LARGEST_FORM = 2**20
#: Most fields of a form: more than any page has.
_MOST_FIELDS = 10_000
#: And of those that have a type, such as ``NAME:int``.
_MOST_TYPED = 2000
#: Characters of the name of one, as it travels.
_LONGEST_NAME = 2000
#: More buttons than any browser presses at once.
_MOST_CALLS = 4
_COLON = re.compile(r":|%3a", re.IGNORECASE)
_METHOD_KEY = re.compile(r"(.*):(?:default_)?(?:method|action)", re.DOTALL)
_LOOKS_LIKE_METHOD_KEY = re.compile(r":(?:default_)?(?:method|action)(?![a-z0-9_])")
_CHARSETS = re.compile(r"(?:utf-?8|us-ascii|ascii|latin-?1|iso-8859-1)", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)
#: In the head of a part: such a field, and a name that is encoded (RFC 5987).
_IN_HEAD = re.compile(
    rb"(?::|%3a)(?:default_)?(?:method|action)(?![a-z0-9_])|\bname\*", re.IGNORECASE
)


# --- the path -------------------------------------------------------------------


def visible(
    environ: "WSGIEnvironment", mount: str, proxies: Sequence[IPNetwork]
) -> env.Visible:
    """The path of a request as the visitor sees it, and below ``mount``.

    ``mount`` is the path of ``public_url``, ``proxies`` are our own. Raises
    :class:`eilogin.errors.PathRefused` for a path that only half says where the site
    is, or that somebody else wrote.
    """
    path: str = environ.get("PATH_INFO", "")
    if not path.startswith(_BASE):
        _refuse_obeyed(path.split("/"))
        return env.Visible(environ.get("SCRIPT_NAME", "") + path, path)
    if not _is_ours(environ.get("REMOTE_ADDR", ""), proxies):
        raise PathRefused(
            "VirtualHostBase came from an address that is not in trusted_proxies"
        )
    below = _below_root(path.removeprefix(_BASE).split("/"), mount)
    return env.Visible(mount + below, below)


def _is_ours(address: str, proxies: Sequence[IPNetwork]) -> bool:
    """Whether a proxy of ours, or a process of this machine, speaks to us."""
    try:
        is_local = ip_address(address).is_loopback
    except ValueError:
        is_local = is_by_unix_socket(address)
    return is_local or is_among(address, proxies)


def _below_root(names: Sequence[str], mount: str) -> str:
    """The path below the site's root; ``names`` are those after VirtualHostBase."""
    if _ROOT not in names[_HEAD:]:
        raise PathRefused("VirtualHostBase without VirtualHostRoot")
    at = names.index(_ROOT, _HEAD)
    (scheme, host, *site), rest = names[:at], list(names[at + 1 :])
    if scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise PathRefused("VirtualHostBase has no scheme or no host")
    if site and fault_in("/" + "/".join(site) + "/"):
        raise PathRefused("VirtualHostBase has a site that is no plain path")
    _refuse_obeyed(site)
    expected = [_BELOW + name for name in mount.split("/") if name]
    if rest[: len(expected)] != expected:
        raise PathRefused("VirtualHostRoot comes without the path of public_url")
    rest = rest[len(expected) :]
    _refuse_obeyed(rest)
    return "/" + "/".join(rest)


def _refuse_obeyed(names: Iterable[str]) -> None:
    """Refuse names that Zope takes for something else than a name, wherever it is."""
    for name in names:
        # "*" becomes the first part of the host's name.
        if name in ("VirtualHostBase", _ROOT, "*") or name.startswith(_BELOW):
            raise PathRefused(f"the path has a name that controls Zope ({name[:20]!r})")


# --- the form -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ZopeForm:
    """The methods that a form may call."""

    #: The methods below the path.
    methods: tuple[str, ...] = ()
    #: Whether it is XML-RPC, which names in its body what it calls.
    may_call_anything: bool = False
    #: Whether it has parts, which are read once the visitor may see the path.
    is_multipart: bool = False


_NOTHING = ZopeForm()


def look_at_form(environ: "WSGIEnvironment") -> ZopeForm:
    """Return the methods that the query and the form of a request make Zope call.

    The body of an urlencoded form is read, and put back. Raises PathRefused for such a
    key in the query. Raises FormRefused for a form whose keys are ambiguous, and for
    one with more fields, or longer names, than a page has. Raises
    :class:`eilogin.errors.MessageTooLarge` for one that Zope would reject too.
    """
    query = unquote_plus(environ.get("QUERY_STRING", ""))
    if _LOOKS_LIKE_METHOD_KEY.search(query.lower()):
        raise PathRefused("the query makes Zope call a method (':method')")
    if environ["REQUEST_METHOD"].upper() in ("GET", "HEAD"):
        return _NOTHING
    content_type = environ.get("CONTENT_TYPE", "").strip().lower()
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
    methods = frozenset(_methods_in(_read_ahead(environ)))
    if len(methods) > _MOST_CALLS:
        raise FormRefused("the form makes Zope call too many methods")
    return ZopeForm(methods=tuple(sorted(methods)))


def _read_ahead(environ: "WSGIEnvironment") -> bytes:
    """The body of a request, which the application finds as it was."""
    body = read_whole_body(environ, _LARGEST_FORM)
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _methods_in(body: bytes) -> Iterator[str]:
    """Return the methods that the fields of a form make Zope call."""
    text = body.decode("latin-1").replace(";", "&")
    if text.count("&") >= _MOST_FIELDS:
        raise FormRefused(f"the form has more than {_MOST_FIELDS} fields")
    # Decoding is what takes long, and most fields need none.
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
    """The name of a field, or what it calls; these are no longer than a page has."""
    if len(text) > _LONGEST_NAME:
        raise FormRefused(
            f"a form field has a name of more than {_LONGEST_NAME} characters"
        )
    return unquote_plus(text, encoding="latin-1")


def require_no_call_in_parts(environ: "WSGIEnvironment") -> None:
    """Reject a form with files in which a field makes Zope call a method.

    Only the names of its fields are read, and no text or file. The form can be read
    again afterwards. Raises FormRefused for a form with ambiguous parts.
    """
    for head in multipart_heads.heads(environ):
        # A backslash before a character in a name is taken off by some parsers.
        if _IN_HEAD.search(head.replace(b"\\", b"")):
            raise FormRefused("a form field makes Zope call a method (':method')")
