"""Measure how the code is arranged, and through how much of it a request runs.

The journeys run in a hub and two participants of ``eilogin.testing.Federation``, in one
process and one request at a time. ``sys.setprofile`` records the calls in the WSGI app
of each host. A message on the back channel is a request of its own. Only files of
``eilogin`` count, without ``eilogin.testing``. An event is a call of a Python function,
or a step of a generator. A return is no event.

A *change of file* is two events in a row in different files. A *change of room* is two
events in a row in different rooms: packages or modules directly below ``eilogin``. A
*change of folder* is the same for the folder of the file, however deep.

Of all definitions tried, these give the numbers of the study of commit dbb3642: for a
guarded GET 28 calls, 16 files, 24 changes of file, 20 of room; for the GET that makes a
session from a Response by POST 44 files, 160 changes of file, 122 of room. With returns
as events the changes of room are 24 and 138. By folder they are 20 and 120.

The requests are those of a second browser, because the first one meets empty caches.
"One login and logout" is the journey of the first browser with one participant: at
dbb3642 117 files for both sides, 84 for the participant.

``.ci/house_rules.py`` counts lines, names and complexity.
"""

import json
import re
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

ROOT = Path(__file__).resolve().parents[1]
# The eilogin of this checkout, whatever else is installed.
sys.path.insert(0, str(ROOT))
# At the end, because .ci/bandit.py has the name of a package.
sys.path.append(str(ROOT / ".ci"))

import house_rules  # noqa: E402 - see above

import eilogin  # noqa: E402
from eilogin.testing import Browser, Federation  # noqa: E402

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HUB, _SITE, _OTHER = "inloggen.test", "uwv.test", "svb.test"
_PAGE, _ACS, _LOGOUT = "/page", "/eilogin/acs", "/eilogin/logout"
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*\"(])")


# --- recording ------------------------------------------------------------------------


@dataclass
class Recorded:
    """A request, and the calls that it led to, as (file, function)."""

    method: str
    host: str
    path: str
    #: By thread: each runs its own calls one after the other.
    calls: dict[int, list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )


class Recorder:
    """A profile function that keeps the calls of each request to an app."""

    def __init__(self, package: Path) -> None:
        self.requests: list[Recorded] = []
        self._package = f"{package}/"
        self._skipped = f"{package}/testing/"
        self._outermost: Recorded | None = None
        self._local = threading.local()

    def around(self, app: "WSGIApplication") -> "WSGIApplication":
        """Return the app with a record of each request."""

        def recorded(
            environ: "WSGIEnvironment", start_response: "StartResponse"
        ) -> Iterable[bytes]:
            with self._recording(environ):
                parts = app(environ, start_response)
                try:
                    return list(parts)
                finally:
                    getattr(parts, "close", lambda: None)()

        return recorded

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        """Note a call, as :func:`sys.setprofile` asks for."""
        file = frame.f_code.co_filename
        if event != "call" or not file.startswith(self._package):
            return
        request = getattr(self._local, "request", None) or self._outermost
        if request is not None and not file.startswith(self._skipped):
            call = (file.removeprefix(self._package), frame.f_code.co_qualname)
            request.calls[threading.get_ident()].append(call)

    @contextmanager
    def _recording(self, environ: "WSGIEnvironment") -> Iterator[None]:
        host = environ["HTTP_HOST"].partition(":")[0]
        request = Recorded(environ["REQUEST_METHOD"], host, environ["PATH_INFO"])
        self.requests.append(request)
        is_outermost = self._outermost is None
        before = getattr(self._local, "request", None)
        self._local.request = request
        if is_outermost:
            self._outermost = request
            threading.setprofile(self)
            sys.setprofile(self)
        try:
            yield
        finally:
            if is_outermost:
                sys.setprofile(None)
                threading.setprofile(None)
                self._outermost = None
            self._local.request = before


