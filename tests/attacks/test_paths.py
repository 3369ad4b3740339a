"""No spelling of a path reaches an application without what that path needs.

The applications here are models of real ones: each reads the path that the server hands
over in some of the ways that frameworks, servlet containers, file systems and Zope are
known to read it, in any order. Whatever it then serves, the guard must have asked for
what that needs, or have refused.
"""

import re
import socket
import subprocess
import sys
from types import SimpleNamespace
from unicodedata import normalize
from urllib.parse import quote, unquote, unquote_to_bytes

import pytest
import webob
from django.core.handlers.wsgi import get_path_info
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from real_parts import free_ports, wait_until_it_listens
from werkzeug.test import create_environ
from werkzeug.wrappers import Request

from eilogin.errors import PathRefused
from eilogin.participant.policy import zope_paths
from eilogin.participant.policy.path_rules import PathRules
from eilogin.participant.policy.strictest_rule import NEEDS
from eilogin.web import environ as env
from eilogin.web.visit import Visit

NAMES = ("mijn", "bezwaar", "nieuws", "static", "café", "app")

EMPTY = create_environ()

paths = st.lists(st.sampled_from(NAMES), max_size=3).map(tuple)
lines = st.dictionaries(
    paths, st.sampled_from(("off", "optional", "basis", "midden", "hoog")), max_size=5
)


def text_of(names):
    return "/" + "/".join(names)


def rules_of(said):
    return PathRules.parse(
        [f"{quote(text_of(path))} {need}" for path, need in said.items()]
    )


def needed_by(said, names):
    """What the lines say, by a plain search for the longest one."""
    prefixes = [tuple(names[:n]) for n in range(len(names), -1, -1)]
    return next((said[prefix] for prefix in prefixes if prefix in said), "basis")


def mounted_at(mount):
    return {env.TRUST: SimpleNamespace(own=SimpleNamespace(mount=mount))}


def asked_for(rules, environ):
    """What the guard asks for; more than anything where it refuses."""
    environ = {**mounted_at(""), **environ}
    try:
        return NEEDS.index(rules.rule_of(Visit(environ)).need)
    except PathRefused:
        return len(NEEDS)


# --- what a client may write ------------------------------------------------------

BETWEEN = (
    "/",
    "//",
    "/./",
    "/%2e/",
    "/x/../",
    "/static/%2e%2E/",
    "/;/",
    "/..;/",
    "/ /",
    "\\",
    "%2f",
    "%2F",
    "%5c",
    "%252f",
    "%c0%af",
    "%u002f",
    "%ef%bc%8f",
    "/nieuws/",
    "/static;/",
    "/@@",
    "/@@/",
    "/++view++",
    "/++item++",
    "/%2b%2battribute++",
    "/++lang++nl/",
    "/++api++/",
)
BEHIND = (
    "",
    ";v=1",
    ";",
    ".",
    "%20",
    "%3f",
    "%3Fx",
    "%23",
    "%00",
    "%253b",
    "/@@",
    "/++api++",
    "%e2%80%a6",
)
SPELLINGS = (
    lambda c: c,
    lambda c: quote(c, safe=""),
    lambda c: "".join(f"%{octet:02x}" for octet in c.encode()),
    lambda c: "".join(f"%{octet:02X}" for octet in c.encode()),
    lambda c: "".join(f"%25{octet:02x}" for octet in c.encode()),
    lambda c: "".join(f"%2525{octet:02X}" for octet in c.encode()),
    lambda c: f"%u{ord(c):04x}",
    # Full width.
    lambda c: quote(chr(ord(c) + 0xFEE0)) if c.isascii() else quote(c),
    lambda c: quote(normalize("NFD", c)),
    lambda c: quote(c.swapcase()),
)


