"""List all readings of a path that an application may use.

A server decodes a path once. An application may decode it again, cut off parameters, or
fold letters that look alike. So eilogin does not rewrite a path until it is simple:

* It rejects a path that could be walked in two ways (dot and empty segments,
  backslashes, encoded slashes).
* If only the names have two readings, it returns all of them, and the strictest rule
  holds (``path_rules``). Case is kept.

A header may lead an application to another path, and so may a server that lets a client
choose where the path is split (:func:`other_paths`). These paths are checked too.

Zope and Pyramid know names of two parts: ``@@zaken`` and ``++view++zaken`` are the view
``zaken`` (zope.traversing.namespace; Pyramid, "Traversal"). Such a name is also read
without its first part; other such names, ``++lang++nl``, as if they were absent.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import normalize
from urllib.parse import unquote

from eilogin.errors import PathRefused

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_FAULTS = (
    (re.compile(r"^[^/]"), "does not begin with a slash"),
    (re.compile(r"//"), "has an empty segment"),
    (re.compile(r"/\.\.?(?:/|$)"), "has a dot segment"),
    (re.compile(r"\\"), "has a backslash"),
    (re.compile(r"[\x00-\x1f\x7f-\x9f]"), "has a control character"),
    (re.compile(r"%(?:2f|5c|2e|7f|[01][0-9a-f])", re.IGNORECASE), "is encoded twice"),
    # An old encoding of IIS, which no other server uses.
    (
        re.compile(r"%u[0-9a-f]{4}", re.IGNORECASE),
        "has an encoding that is not standard (%u)",
    ),
    # Zope takes its next names for a host and a site, wherever a client writes it; or
    # looks for the name behind it somewhere else.
    (
        re.compile(r"/(?:VirtualHost(?:Base|Root)(?:/|$)|\+\+(?:vh|acquire)\+\+)"),
        "has a name that controls Zope",
    ),
)
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
# A segment in ASCII with a second reading.
_TWO_WAYS = re.compile(r"[%;?#]|^(?: |@@|\+\+)|[. ]$")
# A path without any of these has no fault but in its letters, and one reading. Searches
# for strings cost less than one for a pattern.
_NOT_PLAIN = (
    *("//", "/.", "./", "%", ";", " ", "\\", "?", "#"),
    *("/@@", "/++", "/VirtualHost"),
)
# A prefix that only says how to look up a name.
_PLAINLY = re.compile(r"^(?:@@|\+\+(?:view|item|attribute)\+\+)")
# A name that may lead nowhere: to the default view, a language or a skin.
_NOWHERE = re.compile(r"@@$|\+\+\w+\+\+")
# Where Plone has styles and scripts. Below ``++webresource++`` is the site itself.
_RESOURCE = re.compile(r"\+\+(?:resource|plone|theme)\+\+")
_NAMESPACE = re.compile(r"\+\+\w+\+\+")
# Behind one of these, decoded, an application may see no path any more.
_ENDS = ";?#"
# The path may end at such a name. Pyramid leaves the rest of the path to a view.
_MAY_END = re.compile(rf"[{_ENDS}]|^@@")
#: More readings of one segment than any honest one has.
_MOST_READINGS = 24
#: Octets of a path; servers take lines of about as much (RFC 9110 4.1).
LONGEST_PATH = 8192

# Headers by which an application may come to another path than that of the request;
# PathRules.rule_of looks for each of them.
_DESTINATION = "HTTP_DESTINATION"
# In the place of the path, as IIS has it: a path, or a whole address.
_INSTEAD = ("HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL")
# Taken off the path where that begins with it, by middleware of many applications.
_TAKEN_OFF = ("HTTP_X_SCRIPT_NAME", "HTTP_X_FORWARDED_PREFIX")
# Put before the path, by Pyramid's traversal and repoze.vhm.
_PUT_BEFORE = "HTTP_X_VHM_ROOT"
#: Octets of all these paths together, more than any honest request has.
_MOST_ELSEWHERE = 2 * LONGEST_PATH
# A path, or an address with one; or nothing.
_ADDRESS = re.compile(r"(?is)(?:(?:[a-z][a-z0-9+.-]*://[^/?#]*)?(/.*))?")


# --- the path of a request ------------------------------------------------------


def path_of(environ: "WSGIEnvironment") -> str:
    """Return the path of a request in the form of WSGI, SCRIPT_NAME included.

    Raises :class:`eilogin.errors.PathRefused` if the two do not meet at a slash (PEP
    3333), or a slash was encoded, as far as the server shows it.
    """
    mount: str = environ.get("SCRIPT_NAME", "")
    path: str = environ.get("PATH_INFO", "")
    if mount and path and path[0] != "/":
        raise PathRefused("the path does not begin with a slash below its mount")
    # The server has decoded the path, and nobody can see any more whether a slash
    # was encoded; these servers keep the address as it came.
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if raw and "%" in raw and _ENCODED_SLASH.search(raw.partition("?")[0]):
        raise PathRefused("the path has an encoded slash")
    return mount + path if mount else path


def other_paths(
    environ: "WSGIEnvironment", script: str, below: str, mount: str
) -> set[str]:
    """Return other paths of a request that an application may use, and its destination.

    ``below`` is the part after ``script`` (SCRIPT_NAME). Some servers let a client
    choose where to split, and an application uses the part after it. So if ``script``
    is not the path of ``public_url`` (``mount``), both are tried. Raises
    :class:`eilogin.errors.PathRefused` for a header that is no path.
    """
    for name in (*_TAKEN_OFF, _PUT_BEFORE):
        canonical(environ.get(name, ""))
    whole = {_path_in(address) for address in _addresses_in(environ)}
    parts = _with_prefixes(environ, {below, *whole})
    if _DESTINATION in environ:
        whole.add(_path_in(environ[_DESTINATION]))
    for cut in (_below, _without):
        for prefix in (script, mount):
            parts |= {cut(prefix, path) for path in whole}
    mounts = {script, mount} if script else {""}
    paths = whole | {prefix + path for prefix in mounts for path in parts}
    if sum(map(len, paths)) > _MOST_ELSEWHERE:
        raise PathRefused("the request may mean too many paths, or too long ones")
    return paths


def _addresses_in(environ: "WSGIEnvironment") -> Iterator[str]:
    for name in _INSTEAD:
        if name in environ:
            yield environ[name].partition("?")[0]


def _with_prefixes(environ: "WSGIEnvironment", paths: set[str]) -> set[str]:
    """Add the paths without a prefix of a header, and behind another one."""
    prefixes = _prefixes_in(environ)
    paths = paths | {_without(prefix, path) for prefix in prefixes for path in paths}
    before = environ.get(_PUT_BEFORE, "").rstrip("/")
    return paths | {before + path for path in paths}


def _path_in(address: str) -> str:
    """Return the path of a header with an address, in the form of WSGI."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise PathRefused("a header has an invalid path")
    # Some take an empty header for the first page.
    path = match[1] or "/"
    if _ENCODED_SLASH.search(path):
        raise PathRefused("a header has a path with an encoded slash")
    return unquote(path, encoding="latin-1")


