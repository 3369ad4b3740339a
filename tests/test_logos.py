"""Logos: what a page may show, and what is refused."""

import base64
import struct
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest
from cpu_time import cpu_seconds

from eilogin.logos import (
    LONGEST,
    MOST,
    data_uri_of_file,
    fault_of,
    is_candidate,
    shown,
    size_of,
)

NS = 'xmlns="http://www.w3.org/2000/svg"'
SVG = f'<svg {NS} width="40" height="20"><path d="M0 0h40v20H0z"/></svg>'


def png(width: int = 3, height: int = 2, extra: bytes = b"") -> bytes:
    """A grey PNG image."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x7f" * min(width, 8)) * min(height, 8))
    parts = [(b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body + extra


def in_base64(octets: bytes, kind: str = "svg+xml") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(octets).decode()}"


def svg(inside: str, attributes: str = "") -> str:
    return in_base64(f"<svg {NS} {attributes}>{inside}</svg>".encode())


def test_shows_png_with_its_size():
    uri = in_base64(png(), "png")
    assert shown(uri) == uri
    assert size_of(uri) == (3, 2)
    assert fault_of(uri) == ""


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param(in_base64(SVG.encode()), id="base64"),
        pytest.param(f"data:image/svg+xml,{quote(SVG)}", id="percent"),
        pytest.param(f"data:image/svg+xml;charset=utf-8,{quote(SVG)}", id="charset"),
        pytest.param(
            f" DATA:IMAGE/SVG+XML;BASE64,{in_base64(SVG.encode())[26:]}\n",
            id="capitals",
        ),
        pytest.param(in_base64(f"\n{SVG}\n".encode()), id="white space"),
    ],
)
def test_shows_svg_in_one_form(uri):
    assert is_candidate(uri)
    assert shown(uri) == in_base64(SVG.encode())
    assert size_of(uri) == (40, 20)


def test_shows_png_whose_base64_is_on_several_lines():
    uri = in_base64(png(), "png")
    assert shown(f"{uri[:40]}\n   {uri[40:]}") == uri


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="120px" height="30.4"', (120, 30)),
        ('viewBox="0 0 300,100"', (300, 100)),
        ('width="100%" height="100%" viewBox="0 0 30 10"', (30, 10)),
        ('width=" 40 px " height=" +2 "', (40, 2)),
        ('width="0" height="10"', (80, 80)),
        ('width="3e9" height="10" viewBox="1"', (80, 80)),
        ("", (80, 80)),
    ],
)
def test_knows_the_size_of_a_drawing(attributes, size):
    assert size_of(svg("<path/>", attributes)) == size


def test_shows_what_drawing_programs_write():
    drawing = f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!-- made by hand -->
<svg {NS} xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 10 10"
  xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"
  xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
  xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd"
  inkscape:export-filename="C:\\logo (1).png">
  <sodipodi:namedview pagecolor="#ffffff"/>
  <metadata><rdf:RDF><rdf:Description rdf:about=""/></rdf:RDF></metadata>
  <defs>
    <style>/* by class */ .a,.b{{fill:url(#shade);clip-path:url("#cut")}}
      @media (prefers-color-scheme: dark) {{ .c {{ fill: white }} }}</style>
    <linearGradient id="one"><stop offset="0" stop-color="#123"/></linearGradient>
    <linearGradient id="shade" xlink:href="#one" gradientTransform="scale(2)"/>
    <clipPath id="cut"><rect class="c" width="9" height="9"/></clipPath>
    <symbol id="sign"><circle r="3"/></symbol>
  </defs>
  <g class="a" style="opacity:.9;fill:url(#shade)"><use href="#sign"/></g>
  <use xlink:href="#sign" mask="url(#nowhere)"/><text font-family="Arial">UWV</text>
</svg>"""
    assert fault_of(in_base64(drawing.encode())) == ""
    assert shown(in_base64(drawing.encode()))


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param(
            """<defs><style type="text/css"><![CDATA[
            /* --- text: it's 1/2 --- */
            .cls-1{fill:#fff;stroke:none;} .cls-1, .cls--2 > path {clip-path:none}
            .st2{font-family:'MyriadPro-Regular', "Myriad Pro";filter:none}
            .st3{fill:rgb(1, 2, 3);transform:translate(1px) rotate(2deg);}
            .st4{clip-path:url(#SVGID_2_);fill:url( 'x' )}
            ]]></style></defs>
            <g class="cls-1" data-name="Layer 1 (it's a copy -- of 2)"/>""".replace(
                "'x'", "'#x'"
            ),
            id="Illustrator",
        ),
        pytest.param(
            """<style id="style1"/><path marker-end="none"
            style="font-family:'Open Sans';-inkscape-font-specification:'Sans, Bold';
            color-interpolation-filters:linearRGB;marker:none;marker-start:none ;
            enable-background:accumulate;fill:url(#a);filter:none" transform="scale(2)"
            /><g style='font-family:"Source Sans Pro"'/>""",
            id="Inkscape",
        ),
    ],
)
def test_shows_the_styles_that_drawing_programs_write(inside):
    assert fault_of(svg(inside)) == ""


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("<script>alert(1)</script>", "an element 'script'"),
        ("<g><SCRIPT/></g>", "an element 'SCRIPT'"),
        ("<foreignObject><p/></foreignObject>", "an element 'foreignObject'"),
        ('<a href="#x"><path/></a>', "an element 'a'"),
        ('<image href="https://a.test/x.png"/>', "an element 'image'"),
        ('<set attributeName="href" to="javascript:1"/>', "an element 'set'"),
        ('<filter id="f"/>', "an element 'filter'"),
        (
            '<h:script xmlns:h="http://www.w3.org/1999/xhtml">1</h:script>',
            "an element of the namespace http://www.w3.org/1999/xhtml",
        ),
        ('<path onclick="alert(1)"/>', "an event handler ('onclick')"),
        ('<path ONLOAD="alert(1)"/>', "an event handler ('onload')"),
        ('<use href="https://a.test/x.svg#y"/>', "a reference outside the image"),
        ('<use href="data:image/svg+xml,x"/>', "a reference outside the image"),
        (
            '<use x:href="javascript:1" xmlns:x="http://www.w3.org/1999/xlink"/>',
            "a reference outside the image",
        ),
        ('<g xml:base="https://a.test/"/>', "an attribute 'base'"),
        ('<path fill="url(https://a.test/)"/>', "'//' in a style"),
        ('<path fill="url(x.svg#y)"/>', "a reference outside the image in a style"),
        (
            '<path style="fill:url(#a),url(b)"/>',
            "a reference outside the image in a style",
        ),
        ('<path style="fill:u\\72l(x)"/>', "'\\' in a style"),
        ("<style>@import 'x.css'</style>", "an at-rule in a style"),
        ("<style><g/>@font-face{}</style>", "an at-rule in a style"),
        ("<style>.a{fill:image-set('x')}</style>", "'image-set(' in a style"),
        ("<style>path{fill:url(#x)}</style>", "does not only select classes"),
        ("<style>.a{} /* .b{fill:url(#x)} */ g .a{fill:url(#x)}</style>", "classes"),
        ('<g id="a"><use href="#a"/></g>', "refer to themselves"),
        ('<marker id="m"/>', "an element 'marker'"),
        ('<path marker-mid="url(#m)"/>', "an attribute 'marker-mid'"),
        ('<path style="fill:red;marker:url(#m)"/>', "'marker' in a style"),
        ("<style>.a{MARKER-end/**/: url(#m)}</style>", "'marker-end' in a style"),
        ('<g filter="blur(9px)"/>', "an attribute 'filter'"),
        ('<g style="filter:blur(9px)"/>', "'blur(' in a style"),
        ("<style>.a{filter:drop-shadow(0 0 9px)}</style>", "'drop-shadow(' in a"),
        ('<g style="filter : invert(1)"/>', "'filter' in a style"),
        ('<g style="backdrop-filter:none,x"/>', "'filter' in a style"),
        ('<g style="fill:var(--x)"/>', "'var(' in a style"),
        ('<g fill="var(--x)"/>', "'var(' in a style"),
        ('<g style="--x:url(#b)"/>', "a variable ('--') in a style"),
        ("<style>.a{/**/--x:1}</style>", "a variable ('--') in a style"),
        ("<style>.a{b:'/*'}.c{fill:url(#x)}.d{b:'*/'}</style>", "that is not plain"),
        ("<style>.a{b:'}.c{'}</style>", "that is not plain"),
        ("<style>.a{b:'\n'}</style>", "that is not plain"),
        ("<g style=\"b:'{'\"/>", "that is not plain"),
        ("<style>.a{fill:red} /* .b{}</style>", "that is not plain"),
        ("<style>/*/ .b{}</style>", "that is not plain"),
        (
            "<style>.a{fill:url(#x);.b{fill:red}}</style>",
            "more than a plain list of rules",
        ),
        ("<style>.a{fill:red</style>", "more than a plain list of rules"),
        ("<style>.a{b:(}.b{c:)}</style>", "more than a plain list of rules"),
        ("<style>.a[b]{fill:red}</style>", "more than a plain list of rules"),
        ("<style>.a{b:c}<g>.b{}</g></style>", "more than a plain list of rules"),
        ("<path>", "not well-formed XML (line 1)"),
        ("&x;", "not well-formed XML (line 1)"),
        ("<?xml-stylesheet href='x.css'?>", "a processing instruction"),
    ],
)
def test_refuses_drawing_that_does_more(inside, why):
    assert shown(svg(inside)) == ""
    assert why in fault_of(svg(inside))


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("", "no data: address of an image"),
        ("javascript:alert(1)", "no data: address of an image"),
        ("data:text/html,<script>alert(1)</script>", "no data: address of an image"),
        ("data:image/jpeg;base64,/9j/", "no data: address of an image"),
        ("https://uwv.test/logo.svg", "no data: address of an image"),
        ("data:image/png;base64,iVBOR", "its base64 is incomplete"),
        ("data:image/png;base64,é", "its base64 is incomplete"),
        ("data:image/png;base64,PHN2Zy8+", "does not begin like a PNG image"),
        (in_base64(png()[:20], "png"), "does not begin like a PNG image"),
        (in_base64(png(0, 2), "png"), "does not begin like a PNG image"),
        (in_base64(png(9000, 2), "png"), "9000 x 2 pixels; expected at most 2048"),
        (in_base64(png(extra=b"acTL"), "png"), "an animated PNG"),
        (in_base64(png(extra=b"x" * MOST), "png"), "larger than 32 KiB"),
        (f"data:image/png;base64,{'A' * 10_000_000}", "larger than 32 KiB"),
        ("data:image/svg+xml,<svg/>", "its root element is not 'svg' of the namespace"),
        (in_base64(b"\xff\xfe<\0s\0v\0g\0"), "not UTF-8"),
        (
            in_base64(f'<?xml version="1.0" encoding="UTF-7"?>{SVG}'.encode()),
            "declares another encoding than UTF-8",
        ),
        (
            in_base64(
                b'<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
                + SVG.replace("<path", "<text>&b;</text><path").encode()
            ),
            "it has a DOCTYPE",
        ),
    ],
)
def test_refuses_what_is_no_small_image(uri, why):
    assert shown(uri) == ""
    assert why in fault_of(uri)
    assert size_of(uri) == (0, 0)