@st.composite
def targets(draw, names):
    """The path of a request as a client sends it: with a trick or two, or without."""
    before = ["/"] * len(names)
    written = [quote(name) for name in names]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(names) - 1))
        match draw(st.sampled_from(("before", "behind", "inside"))):
            case "before":
                before[at] = draw(st.sampled_from(BETWEEN))
            case "behind":
                written[at] += draw(st.sampled_from(BEHIND))
            case "inside":
                name, cut = names[at], draw(st.integers(0, len(names[at]) - 1))
                how = draw(st.sampled_from(SPELLINGS))
                written[at] = quote(name[:cut]) + "".join(map(how, name[cut:]))
    path = "".join(map("".join, zip(before, written, strict=True)))
    return path + draw(st.sampled_from(("", "", "/", "/nieuws", "/.", "//")))


@st.composite
def attacks(draw):
    """Lines that guard a path in an open site, and a request that may be for it.

    The request is as a server hands it over, mounted wherever it can be, and led by a
    header or not.
    """
    names = draw(paths.filter(bool))
    said = {
        (): draw(st.sampled_from(("off", "optional", "basis"))),
        **draw(lines),
        names: draw(st.sampled_from(("basis", "hoog"))),
    }
    target = draw(targets(names))
    decoded = unquote_to_bytes(target).decode("latin-1")
    at = draw(st.just(0) | st.integers(0, len(decoded)))
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": decoded[:at],
        "PATH_INFO": decoded[at:],
    }
    if draw(st.booleans()):
        environ["REQUEST_URI"] = target
    environ.update(mounted_at(draw(st.sampled_from(("", "", "/app")))))
    environ.update(draw(st.just({}) | detours(target, decoded)))
    return said, environ


@st.composite
def detours(draw, target, decoded):
    """What makes a request for a harmless path lead to ``target``."""
    harmless = draw(st.sampled_from(("", "/static", "/static/", "/app", "/nieuws/x")))
    at = draw(st.sampled_from([m.start() for m in re.finditer("/", decoded)] or [0]))
    prefix = draw(st.sampled_from(("HTTP_X_SCRIPT_NAME", "HTTP_X_FORWARDED_PREFIX")))
    address = draw(st.sampled_from(("", "https://uwv.test", "/app"))) + target
    header = draw(
        st.sampled_from(
            ("HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL", "HTTP_DESTINATION")
        )
    )
    split = {"SCRIPT_NAME": harmless, "PATH_INFO": decoded}
    put_before = {"HTTP_X_VHM_ROOT": decoded[:at], "PATH_INFO": decoded[at:]}
    taken_off = {prefix: harmless, "PATH_INFO": harmless + decoded}
    instead = {header: address, "PATH_INFO": harmless}
    mounted = {"SCRIPT_NAME": draw(st.sampled_from(("", "/static", "/app")))}
    ways = (put_before, taken_off, instead, {**put_before, **instead})
    return draw(st.sampled_from((split, *({**mounted, **way} for way in ways))))


# --- what an application may make of it ---------------------------------------------


def without_dots(path):
    kept = []
    for name in path.split("/"):
        if name == "..":
            kept = kept[:-1]
        elif name != ".":
            kept.append(name)
    return "/".join(kept)