def _prefixes_in(environ: "WSGIEnvironment") -> set[str]:
    """Return prefixes that an application may remove: a header, or its first value."""
    values = [environ[name] for name in _TAKEN_OFF if name in environ]
    firsts = [value.partition(",")[0].rstrip() for value in values]
    return {value.rstrip("/") for value in (*values, *firsts)}


def _without(prefix: str, path: str) -> str:
    """Return the rest of a path; a cut within a name is possible too."""
    if not path.startswith(prefix):
        return path
    return "/" + path.removeprefix(prefix).lstrip("/")


def _below(mount: str, path: str) -> str:
    is_below = path == mount or path.startswith(f"{mount}/")
    return path[len(mount) :] if is_below else path


def is_plain(path: str) -> bool:
    """Return whether a path has no fault and only one reading; most have."""
    return (
        path.startswith("/")
        and len(path) <= LONGEST_PATH
        and path.isascii()
        and path.isprintable()
        and path[-1] != "."
        and not any(part in path for part in _NOT_PLAIN)
    )


def canonical(path: str) -> str:
    """A path as WSGI hands it over (:func:`path_of`), as text in its one spelling.

    Raises :class:`eilogin.errors.PathRefused` for dot segments, empty segments,
    backslashes, control characters, what is not UTF-8, what is still encoded and would
    become one of these, and for more than :data:`LONGEST_PATH` octets.
    """
    if len(path) > LONGEST_PATH:
        raise PathRefused(f"the path has more than {LONGEST_PATH} octets")
    if not path.isascii():
        path = _decoded(path)
    fault = fault_in(path)
    if fault:
        raise PathRefused(f"the path {fault}")
    return path or "/"