def test_refuses_drawing_that_doubles_itself():
    parts = "".join(
        f'<g id="a{n}"><use href="#a{n + 1}"/><use href="#a{n + 1}"/></g>'
        for n in range(18)
    )
    drawing = svg(f'{parts}<g id="a18"/>')
    # A second call would find the fault in the cache.
    assert cpu_seconds(lambda: fault_of(drawing), tries=1) < 1
    assert "draw more than 20000 elements" in fault_of(drawing)


def test_refuses_style_that_doubles_a_drawing():
    rules = "".join(f".a{n}{{clip-path:url(#a{n + 1})}}" for n in range(18))
    parts = "".join(
        f'<clipPath id="a{n}"><path class="a{n}"/><path class="a{n}"/></clipPath>'
        for n in range(18)
    )
    doubled = svg(f"<style>{rules}</style>{parts}")
    assert "draw more than 20000 elements" in fault_of(doubled)


def test_counts_a_class_once():
    style = "<style>.a,.a,.a{fill:url(#b)}</style>"
    assert fault_of(svg(f'{style}<g class="{"a " * 9000}"/><path id="b"/>')) == ""


@pytest.mark.parametrize("error", [MemoryError, RecursionError])
def test_refuses_drawing_that_needs_too_much_memory(monkeypatch, error):
    calls = []

    def fail(octets):
        calls.append(octets)
        raise error

    monkeypatch.setattr("eilogin.logos._svg_size", fail)
    for _ in range(2):
        assert "draw more than" in fault_of(svg(f"<!-- {error} -->"))
    assert len(calls) == 1