READINGS = (
    lambda path: unquote(path, errors="replace"),
    lambda path: re.sub(r"%u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), path),
    lambda path: re.sub(r";[^/]*", "", path),
    lambda path: path.partition(";")[0],
    lambda path: path.partition("?")[0],
    lambda path: path.partition("#")[0],
    lambda path: path.partition("\0")[0],
    lambda path: path.replace("\\", "/"),
    lambda path: re.sub("/+", "/", path),
    lambda path: normalize("NFC", path),
    lambda path: normalize("NFKC", path),
    lambda path: "/".join(name.rstrip(". ") for name in path.split("/")),
    lambda path: "/".join(name.strip() for name in path.split("/")),
    # zope.traversing.namespace: views, attributes; and what leads nowhere else.
    lambda path: re.sub(r"(?<=/)(?:@@|\+\+(?:view|item|attribute)\+\+)(?!/)", "", path),
    lambda path: re.sub(r"(?<=/)(?:\+\+(?:lang|api)\+\+[^/]*|@@)(?=/|$)", "", path),
    without_dots,
)


def as_it_is(environ, below):
    return below


def with_root_before(environ, below):
    return environ.get("HTTP_X_VHM_ROOT", "").rstrip("/") + below


def without_prefix(environ, below):
    for name in ("HTTP_X_SCRIPT_NAME", "HTTP_X_FORWARDED_PREFIX"):
        prefix = environ.get(name, "").partition(",")[0].strip()
        if prefix and below.startswith(prefix):
            return "/" + below[len(prefix) :].lstrip("/")
    return below


def replaced(environ, below):
    for name in ("HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL"):
        if name in environ:
            return path_in(environ[name].partition("?")[0])
    return below


def path_in(address):
    path = re.sub("^https?://[^/]*", "", address)
    return unquote(path, encoding="latin-1")


def written_to(environ, below):
    """What WebDAV makes of a destination: what is there below the application."""
    if "HTTP_DESTINATION" not in environ:
        return below
    return path_in(environ["HTTP_DESTINATION"]).removeprefix(environ["SCRIPT_NAME"])


def after_another(*ways):
    def led(environ, below):
        for way in ways:
            below = way(environ, below)
        return below

    return led


WAYS = (
    as_it_is,
    with_root_before,
    without_prefix,
    replaced,
    written_to,
    after_another(replaced, without_prefix, with_root_before),
)


def served(environ, readings, way=as_it_is, *, by_mount=False):
    """The names of what an application serves that reads paths like this.

    ``way`` says how it comes to its path. Where a server splits off what a client says,
    the lines know that path ``by_mount``: below the path of ``public_url``.
    """
    mount = environ["SCRIPT_NAME"]
    if mount and by_mount:
        mount = environ[env.TRUST].own.mount
    path = mount + way(environ, environ["PATH_INFO"])
    path = path.encode("latin-1").decode(errors="replace")
    for read in readings:
        path = read(path)
    return normalize("NFC", path).strip("/").split("/")


@settings(max_examples=500)
@given(attacks(), st.lists(st.sampled_from(READINGS), max_size=4))
def test_no_spelling_reaches_an_application_without_what_it_needs(attack, readings):
    said, environ = attack
    asked = asked_for(rules_of(said), environ)
    for chain in (readings, *([reading] for reading in READINGS)):
        names = [name for name in served(environ, chain) if name]
        assert asked >= NEEDS.index(needed_by(said, names))


@settings(max_examples=500)
@given(attacks(), st.lists(st.sampled_from(READINGS), max_size=3))
def test_no_detour_reaches_an_application_without_what_it_needs(attack, readings):
    said, environ = attack
    asked = asked_for(rules_of(said), environ)
    for way in WAYS:
        for by_mount in (False, True):
            path = served(environ, readings, way, by_mount=by_mount)
            names = [name for name in path if name]
            assert asked >= NEEDS.index(needed_by(said, names))


def names_for_flask(environ):
    return Request(environ).path


def names_for_django(environ):
    return get_path_info(environ)


def names_for_pyramid(environ):
    from pyramid.traversal import traversal_path_info  # noqa: PLC0415 - it warns

    return "/" + "/".join(traversal_path_info(environ["PATH_INFO"]))


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")
@pytest.mark.filterwarnings("ignore:Deprecated call to:DeprecationWarning")
@settings(max_examples=250)
@pytest.mark.parametrize(
    "path_for", [names_for_flask, names_for_django, names_for_pyramid]
)
@given(attack=attacks())
def test_no_spelling_reaches_a_framework_without_what_it_needs(path_for, attack):
    said, environ = attack
    asked = asked_for(rules_of(said), environ)
    try:
        script = environ["SCRIPT_NAME"].encode("latin-1").decode()
        path = path_for({**EMPTY, **environ})
    except ValueError:
        # Not UTF-8, which Pyramid refuses as well.
        return
    for mount in {script, environ[env.TRUST].own.mount} if script else {""}:
        names = [name for name in normalize("NFC", mount + path).split("/") if name]
        assert asked >= NEEDS.index(needed_by(said, names))


SECRET = "/mijn/bezwaar"


@pytest.fixture(scope="module")
def pyramid_app():
    """An application in Pyramid whose pages are views, found by traversal."""
    from pyramid.config import Configurator  # noqa: PLC0415 - it warns
    from pyramid.response import Response  # noqa: PLC0415 - it warns

    place = {"mijn": {}, "nieuws": {}}
    config = Configurator(root_factory=lambda _request: place)
    config.add_view(lambda request: Response("SECRET"), name="bezwaar", context=dict)
    config.add_view(lambda request: Response("open"), context=dict)
    return config.make_wsgi_app()


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")
@pytest.mark.filterwarnings("ignore:Deprecated call to:DeprecationWarning")
@pytest.mark.parametrize(
    "path",
    [
        SECRET,
        "/mijn/@@bezwaar",
        "/mijn/@@bezwaar/x",
        "/mijn/%40%40bezwaar",
        "/@@bezwaar",
    ],
)
def test_no_name_of_a_view_in_pyramid_makes_it_open(pyramid_app, path):
    rules = PathRules.parse(["/ optional", f"{SECRET} midden", "/bezwaar midden"])
    environ = create_environ(path)
    assert webob.Request(environ).get_response(pyramid_app).text == "SECRET"
    assert rules.rule_of(Visit(environ)).need == "midden"


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")
@pytest.mark.filterwarnings("ignore:Deprecated call to:DeprecationWarning")
def test_no_root_that_pyramid_obeys_makes_a_page_open(pyramid_app):
    rules = PathRules.parse(["/ optional", f"{SECRET} midden"])
    environ = create_environ("/bezwaar", headers={"X-Vhm-Root": "/mijn"})
    assert webob.Request(environ).get_response(pyramid_app).text == "SECRET"
    assert rules.rule_of(Visit({**environ, **mounted_at("")})).need == "midden"


@settings(max_examples=300)
@given(lines, paths, st.data())
def test_the_plain_spelling_needs_what_the_lines_say(said, names, data):
    path = text_of(names).encode().decode("latin-1")
    at = data.draw(st.sampled_from([0, *(m.start() for m in re.finditer("/", path))]))
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": path[:at],
        "PATH_INFO": path[at:],
        "REQUEST_URI": quote(text_of(names)),
        **mounted_at(path[:at]),
    }
    assert rules_of(said).rule_of(Visit(environ)).need == needed_by(said, names)


