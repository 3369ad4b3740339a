"""List all readings of a path that an application may use.

An application may decode a path again, cut off parameters, or fold letters that look
alike. So eilogin rejects a path whose segments are not certain (dot and empty segments,
backslashes, encoded slashes), and takes all readings of the others. A header may name
another path, and a server may let the client split the path.

In Zope and Pyramid, ``@@zaken`` and ``++view++zaken`` are the view ``zaken``
(zope.traversing.namespace; Pyramid, "Traversal"). So eilogin also reads such names
without the first part, and others, such as ``++lang++nl``, as if absent.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from unicodedata import normalize
from urllib.parse import unquote

from eilogin.errors import PathRefused
from eilogin.web.visit import Visit

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
    # Zope reads the names behind it as a host and a site, or searches elsewhere for the
    # next name.
    (
        re.compile(r"/(?:VirtualHost(?:Base|Root)(?:/|$)|\+\+(?:vh|acquire)\+\+)"),
        "has a name that controls Zope",
    ),
)
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
# A name in ASCII that has a second reading.
_TWO_READINGS = re.compile(r"[%;?#]|^(?: |@@|\+\+)|[. ]$")
# A path in ASCII without these has one reading and no fault.
_NOT_PLAIN = (
    *("//", "/.", "./", "%", ";", " ", "\\", "?", "#"),
    *("/@@", "/++", "/VirtualHost"),
)
# A prefix that only says how to look up a name.
_VIEW_PREFIX = re.compile(r"^(?:@@|\+\+(?:view|item|attribute)\+\+)")
# A name that may lead nowhere: to the default view, a language or a skin.
_NOWHERE = re.compile(r"@@$|\+\+\w+\+\+")
# Styles and scripts of Plone. Below ``++webresource++`` is the site.
_RESOURCE = re.compile(r"\+\+(?:resource|plone|theme)\+\+")
_NAMESPACE = re.compile(r"\+\+\w+\+\+")
# An application may read the path only up to one of these.
_ENDS = ";?#"
# The path may end here; Pyramid leaves the rest to a view.
_MAY_END = re.compile(rf"[{_ENDS}]|^@@")
#: Most readings of a name; more than any honest name has.
_MOST_READINGS = 24
#: Octets; servers accept request lines of about this length (RFC 9110 4.1).
LONGEST_PATH = 8192

# Headers that may change the path; PathRules.rule_of looks for each.
_DESTINATION = "HTTP_DESTINATION"
# These replace the path, in IIS: a path, or a whole address.
_REPLACEMENTS = ("HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL")
# Middleware of many applications removes their value from the beginning of the path.
_REMOVED_PREFIXES = ("HTTP_X_SCRIPT_NAME", "HTTP_X_FORWARDED_PREFIX")
# Pyramid's traversal and repoze.vhm put its value before the path.
_ADDED_PREFIX = "HTTP_X_VHM_ROOT"
#: Most octets of all these paths; more than any honest request has.
_LONGEST_OTHERS = 2 * LONGEST_PATH
_ADDRESS = re.compile(r"(?is)(?:(?:[a-z][a-z0-9+.-]*://[^/?#]*)?(/.*))?")


def path_of(visit: Visit) -> str:
    """Return the path of a request in the form of WSGI, SCRIPT_NAME included.

    Raise PathRefused if SCRIPT_NAME and PATH_INFO do not meet at a slash (PEP 3333), or
    if the server shows that a slash was encoded.
    """
    environ = visit.environ
    mount: str = environ.get("SCRIPT_NAME", "")
    path: str = environ.get("PATH_INFO", "")
    if mount and path and path[0] != "/":
        raise PathRefused("the path does not begin with a slash below its mount")
    # The decoded path hides encoded slashes; these keys show them.
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if raw and "%" in raw and _ENCODED_SLASH.search(raw.partition("?")[0]):
        raise PathRefused("the path has an encoded slash")
    return mount + path if mount else path


def other_paths(visit: Visit, script: str, below: str, mount: str) -> set[str]:
    """Return other paths that an application may use, and the request's destination.

    ``below``: the path after ``script`` (SCRIPT_NAME). ``mount``: that of
    ``public_url``, which counts too: a client may choose where SCRIPT_NAME ends.
    """
    environ = visit.environ
    for name in (*_REMOVED_PREFIXES, _ADDED_PREFIX):
        canonical(environ.get(name, ""))
    whole = {_path_in(address) for address in _addresses_in(visit)}
    parts = _with_prefixes(visit, {below, *whole})
    if _DESTINATION in environ:
        whole.add(_path_in(environ[_DESTINATION]))
    for cut in (_below, _without):
        for prefix in (script, mount):
            parts |= {cut(prefix, path) for path in whole}
    mounts = {script, mount} if script else {""}
    paths = whole | {prefix + path for prefix in mounts for path in parts}
    if sum(map(len, paths)) > _LONGEST_OTHERS:
        raise PathRefused("the request may mean too many paths, or too long ones")
    return paths


def _addresses_in(visit: Visit) -> Iterator[str]:
    for name in _REPLACEMENTS:
        if name in visit.environ:
            yield visit.environ[name].partition("?")[0]


def _with_prefixes(visit: Visit, paths: set[str]) -> set[str]:
    prefixes = _prefixes_in(visit)
    paths = paths | {_without(prefix, path) for prefix in prefixes for path in paths}
    added_prefix = visit.environ.get(_ADDED_PREFIX, "").rstrip("/")
    return paths | {added_prefix + path for path in paths}


def _path_in(address: str) -> str:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise PathRefused("a header has an invalid path")
    # Some applications take an empty header for the first page.
    path = match[1] or "/"
    if _ENCODED_SLASH.search(path):
        raise PathRefused("a header has a path with an encoded slash")
    return unquote(path, encoding="latin-1")


def _prefixes_in(visit: Visit) -> set[str]:
    # An application may remove these prefixes; a header may have several.
    environ = visit.environ
    values = [environ[name] for name in _REMOVED_PREFIXES if name in environ]
    firsts = [value.partition(",")[0].rstrip() for value in values]
    return {value.rstrip("/") for value in (*values, *firsts)}


def _without(prefix: str, path: str) -> str:
    if not path.startswith(prefix):
        return path
    return "/" + path.removeprefix(prefix).lstrip("/")


def _below(mount: str, path: str) -> str:
    is_below = path == mount or path.startswith(f"{mount}/")
    return path[len(mount) :] if is_below else path


def is_plain(path: str) -> bool:
    """Return quickly whether a path surely has no fault and only one reading."""
    return (
        path.startswith("/")
        and len(path) <= LONGEST_PATH
        and path.isascii()
        and path.isprintable()
        and path[-1] != "."
        and not any(part in path for part in _NOT_PLAIN)
    )


def canonical(path: str) -> str:
    """Return a WSGI path (:func:`path_of`) as text, in a unique spelling.

    Raise PathRefused for dot and empty segments, backslashes, control characters, any
    of these encoded, no UTF-8, or more than :data:`LONGEST_PATH` octets.
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
    # Latin-1 of WSGI as composed text (PEP 3333, "Unicode Issues").
    try:
        return normalize("NFC", path.encode("latin-1").decode())
    except UnicodeError:
        raise PathRefused("the path is not UTF-8") from None