def _decoded(path: str) -> str:
    """Text of what WSGI hands over as latin-1 (PEP 3333, "Unicode Issues").

    Composed (NFC), so that a letter with an accent is one letter, however it was sent.
    """
    try:
        return normalize("NFC", path.encode("latin-1").decode())
    except UnicodeError:
        raise PathRefused("the path is not UTF-8") from None


def fault_in(path: str) -> str:
    """Return the fault of a path that is text, or ""."""
    return next((fault for pattern, fault in _FAULTS if pattern.search(path)), "")


def segments_of(path: str) -> Sequence[str]:
    """The names in a path from :func:`canonical`; a slash at its end means nothing."""
    inner = path.strip("/")
    return inner.split("/") if inner else ()


# --- what an application may make of it -----------------------------------------


@dataclass(frozen=True, slots=True)
class Segment:
    """One name in a path, in all readings of applications."""

    readings: tuple[str, ...]
    #: Whether the path may end here for it.
    may_be_last: bool = False
    #: Whether it may stay where it is.
    may_lead_nowhere: bool = False
    #: Whether it leads to a folder of styles and scripts, and to no page below that.
    is_resource: bool = False

    @classmethod
    def of(cls, name: str) -> "Segment":
        """Return the readings of a name; PathRefused if one leads elsewhere."""
        if name.isascii() and not _TWO_WAYS.search(name):
            return cls((name,))
        readings = _readings_of(name)
        return cls(
            readings,
            any(_MAY_END.search(reading) for reading in readings),
            any(_NOWHERE.match(reading) for reading in readings),
            _RESOURCE.match(name) is not None,
        )


def _readings_of(name: str) -> tuple[str, ...]:
    readings = [name]
    # The list grows while the loop runs: a reading has readings too.
    for reading in readings:
        for other in (read(reading) for read in _READERS):
            if other not in readings:
                readings.append(_plain(other))
        if len(readings) > _MOST_READINGS:
            raise PathRefused("the path has too many possible readings")
    return tuple(readings)


def without_view_prefix(name: str) -> str:
    """A name without what only says how to look it up; "" for that alone."""
    return _PLAINLY.sub("", name)


def namespace_of(name: str) -> str:
    """The namespace of a name, such as ``++resource++`` of ``++resource++x``, or ""."""
    match = _NAMESPACE.match(name)
    return match[0] if match else ""


def _plain(name: str) -> str:
    """Return a reading that is one name; PathRefused for any other."""
    fault = fault_in(f"/{name}") or ("/" in name and "has a slash")
    if fault or not name:
        raise PathRefused(
            f"the path, read in another way, {fault or 'has an empty name'}"
        )
    return name


def _once_more(name: str) -> str:
    """Decode a name again, as an application behind a decoding proxy does."""
    try:
        return normalize("NFC", unquote(name, errors="strict"))
    except UnicodeError:
        raise PathRefused("the path, decoded twice, is not UTF-8") from None


_READERS: Sequence[Callable[[str], str]] = (
    # Parameters (RFC 3986 3.3), and what a second parser takes for query or fragment.
    *(lambda name, mark=mark: name.partition(mark)[0] for mark in _ENDS),
    _once_more,
    # Letters that look alike: full width, ligatures, superscripts.
    lambda name: normalize("NFKC", name),
    lambda name: without_view_prefix(name) or name,
    # Blanks around it, and what a file system of Windows leaves off.
    lambda name: name.strip(" ").rstrip(". "),
)