@dataclass(frozen=True)
class Way:
    """The length of the way of one or more requests through the code."""

    calls: int
    functions: int
    files: int
    file_changes: int
    room_changes: int
    folder_changes: int

    @classmethod
    def of(cls, *requests: Recorded) -> "Way":
        """Measure requests: their files together, their changes added up."""
        threads = [calls for one in requests for calls in one.calls.values()]
        every = [call for calls in threads for call in calls]
        files = [[file for file, _ in calls] for calls in threads]
        return cls(
            calls=len(every),
            functions=len(set(every)),
            files=len({file for file, _ in every}),
            file_changes=sum(map(_changes, files)),
            room_changes=sum(_changes(map(room_of, one)) for one in files),
            folder_changes=sum(_changes(map(folder_of, one)) for one in files),
        )


def room_of(file: str) -> str:
    """Return the package or module directly below ``eilogin`` that holds a file."""
    return file.partition("/")[0].removesuffix(".py")


def folder_of(file: str) -> str:
    """Return the folder that holds a file."""
    return file.rpartition("/")[0]


def _changes(places: Iterable[str]) -> int:
    return sum(before != after for before, after in pairwise(places))


# --- journeys -------------------------------------------------------------------------


def ways() -> Mapping[str, Way]:
    """Record the journeys of two browsers, and return the ways of their requests."""
    options = {_SITE: {"acs": "post"}}
    with tempfile.TemporaryDirectory() as folder:
        apps = {_SITE: _page, _OTHER: _page}
        federation = Federation(Path(folder), apps, options=options)
        recorder = Recorder(Path(eilogin.__file__).parent)
        for host, app in federation.apps.items():
            federation.apps[host] = recorder.around(app)
        _travel(federation.browser(), _SITE)
        first = list(recorder.requests)
        recorder.requests.clear()
        _travel(federation.browser(), _SITE, _OTHER)
    return dict(_ways_of(first, recorder.requests))


def _ways_of(
    first: Sequence[Recorded], second: Sequence[Recorded]
) -> Iterator[tuple[str, Way]]:
    def request(method: str, host: str, path: str, index: int = 0) -> Recorded:
        wanted = (method, host, path)
        return [r for r in second if (r.method, r.host, r.path) == wanted][index]

    response, finish = request("POST", _SITE, _ACS), request("GET", _SITE, _ACS)
    yield "guarded GET with a session", Way.of(request("GET", _SITE, _PAGE, -1))
    yield "GET without a session: redirect", Way.of(request("GET", _SITE, _PAGE))
    yield "Response by POST: 303", Way.of(response)
    yield "GET after the Response: session", Way.of(finish)
    yield "Response by POST and its GET", Way.of(response, finish)
    yield "hub: AuthnRequest, SSO, artifact", Way.of(request("GET", _HUB, "/sso", -1))
    yield "/logout: LogoutRequest sent", Way.of(request("GET", _SITE, _LOGOUT))
    yield (
        "one login and logout, participant",
        Way.of(*(one for one in first if one.host == _SITE)),
    )
    yield "one login and logout, both sides", Way.of(*first)


def _page(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"page"]


def _travel(browser: Browser, *hosts: str) -> None:
    """Sign in at each host, open pages of the first one, and sign out there."""
    first = f"https://{hosts[0]}"
    browser.visit(first + _PAGE)
    browser.press(username="anna", password="demo-anna")  # noqa: S106 - of the demo
    for host in hosts[1:]:
        browser.visit(f"https://{host}{_PAGE}")
        assert browser.text == "page", browser.text
    for _ in range(2):
        # The first one reports the activity of the session to the hub.
        browser.visit(first + _PAGE)
        assert browser.text == "page", browser.text
    browser.visit(first + _LOGOUT)


# --- source ---------------------------------------------------------------------------