def fault_in(path: str) -> str:
    """Return the fault of a path that is text, or ""."""
    return next((fault for pattern, fault in _FAULTS if pattern.search(path)), "")


def segments_of(path: str) -> Sequence[str]:
    """Return the names in a :func:`canonical` path."""
    inner = path.strip("/")
    return inner.split("/") if inner else ()


@dataclass(frozen=True, slots=True)
class Segment:
    """One name in a path, in all readings of applications."""

    readings: tuple[str, ...]
    may_be_last: bool = False
    may_lead_nowhere: bool = False
    #: A folder of styles and scripts, with no page below.
    is_resource: bool = False

    @classmethod
    def of(cls, name: str) -> "Segment":
        """Return the readings of a name; PathRefused if one leads elsewhere."""
        if name.isascii() and not _TWO_READINGS.search(name):
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
    # A reading may have further readings, so the list grows in the loop.
    for reading in readings:
        for another in (read(reading) for read in _READERS):
            if another not in readings:
                readings.append(_valid_name(another))
        if len(readings) > _MOST_READINGS:
            raise PathRefused("the path has too many possible readings")
    return tuple(readings)


def without_view_prefix(name: str) -> str:
    """Return a name without its view prefix, perhaps ""."""
    return _VIEW_PREFIX.sub("", name)


def namespace_of(name: str) -> str:
    """Return the namespace of a name, such as ``++resource++``, or ""."""
    match = _NAMESPACE.match(name)
    return match[0] if match else ""


def _valid_name(name: str) -> str:
    fault = fault_in(f"/{name}") or ("/" in name and "has a slash")
    if fault or not name:
        raise PathRefused(
            f"the path, read in another way, {fault or 'has an empty name'}"
        )
    return name


def _decoded_again(name: str) -> str:
    try:
        return normalize("NFC", unquote(name, errors="strict"))
    except UnicodeError:
        raise PathRefused("the path, decoded twice, is not UTF-8") from None


_READERS: Sequence[Callable[[str], str]] = (
    # Parameters (RFC 3986 3.3), or a second query or fragment.
    *(lambda name, mark=mark: name.partition(mark)[0] for mark in _ENDS),
    _decoded_again,
    # Letters that look alike: full width, ligatures, superscripts.
    lambda name: normalize("NFKC", name),
    lambda name: without_view_prefix(name) or name,
    # Blanks around it, and endings that Windows drops.
    lambda name: name.strip(" ").rstrip(". "),
)