# --- Zope -------------------------------------------------------------------------

SITE = {
    "mijn": {"bezwaar": {"nieuw": {}}, "zaken": {}},
    "nieuws": {"2026": {}},
    "static": {},
    "app": {},
}


def traversed(path):
    """Where Zope gets by a path, as Zope 5 does it; None where it finds nothing."""
    clean = without_dots(re.sub("/+", "/", path)).strip("/").split("/")
    stack = [name for name in reversed(clean) if name]
    if stack and stack[-1] == "VirtualHostBase":
        del stack[-3:]
    take_out_root(stack)
    return found_by(reversed(stack))


def take_out_root(stack):
    """What Products.SiteAccess.VirtualHostMonster does to the names still to go."""
    part = -1
    for at, name in enumerate(stack):
        if name == "VirtualHostRoot":
            del stack[part if part >= 0 else at : at + 1]
            if "*" in stack:
                stack[stack.index("*")] = "mijn"
            return
        if part < 0 and name.startswith("_vh_"):
            part = at


def found_by(names):
    """What ZPublisher.BaseRequest finds: a name, or that of something above."""
    chain = [((), SITE)]
    for name in names:
        if re.fullmatch(r"@@|\+\+(?:api|lang|resource)\+\+.*", name):
            continue
        name = re.sub(r"^(?:@@|\+\+(?:view|item|attribute)\+\+)", "", name)  # noqa: PLW2901
        found = (
            ((*where, name), children[name])
            for where, children in reversed(chain)
            if name in children
        )
        chain.append(next(found, None))
        if chain[-1] is None:
            return None
    return chain[-1][0]