def code(modules: Sequence[house_rules.Module]) -> Mapping[str, object]:
    """Return the numbers of the source, by what they count."""
    folders = house_rules.folder_sizes(modules)
    complexities = Counter(
        dict(sorted(pair for m in modules for pair in m.complexities()))
    )
    classes = Counter(
        {f"{m.name}.{name}": lines for m in modules for name, lines in m.classes()}
    )
    files = Counter({m.name: len(m.code_lines) for m in modules})
    too_complex = house_rules.LIMITS["complexity"]
    prose = (len(m.docstring_lines) + len(m.comment_lines) for m in modules)
    return {
        "modules": len(modules),
        "lines of code": files.total(),
        "lines of docstrings and comments": sum(prose),
        "modules in the largest folder": _largest(folders),
        f"functions with complexity > {too_complex}": sum(
            value > too_complex for value in complexities.values()
        ),
        "most complex function": _largest(complexities),
        "longest class": _largest(classes),
        "longest file": _largest(files),
        "in docstrings": beginnings(s for m in modules for s in _docstrings(m)),
        "in comments": beginnings(s for m in modules for s in _comments(m)),
        "module names that repeat": _repeated(house_rules.module_names(modules)),
        "class names that repeat": _repeated(house_rules.class_names(modules)),
    }


def beginnings(sentences: Iterable[str]) -> Mapping[str, int]:
    """Count sentences, and those that begin with "What" or with "Who" or "Whom"."""
    words = Counter(sentence.split()[0] for sentence in sentences)
    return {
        "sentences": words.total(),
        "What": words["What"],
        "Who, Whom": words["Who"] + words["Whom"],
    }


def sentences_of(paragraph: str) -> Iterator[str]:
    """Yield the sentences of a paragraph that are no questions."""
    for sentence in _END.split(" ".join(paragraph.split())):
        if sentence and not sentence.endswith("?"):
            yield sentence


def _docstrings(module: house_rules.Module) -> Iterator[str]:
    for docstring in module.docstrings():
        for paragraph in re.split(r"\n\s*\n", docstring):
            yield from sentences_of(paragraph)


def _comments(module: house_rules.Module) -> Iterator[str]:
    """Yield the sentences of comments; lines below each other are one paragraph."""
    paragraph, last = "", 0
    for token in module.comments:
        line = token.start[0]
        if line != last + 1 or line not in module.comment_lines:
            yield from sentences_of(paragraph)
            paragraph = ""
        paragraph += " " + token.string.lstrip("#:")
        last = line if line in module.comment_lines else 0
    yield from sentences_of(paragraph)


def _largest(values: Counter[str]) -> tuple[int, str]:
    return max((value, name) for name, value in values.items())


def _repeated(names: Counter[str]) -> Sequence[str]:
    return sorted(name for name, count in names.items() if count > 1)


# --- printing -------------------------------------------------------------------------


def lines_of(
    requests: Mapping[str, Way], source: Mapping[str, object]
) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"{'changes of':>78}"
    heads = f"{'calls':>7}{'functions':>10}{'files':>7}{'file':>6}{'room':>6}"
    yield f"{'':36}{heads}{'folder':>8}"
    for name, way in requests.items():
        yield (
            f"{name:36}{way.calls:7}{way.functions:10}{way.files:7}"
            f"{way.file_changes:6}{way.room_changes:6}{way.folder_changes:8}"
        )
    yield ""
    for name, value in source.items():
        yield f"{name:36}{_cell(value)}"


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{number:,} {name}" for name, number in value.items())
    if isinstance(value, tuple):
        return f"{value[0]:7,}  {value[1]}"
    if isinstance(value, list):
        return f"{len(value):7,}  {' '.join(value)}"
    return f"{value:7,}"


@click.command(help=(__doc__ or "").replace("``", ""))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(*, as_json: bool) -> None:
    """See the docstring of this file."""
    requests, source = ways(), code(house_rules.modules_of(ROOT))
    if as_json:
        ways_ = {name: vars(way) for name, way in requests.items()}
        click.echo(json.dumps({"requests": ways_, "code": source}, indent=2))
    else:
        click.echo("\n".join(lines_of(requests, source)))


if __name__ == "__main__":
    main()