def test_looks_at_nested_parts_for_a_short_time():
    nested = "".join(f'<g id="a{n}">' for n in range(200)) + "<path/>" * 1000
    drawing = svg(
        nested + "</g>" * 200 + "".join(f'<use href="#a{n}"/>' for n in range(200))
    )
    assert cpu_seconds(lambda: fault_of(drawing), tries=1) < 1
    assert "draw more than 20000 elements" in fault_of(drawing)


def test_takes_no_long_text_for_a_candidate():
    assert not is_candidate(f"data:image/png;base64,{'A' * LONGEST}")
    assert not is_candidate("https://uwv.test/logo.png")


def test_reads_logo_from_file(tmp_path: Path):
    drawing, image = tmp_path / "logo.svg", tmp_path / "logo"
    drawing.write_text(f"\n{SVG}\n")
    image.write_bytes(png())
    assert data_uri_of_file(str(drawing)) == in_base64(SVG.encode())
    assert data_uri_of_file(image) == in_base64(png(), "png")


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"GIF89a", "no PNG and no SVG image"),
        (b"<svg><script/></svg>", "its root element is not 'svg'"),
        (SVG.replace("<path", "<script/><path").encode(), "line 1: it has an element"),
        (b"<svg>" + b" " * 10_000_000, "larger than 32 KiB"),
        (b" " * MOST + b" ", "larger than 32 KiB"),
    ],
)
def test_refuses_file_that_is_no_logo(tmp_path: Path, octets, why):
    path = tmp_path / "logo.svg"
    path.write_bytes(octets)
    with pytest.raises(ValueError, match=why):
        data_uri_of_file(path)


def test_says_that_a_file_is_missing(tmp_path: Path):
    with pytest.raises(ValueError, match="cannot read it: no such file"):
        data_uri_of_file(tmp_path / "logo.svg")