ZOPE_NAMES = (
    *("mijn", "bezwaar", "nieuw", "zaken", "nieuws", "2026", "static", "app"),
    *("VirtualHostBase", "VirtualHostRoot", "https", "stad:443"),
    *("_vh_app", "_vh_mijn", "_vh_static", "*", "..", ".", "", "m%69jn"),
    *("@@bezwaar", "++view++mijn", "++item++zaken", "@@", "++api++", "++lang++nl"),
    "++resource++x",
)
zope_lines = st.dictionaries(
    st.sampled_from(
        [
            *(("mijn",), ("mijn", "bezwaar"), ("nieuws",), ("static",)),
            *(("mijn", "zaken"), ("++resource++",), ("++api++",)),
        ]
    ),
    st.sampled_from(("off", "optional", "basis", "midden", "hoog")),
    max_size=4,
)
BEFORE = (
    "/VirtualHostBase/https/stad.test:443/VirtualHostRoot",
    "/VirtualHostBase/http/x:1/VirtualHostRoot/_vh_app",
    "",
)


@settings(max_examples=400)
@given(
    zope_lines,
    st.sampled_from(BEFORE),
    st.lists(st.sampled_from(ZOPE_NAMES), max_size=6),
    st.sampled_from(("", "bezwaar", "mijn/bezwaar")),
)
@example({("mijn",): "hoog"}, BEFORE[0], ["nieuws", "_vh_x", "mijn"], "")
@example({("mijn",): "hoog"}, BEFORE[0], ["VirtualHostRoot", "mijn"], "")
def test_no_path_reaches_zope_without_what_it_needs(said, before, names, called):
    # What is open needs no line; what is not needs one of its own, because an open path
    # leads to all that has none.
    said = {(): "optional", **said}
    path = before + "".join(f"/{name}" for name in names)
    mount = "/app" if before.endswith("_vh_app") else ""
    body = f"{called}:method=1" if called else "a=b"
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        **mounted_at(mount),
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": _Body(body.encode()),
    }
    where = traversed(f"{path}/{called}")
    assume(where is not None)
    rules = rules_of(said)
    try:
        environ[env.VISIBLE] = zope_paths.visible(Visit(environ), mount, ())
    except PathRefused:
        return
    # A page that needs no login may be served as to a stranger.
    needed = NEEDS.index(needed_by(said, where))
    assert needed <= NEEDS.index("optional") or asked_for(rules, environ) >= needed


TRANSPARENT = ("++api++", "++webresource++", "++webresource++x", "++lang++nl")


@settings(max_examples=250)
@given(
    zope_lines,
    st.dictionaries(
        st.sampled_from(TRANSPARENT).map(lambda name: (name,)),
        st.sampled_from(("off", "optional", "basis", "midden")),
        max_size=3,
    ),
    st.sampled_from(("off", "optional", "basis", "midden")),
    st.lists(st.sampled_from((*SITE, *TRANSPARENT, "bezwaar", "zaken")), max_size=5),
    st.booleans(),
)
@example({}, {("++webresource++",): "off"}, "basis", ["++webresource++x", "app"], True)
def test_no_line_of_what_leads_nowhere_opens_a_page(
    said, nowhere, otherwise, names, in_zope
):
    """``/++webresource++x/app`` is ``/app`` by its own path, which Zope publishes."""
    where = tuple(name for name in names if name not in TRANSPARENT)
    path = text_of(names)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        **mounted_at(""),
        **({env.VISIBLE: env.Visible(path, path)} if in_zope else {}),
    }
    lines_of_pages = {**said, (): otherwise}
    needed = NEEDS.index(needed_by(lines_of_pages, where))
    assert asked_for(rules_of({**lines_of_pages, **nowhere}), environ) >= needed


