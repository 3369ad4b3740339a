"""Refuse hostile logos, colours and links of a site; show hostile names as text.

Whoever may write the ini file may do anything. But a logo comes from a designer, and a
name or an address comes from whoever was asked for it by mail.
"""

import base64
import re
import tracemalloc
from types import SimpleNamespace

import pytest
from cpu_time import cpu_seconds
from lxml import html
from webob import Request

from eilogin import logos
from eilogin.config import attempt, read
from eilogin.errors import InvalidOptions
from eilogin.federation.local.local_entity import Own
from eilogin.federation.local.local_options import OwnOptions, own_of
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.logos import data_uri_of_file, fault_of
from eilogin.saml.signing_keys import new_key_pair
from eilogin.web import environ as env
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit

NS = 'xmlns="http://www.w3.org/2000/svg"'
XLINK = 'xmlns:l="http://www.w3.org/1999/xlink"'
MARKUP = "\"'></title><script>alert(1)</script>"


@pytest.fixture
def own(tmp_path):
    """Read options beside a key; return who the site is."""
    key, certificate = new_key_pair("uwv.test", days=2)
    (tmp_path / "uwv.key").write_bytes(key)
    (tmp_path / "uwv.crt").write_bytes(certificate)

    def make(**values):
        said = {"public_url": "https://uwv.test", "key": "uwv.key"}
        file = {"__file__": str(tmp_path / "site.ini")}
        options = read(OwnOptions, file, {**said, "certificate": "uwv.crt", **values})
        return own_of(options)

    return make


def faults(tmp_path, **values):
    file = str(tmp_path / "site.ini")
    found = attempt(TrustOptions, file, "filter:eilogin", values)[1]
    return {f.option: str(f) for f in found if f.option in values}


def page_of(own: Own):
    environ = Request.blank("/", headers={"Accept-Language": "nl"}).environ
    environ[env.TRUST] = SimpleNamespace(own=own)
    return Pages().page(Visit(environ), "unknown_host.html")


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ("<script>alert(1)</script>", "script"),
        (
            f'<s:script xmlns:s="http://www.w3.org/2000/svg" {XLINK} l:href="x"/>',
            "script",
        ),
        ('<path onload="alert(1)"/>', "onload"),
        ('<a l:href="javascript:alert(1)"><path/></a>', "'a'"),
        ('<use l:href="https://evil.test/a.svg#b"/>', "https://evil.test"),
        ('<image l:href="https://evil.test/a.png"/>', "image"),
        ('<path fill="url(https://evil.test/)"/>', "style"),
        ("<style>@import url(https://evil.test/)</style>", "style"),
        ("<style>@\\69mport url(//evil.test)</style>", "style"),
        ("<foreignObject><p/></foreignObject>", "foreignObject"),
        ('<b:script xmlns:b="http://www.w3.org/1999/xhtml"/>', "xhtml"),
        ('<set attributeName="onclick" to="alert(1)"/>', "set"),
        ('<?xml-stylesheet href="https://evil.test/"?>', "processing instruction"),
    ],
)
def test_logo_that_does_more_than_draw_stops_the_start(tmp_path, own, inside, what):
    drawing = f"<svg {NS} {XLINK} viewBox='0 0 9 9'><path/>\n{inside}</svg>"
    (tmp_path / "logo.svg").write_text(drawing)
    found = faults(tmp_path, logo="logo.svg")["logo"]
    assert f"{tmp_path}/site.ini: [filter:eilogin] logo: found 'logo.svg'" in found
    assert what in found
    with pytest.raises(InvalidOptions, match="logo"):
        own(logo="logo.svg")


def test_logo_with_a_file_of_this_machine_stops_the_start(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("very secret")
    drawing = (
        f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{secret}">]>'
        f"<svg {NS}><text>&x;</text></svg>"
    )
    (tmp_path / "logo.svg").write_text(drawing)
    found = faults(tmp_path, logo="logo.svg")["logo"]
    assert "DOCTYPE" in found
    assert "very secret" not in found


@pytest.mark.parametrize("name", ["logo.svg", "logo.png"])
def test_logo_of_ten_megabytes_is_not_read(tmp_path, name):
    head = {"logo.svg": b"<svg>", "logo.png": b"\x89PNG\r\n\x1a\n"}[name]
    (tmp_path / name).write_bytes(head + b" " * 10_000_000)
    tracemalloc.start()
    assert "larger than 32 KiB" in faults(tmp_path, logo=name)["logo"]
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert memory < 5_000_000


def test_logo_that_is_no_file_stops_the_start(tmp_path):
    for name in (".", "/dev/zero", "no\0name", ""):
        assert "logo" in faults(tmp_path, logo=name)


def test_logo_whose_paint_is_inherited_time_and_again_stops_the_start(tmp_path):
    """Each pattern is painted with the next one, ten times, by a group around it."""
    patterns = "".join(
        f'<pattern id="p{n}" width="1" height="1"><g fill="url(#p{n + 1})">'
        + "<path d='M0 0h9v9z'/>" * 10
        + "</g></pattern>"
        for n in range(12)
    )
    (tmp_path / "logo.svg").write_text(
        f'<svg {NS}>{patterns}<g fill="url(#p0)"><path d="M0 0h9v9z"/></g></svg>'
    )
    assert "draw more than" in faults(tmp_path, logo="logo.svg")["logo"]


def named(selectors: int, urls: int, words: int, others: int = 1) -> str:
    """A style for classes with parts, time and again, and elements with the classes."""
    names = ",".join([".a"] * selectors)
    paints = " ".join(["url(#b)"] * urls)
    groups = f'<g class="{"a " * words}"/>' * others
    return f"<style>{names}{{fill:{paints}}}</style>{groups}"


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param(named(3000, 1400, 5000), id="words"),
        pytest.param(named(1000, 300, 60, 90), id="few bytes"),
        pytest.param(named(1, 2500, 1, 700), id="elements"),
        pytest.param(
            "<style>"
            + ",".join(f".{n:x}" for n in range(3000))
            + "{fill:"
            + "url(#b)" * 2000
            + "}</style>",
            id="different classes",
        ),
        pytest.param(
            "".join(f'<g fill="{"url(#b)" * 20}">' for _ in range(199)) + "</g>" * 199,
            id="attributes",
        ),
        pytest.param("<style>" + "/*/" * 10_000 + "</style>", id="comments"),
        pytest.param("<style>" + "/*" * 15_000 + "</style>", id="open comments"),
        pytest.param("<style>" + "'" * 29_999 + "</style>", id="quotes"),
        pytest.param("<style>" + "a{(" * 9_999 + "</style>", id="brackets"),
        pytest.param("<style>" + "a{}" * 9_999 + "{</style>", id="rules"),
        pytest.param("<style>@media" + " " * 29_999 + "</style>", id="media"),
        pytest.param("<style>a{" + "filter " * 4_000 + "</style>", id="words of rules"),
        pytest.param(f"<style>filter{' ' * 29_000}</style>", id="spaces"),
        pytest.param(f"<style>url({' ' * 29_000}</style>", id="spaces of a reference"),
    ],
)
def test_no_style_makes_the_reader_busy(inside):
    assert_quick(f"<svg {NS}>{inside}</svg>")


