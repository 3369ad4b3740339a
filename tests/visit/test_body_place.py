"""Where the body of a page begins: found as a browser finds it, or put up with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.visit.injection import LONGEST_HEAD, BodyPlace

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