@settings(max_examples=250)
@given(
    zope_lines,
    st.sampled_from(("MOVE", "move", "POST")),
    st.lists(st.sampled_from(ZOPE_NAMES), max_size=6),
    st.sampled_from(("HTTP_DESTINATION", "HTTP_X_ORIGINAL_URL", "HTTP_X_VHM_ROOT")),
)
@example({("mijn",): "hoog"}, "MOVE", ["nieuws", "mijn"], "HTTP_DESTINATION")
def test_no_detour_reaches_zope_without_what_it_needs(said, method, names, header):
    said = {(): "optional", **said}
    path = "".join(f"/{name}" for name in names)
    host = "" if header == "HTTP_X_VHM_ROOT" else "https://stad.test"
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": f"{BEFORE[0]}/",
        "CONTENT_TYPE": "text/plain",
        header: host + path,
        **mounted_at(""),
    }
    environ[env.VISIBLE] = zope_paths.visible(Visit(environ), "", ())
    where = traversed(path)
    assume(where is not None)
    needed = NEEDS.index(needed_by(said, where))
    asked = asked_for(rules_of(said), environ)
    assert needed <= NEEDS.index("optional") or asked >= needed


class _Body:
    def __init__(self, octets):
        self._octets = octets

    def read(self, size):
        octets, self._octets = self._octets[:size], self._octets[size:]
        return octets


@pytest.mark.parametrize("before", BEFORE)
def test_a_plain_path_of_zope_needs_what_the_lines_say(before):
    rules = PathRules.parse(["/ optional", "/mijn midden", "/app/mijn midden"])
    mount = "/app" if before.endswith("_vh_app") else ""
    for path, need in (("/nieuws/2026", "optional"), ("/mijn/zaken", "midden")):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": before + path}
        environ.update(mounted_at(mount))
        environ[env.VISIBLE] = zope_paths.visible(Visit(environ), mount, ())
        assert rules.rule_of(Visit(environ)).need == need


# --- a real server ----------------------------------------------------------------

SITE_BEHIND_EILOGIN = """
from pathlib import Path

from flask import Flask

from eilogin.testing import Federation

flask = Flask(__name__)
flask.add_url_rule("/mijn", "mijn", lambda: "SECRET")
flask.add_url_rule("/nieuws", "nieuws", lambda: "open")
lines = "/ optional\\n/static off\\n/mijn midden"
federation = Federation(
    Path(__file__).parent, {"uwv.test": flask}, options={"uwv.test": {"protect": lines}}
)
app = federation.apps["uwv.test"]
"""


@pytest.fixture(scope="module")
def port_of_gunicorn(tmp_path_factory):
    """Where gunicorn serves an application, as it is by default."""
    folder = tmp_path_factory.mktemp("gunicorn")
    (folder / "behind.py").write_text(SITE_BEHIND_EILOGIN)
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "gunicorn", "-b", address, "behind:app"]
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=folder, stdout=output, stderr=output) as process,
    ):
        try:
            wait_until_it_listens(port, process, log)
            yield port
        finally:
            process.terminate()


def answer_to(port, target, *headers):
    """The status and what else an own socket hears."""
    lines = [f"GET {target} HTTP/1.1", "Host: uwv.test", "Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return int(answer.split()[1]), answer


@pytest.mark.parametrize(
    ("target", "header"),
    [
        ("/static/mijn", "SCRIPT_NAME: /static"),
        ("/nieuws/mijn", "SCRIPT_NAME: /nieuws"),
        ("/x/nieuws", "SCRIPT_NAME: /x"),
        ("/static/eilogin/session", "SCRIPT_NAME: /static"),
    ],
)
def test_a_client_of_gunicorn_that_splits_a_path_gets_nothing(
    port_of_gunicorn, target, header
):
    """A site that is not mounted where it says answers nobody."""
    status, answer = answer_to(port_of_gunicorn, target, header)
    assert status == 500
    for word in ("SECRET", "open", "logged_in", "https://inloggen.test/"):
        assert word not in answer


def test_no_client_of_gunicorn_hides_our_addresses(port_of_gunicorn):
    status, answer = answer_to(port_of_gunicorn, "/mijn", "Accept: text/html")
    assert status == 302
    assert "https://inloggen.test/" in answer
    status, answer = answer_to(port_of_gunicorn, "/eilogin/session", "Accept: */*")
    assert status == 200
    assert '{"logged_in": false}' in answer
    status, _ = answer_to(
        port_of_gunicorn, "/static", "X-Original-URL: /eilogin/session"
    )
    assert status == 404