def test_no_size_makes_the_reader_busy():
    assert_quick(f'<svg {NS} width="1{" " * 30_000}x" height="3"/>')


@pytest.mark.parametrize("selectors", [1, 3000])
def test_style_that_paints_thousands_of_times_is_refused(selectors):
    names = ",".join(f".x{n:x}" for n in range(selectors))
    style = f"<style>{names}{{fill:{'url(#b)' * 1500}}}</style>"
    groups = '<g class="x0"/>' * 20
    fault = assert_quick(f"<svg {NS}>{style}{groups}</svg>")
    assert "draw more than 20000" in fault


def assert_quick(text: str) -> str:
    """Assert that a drawing is judged in a short time and little memory."""
    assert len(text) < 32 * 1024
    uri = f"data:image/svg+xml;base64,{base64.b64encode(text.encode()).decode()}"
    tracemalloc.start()
    # A second call would find the fault in the cache.
    took = cpu_seconds(lambda: fault_of(uri), tries=1)
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 1
    assert memory < 20_000_000
    known = logos._checked.cache_info().hits  # noqa: SLF001 - time proves too little
    fault = fault_of(uri)
    assert logos._checked.cache_info().hits == known + 1  # noqa: SLF001
    return fault


def test_drawing_with_gradients_in_groups_is_no_such_logo(tmp_path):
    stops = (
        '<linearGradient id="g"><stop offset="0"/><stop offset="1"/></linearGradient>'
    )
    groups = '<g fill="url(#g)">' * 20 + "<path/>" * 500 + "</g>" * 20
    logo = tmp_path / "logo.svg"
    logo.write_text(f"<svg {NS}>{stops}{groups}</svg>")
    assert data_uri_of_file(logo).startswith("data:image/svg+xml;base64,")


def test_markup_in_names_and_links_is_text(own):
    site = own(
        name=MARKUP,
        telephone=f"14 0123 {MARKUP}",
        footer=f"/x?{'a' * 9} {'<img src=x onerror=alert(1)>'}",
    )
    page = page_of(site)
    root = html.document_fromstring(page.text)
    assert not root.xpath("//script | //img | //@onerror")
    assert root.xpath("//title")[0].text.endswith(MARKUP)
    assert root.xpath("//footer//li/a")[0].text == "<img src=x onerror=alert(1)>"


def test_logo_stands_in_a_page_that_loads_nothing(own, tmp_path):
    (tmp_path / "logo.svg").write_text(f"<svg {NS} viewBox='0 0 9 9'><path/></svg>")
    site = own(logo="logo.svg", accent="#a90061")
    page = page_of(site)
    policy = page.headers["Content-Security-Policy"]
    assert "img-src data:;" in policy
    assert "default-src 'none'" in policy
    root = html.document_fromstring(page.text)
    assert all(a.startswith("data:") for a in root.xpath("//img/@src | //link/@href"))
    octets = base64.b64decode(root.xpath("//img/@src")[0].partition(",")[2])
    assert octets == (tmp_path / "logo.svg").read_bytes()


@pytest.mark.parametrize(
    "colour",
    [
        "#154273; } body { display: none",
        "#154273</style><script>alert(1)</script>",
        "url(https://evil.test/)",
        "#15427\N{FULLWIDTH DIGIT THREE}",
    ],
)
def test_style_has_no_other_text_of_the_options(tmp_path, colour):
    assert "six hexadecimal digits" in faults(tmp_path, accent=colour)["accent"]


def test_all_of_it_is_told_at_once(tmp_path):
    (tmp_path / "logo.svg").write_text(f"<svg {NS} onload='x()'/>")
    found = faults(
        tmp_path,
        logo="logo.svg",
        accent="#ffff00",
        footer="contact javascript:alert(1)\nprivacy data:text/html,x",
    )
    assert set(found) == {"logo", "accent", "footer"}
    assert "an event handler ('onload')" in found["logo"]
    assert re.search(
        r"the nearest with the same hue is '#[0-9a-f]{6}'", found["accent"]
    )
    assert "(line 1: 'contact javascript:alert(1)')" in found["footer"]
    assert "(line 2: 'privacy data:text/html,x')" in found["footer"]
