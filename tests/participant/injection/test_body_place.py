"""Where body and content of a page begin: as a browser finds it, or put up with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.participant.injection.html_injection import (
    LONGEST_HEAD,
    LONGEST_MENU,
    BodyPlace,
    ContentPlace,
)

HERE = "#"
DOCUMENTS = {
    "a body": "<!doctype html><html lang=nl><head><title>x</title></head><body>#<p>x",
    "attributes": "<html><head></head><body class=\"a>b\" data-x='>' y>#text",
    "upper case": "<!DOCTYPE HTML>\n<HTML>\n<HEAD>\n<TITLE>x</TITLE></HEAD><BODY>#<P>",
    "a banner": "<!-- <body> --><!doctype html><?x <body?><html><body>#",
    "a script": "<head><script>'<body>'; if (1 < 2) {}</script></head><body>#",
    "styles": "<head><style>a::before{content:'<body>'}</style><body>#",
    "a title": "<title><body></title ><meta charset=utf-8/><link a><base b=/><body>#",
    "without scripts": "<head><noscript><style>x{}</style></noscript></head><body>#",
    "no head": "<!doctype html>\n#<h1>x</h1>",
    "no body": "<html><head><title>x</title></head>\n#<p>x",
    "a fragment": "#<p>x</p>",
    "text": "#Welkom",
    "a byte order mark": "\N{ZERO WIDTH NO-BREAK SPACE}<html><body>#x",
    "a script with a comment": "<head>#<script><!-- x</script><body>",
    "what no head holds": "<head><title>x</title>#<template></template></head><body>",
    "another element of that name": "<head>#<headline>x",
    "an end tag": "<html>#</p><body>",
}


def place_of(octets):
    return BodyPlace().look(octets)


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_is_where_a_browser_has_it_or_before(text):
    octets = text.replace(HERE, "", 1).encode()
    assert place_of(octets + b"<p>rest</p>") == text.encode().index(b"#")


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
@given(data=st.data())
def test_is_the_same_however_it_comes(text, data):
    octets = text.replace(HERE, "", 1).encode() + b"<p>rest</p>"
    place, found, size = BodyPlace(), None, 0
    while found is None:
        size = min(len(octets), size + data.draw(st.integers(1, 20)))
        found = place.look(octets[:size])
    assert found == text.encode().index(b"#")


def test_is_none_in_a_page_of_frames():
    assert place_of(b"<html><head></head><frameset cols=1><frame></frameset>") == -1


@pytest.mark.parametrize(
    "beginning",
    [b"", b"\xef\xbb", b"<", b"<!", b"<!-- x", b"<head", b"<bod", b"<html lang='x>",
     b"<script>x</scrip", b"<title>x", b'<body class="x>', b"<head> \n"],
)  # fmt: skip
def test_is_looked_for_on_where_more_may_come(beginning):
    assert place_of(beginning) is None


def test_is_not_looked_for_for_ever():
    endless = b"<head><style>" + b"x" * LONGEST_HEAD
    assert place_of(endless) == len(b"<head>")


# --- its content ----------------------------------------------------------------------

CONTENTS = {
    "a heading": "<html><body class=x><p>x</p>#<H1 class=y>x</h1>",
    "main": "<body><header>x</header><MAIN id='a' role=main>#<article><h1>x",
    "a heading before main": "<body>#<h1>x</h1><main>",
    "a heading in a header": "<body><header class=row><h1>x</h1></header>#<h1>y</h1>",
    "a menu": "<body><nav><div><h1>x</div></nav><aside/><main>#",
    "two headers": "<body><header><nav></nav><h1>x</h1></header></nav>#<h1>",
    "what is hidden": "<body><h1 hidden>x</h1><main class='a hidden'>#<h1>",
    "two pages in one": "<body><main hidden=''>x</main><MAIN>#<h1>",
    "a comment": "<body><!-- > <h1> --><!doctype x><?x <h1?>#<h1>",
    "a script": "<body><script>'<h1>'</script><textarea><main></textarea >#<h1>",
    "an attribute": """<body><a title='<h1>'b="<main>" c=d/><br/>#<h1>""",
    "a drawing": "<body><svg><title>x</title><h1></svg><svg/>#<h1>",
    "less than": "<body>a < b <3 #<h1>",
    "another element of that name": "<body><h10><mainly><h1-x>#<h1>",
}
NO_CONTENTS = {
    "neither": "<body class=a>#<p>x</p></body>",
    "a header alone": "<body>#<header><h1>x</h1>",
    "a quote that is none": "<body>#<a title=it's><h1>",
    "a script with a comment": "<body>#<script><!-- </script><h1>",
    "a tag that does not end": "<body>#<a title='<h1>",
    "a start": "<!doctype html>#<p>",
}


def pieces_of(data, octets):
    size = 0
    while size < len(octets):
        size = min(len(octets), size + data.draw(st.integers(1, 30)))
        yield octets[:size]


def content_of(pieces):
    place = ContentPlace()
    for piece in pieces:
        found = place.look(piece)
        if found is not None:
            return found
    return place.last()


@pytest.mark.parametrize("text", CONTENTS.values(), ids=CONTENTS)
@given(data=st.data())
def test_content_begins_at_a_heading_or_main_however_it_comes(text, data):
    octets = text.replace(HERE, "", 1).encode() + b"<p>rest</p>"
    assert ContentPlace().look(octets) == text.index(HERE)
    assert content_of(pieces_of(data, octets)) == text.index(HERE)


@pytest.mark.parametrize("text", NO_CONTENTS.values(), ids=NO_CONTENTS)
@given(data=st.data())
def test_without_either_it_begins_with_the_body(text, data):
    octets = text.replace(HERE, "", 1).encode()
    assert ContentPlace().look(octets) is None
    assert content_of(pieces_of(data, octets)) == text.index(HERE)


def test_content_is_not_waited_for_for_ever():
    menu = b"<body><ul>" + b"<li>x" * (LONGEST_MENU // 5 + 1)
    assert ContentPlace().look(menu) == len(b"<body>")


def test_content_has_no_place_in_a_page_of_frames_or_before_a_body():
    assert ContentPlace().look(b"<html><frameset cols=1><frame></frameset>") == -1
    place = ContentPlace()
    assert place.look(b"<html><head>") is None
    assert place.last() == -1
