"""A tag in a page that streams by: in its one place, whatever comes in what pieces."""

import re
from itertools import pairwise
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eilogin.participant.injection.html_injection import (
    LONGEST_BEGINNING,
    HeadPlace,
    Insertion,
    inject,
)

TAG = b"<script></script>"
GET = {"REQUEST_METHOD": "GET"}
HERE = "#"  # the place in the documents below


class Server:
    """What a server does with an application, as PEP 3333 says it."""

    def __init__(self, app, *, is_xml=False, chooses=True):
        self.app = app
        self.is_xml = is_xml
        self.chooses = chooses
        self.status = None
        self.headers = {}
        self.sent = []

    def start_response(self, status, headers, exc_info=None):
        if exc_info and self.body:
            raise exc_info[1]
        self.status, self.headers = status, dict(headers)
        return self.sent.append

    def wrapped(self, environ, start_response):
        def choose(status, headers):
            is_fine = self.chooses and status.startswith("200")
            place = HeadPlace(is_xml=self.is_xml)
            return Insertion(TAG, place, headers) if is_fine else None

        return inject(self.app, environ, start_response, choose)

    def serve(self, method="GET"):
        environ = {"QUERY_STRING": "", "REQUEST_METHOD": method}
        setup_testing_defaults(environ)
        chunks = validator(self.wrapped)(environ, self.start_response)
        try:
            for chunk in chunks:
                self.sent.append(chunk)
        finally:
            chunks.close()
        return self

    @property
    def body(self):
        return b"".join(self.sent)


def page(*chunks, status="200 OK", headers=()):
    def app(environ, start_response):
        start_response(status, [("Content-Type", "text/html"), *headers])
        return list(chunks)

    return app


def serve(*chunks, is_xml=False, **said):
    return Server(page(*chunks, **said), is_xml=is_xml).serve()


# --- the place ------------------------------------------------------------------

HTML = [
    "<!doctype html><html><head>#<title>x</title></head><body></body></html>",
    "<!DOCTYPE html>\n<html lang=\"nl\">\n<head prefix='a>b'>#\n<meta charset=utf-8>",
    '\ufeff\n<!doctype html>\n<html lang="nl" xml:lang="nl">\n<head>#<title>x</title>',
    '<!doctype html><html lang="nl">\n<header>'.replace("\n", "\n#"),
    "<!doctype html>\n#<title>No head tag</title><p>Text",
    "<!doctype html><html>#<body><p>Text</body></html>",
    "<!doctype html>#<p>Text",
    "<!doctype html> #Text",
    "<html>#<header>Not a head</header></html>",
    "<HTML><HEAD>#<TITLE>x</TITLE>",
    "\ufeff<!doctype html><head>#<title>x</title>",
    "<!-- a --><!doctype html><!--> <!---> <!-- <head> --!><html><head>#<title>",
    "<!doctype html><!--[if !IE]><!--><html><!--<![endif]--><head>#",
    '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C" "x.dtd"><html><head>#',
    "<head/>#<title>x</title>",
    "<html a b=c d = 'e' f=\"g>\"\n><head\t>#<script>'</head><body>'</script>",
    "<!doctype html><html>#<title><html><head></title>",
    "<!doctype html><html><html><head>#<head>",
]
XML = [
    '<?xml version="1.0"?>\n<!DOCTYPE html>\n<html xmlns="x"><head>#<title/></head>',
    "<html><!-- <head> --><head>#</head><body/></html>",
]
NOWHERE = [
    "",
    " ",
    "<",
    "<p>A part of a page</p>",
    "Text",
    "{}",
    "<!-- a comment --><div></div>",
    "<!doctype html",
    "<!doctype html>",
    "<!doctype html><!-- for ever",
    "<!doctype html><html><!-- <head> ",
    "<html a\"b><head><meta content='x>y'>",
    "<html a='b><head>",
    "<!doctype html [ <!ENTITY a 'b'> ]><html><head>",
    "<!doctype html></head>",
    "<!doctype html><![CDATA[<head>]]>",
    "<!doctype html><?php echo 1 >",
    "\ufffe<!doctype html><head>",
    "<svg><html><head>",
]
NOWHERE_IN_XML = [
    "<html/>",
    "<html><head/><body/></html>",
    "<html><title/></html>",
    "<!DOCTYPE html>text",
    "<h:html><h:head>",
]


@pytest.mark.parametrize(
    ("document", "is_xml"), [*((d, False) for d in HTML), *((d, True) for d in XML)]
)
def test_the_tag_comes_first_in_the_head(document, is_xml):
    before, _, after = document.partition(HERE)
    served = serve((before + after).encode(), is_xml=is_xml)
    assert served.body == before.encode() + TAG + after.encode()


@pytest.mark.parametrize(
    ("document", "is_xml"),
    [*((d, xml) for d in NOWHERE for xml in (False, True)),
     *((d, True) for d in NOWHERE_IN_XML)],
)  # fmt: skip
def test_content_without_document_start_stays_unchanged(document, is_xml):
    assert serve(document.encode(), is_xml=is_xml).body == document.encode()


@pytest.mark.parametrize("document", [b"<html><head><title>", b"<p>no document</p>"])
def test_a_page_of_one_part_stays_one_part(document):
    """Of one part a server knows the length, and keeps the connection."""
    server = Server(page(document))
    environ = {"REQUEST_METHOD": "GET"}
    chunks = server.wrapped(environ, server.start_response)
    assert len(chunks) == 1


def test_another_encoding_is_left_as_it_is():
    document = "<!doctype html><html><head>".encode("utf-16")
    assert serve(document).body == document


def test_a_beginning_that_takes_too_long_is_left_as_it_is():
    banner = b"<!--" + b"x" * LONGEST_BEGINNING
    rest = b"--><html><head>"
    served = serve(b"<!doctype html>", banner, rest)
    assert served.body == b"<!doctype html>" + banner + rest


def test_a_long_one_that_came_at_once_is_none_too_long():
    before = b"<!doctype html><!--" + b"x" * LONGEST_BEGINNING + b"--><head>"
    assert serve(before + b"<title>").body == before + TAG + b"<title>"


@st.composite
def in_pieces(draw, documents):
    """A document, cut anywhere, with empty pieces too."""
    document = draw(documents).replace(HERE, "").encode()
    cuts = draw(st.lists(st.integers(0, len(document)), max_size=12))
    ends = [0, *sorted(cuts), len(document)]
    return [document[a:b] for a, b in pairwise(ends)]


fragments = st.sampled_from(
    [*"<>!-/\"'= a\n", "<!--", "-->", "<html", "<head>", "<head", "</head>", "<script>",
     "<!doctype html>", "<?xml ", "?>", "<body>", "\ufeff", "é", "x='y'"]
)  # fmt: skip
soup = st.lists(fragments, max_size=20).map("".join)
documents = (
    st.sampled_from(HTML + XML + NOWHERE + NOWHERE_IN_XML)
    | soup
    | soup.map("<!doctype html><html>{}<head>".format)
)


@given(pieces=in_pieces(documents), is_xml=st.booleans(), has_length=st.booleans())
@example(pieces=[b"<html><head>"], is_xml=False, has_length=True)
def test_in_whatever_pieces_it_comes_the_same_bytes_go_out(pieces, is_xml, has_length):
    whole = b"".join(pieces)
    length = [("Content-Length", str(len(whole)))] if has_length else []
    expected = serve(whole, is_xml=is_xml, headers=length)
    served = serve(*pieces, is_xml=is_xml, headers=length)
    assert served.body == expected.body
    blanks = b" " * len(TAG) if len(whole) >= len(b"<head>") else b""
    if served.body.count(TAG):
        assert served.body.replace(TAG, b"", 1) == whole
    else:
        assert served.body in (whole, whole + blanks)
    if has_length:
        assert int(served.headers["Content-Length"]) == len(served.body)


def test_byte_by_byte_is_no_reason_to_look_at_all_of_it_each_time():
    document = b"<!doctype html><html><!--" + b"x" * LONGEST_BEGINNING
    served = serve(*(bytes([byte]) for byte in document))
    assert served.body == document


# --- streaming ------------------------------------------------------------------


def test_a_stream_stays_one():
    made = []

    def stream(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        for chunk in (b"<!doctype html><head>", b"one", b"two <he"):
            made.append(chunk)
            yield chunk

    chunks = iter(Server(stream).wrapped(GET, lambda *_: None))
    assert next(chunks) == b"<!doctype html><head>" + TAG
    assert next(chunks) == b"one"
    assert len(made) == 2
    assert next(chunks) == b"two <he"


def test_an_application_may_begin_late_and_may_write():
    def late(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/html")])
        write(b"<!doctype html><ht")
        write(b"ml><head><title>")
        write(b"x")
        yield b"</title>"

    expected = b"<!doctype html><html><head>" + TAG + b"<title>x</title>"
    assert Server(late).serve().body == expected


def test_content_from_write_callable_is_sent_completely():
    def writer(environ, start_response):
        headers = [("Content-Type", "text/html"), ("Content-Length", "13")]
        start_response("200 OK", headers)(b"<p>written</p")
        return []

    served = Server(writer).serve()
    assert served.body == b"<p>written</p" + b" " * len(TAG)
    assert served.headers["Content-Length"] == str(13 + len(TAG))


class Closable(list):
    is_closed = False

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
def test_an_answer_is_closed(status):
    chunks = Closable([b"<html><head>"])

    def app(environ, start_response):
        start_response(status, [("Content-Type", "text/html")])
        return chunks

    Server(app).serve()
    assert chunks.is_closed


def test_application_iterable_without_tag_is_passed_on_unchanged():
    """So that a server can send a file by itself (wsgi.file_wrapper)."""
    chunks = Closable([b"<html><head>"])

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        return chunks

    server = Server(app, chooses=False)
    assert server.wrapped(GET, server.start_response) is chunks


def test_an_exception_passes_and_closes():
    def broken(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        yield b"<html"
        raise LookupError("the database is gone")

    server = Server(broken)
    with pytest.raises(LookupError):
        server.serve()
    assert server.body == b""


# --- what is said of the bytes --------------------------------------------------


def test_headers_say_what_is_true_of_the_longer_answer():
    served = serve(
        b"<html><head>",
        headers=[
            ("Content-Length", "12"),
            ("ETag", '"abc"'),
            ("Content-MD5", "x"),
            ("Repr-Digest", "sha-256=:x:"),
            ("Accept-Ranges", "bytes"),
            ("X-Other", "stays"),
        ],
    )
    assert served.headers == {
        "Content-Type": "text/html",
        "Content-Length": str(12 + len(TAG)),
        "ETag": 'W/"abc"',
        "X-Other": "stays",
    }


@pytest.mark.parametrize("document", [b"<html><head>", b"<p>none</p>", b"<p>", b""])
def test_head_says_what_get_says(document):
    """RFC 9110 8.6 and 9.3.2; and it has no body, however long it says that one is."""
    said = [("ETag", '"abc"'), ("Accept-Ranges", "bytes")]
    app = page(document, headers=[*said, ("Content-Length", str(len(document)))])

    def headless(environ, start_response):
        answer = app(environ, start_response)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else answer

    got, head = Server(headless).serve(), Server(headless).serve("HEAD")
    assert head.headers == got.headers
    assert head.headers["Content-Length"] == str(len(got.body))
    assert head.body == b""


@pytest.mark.parametrize("document", [b"", b"<p>"])
def test_content_too_short_for_a_document_does_not_grow(document):
    length = str(len(document))
    headers = [("ETag", '"abc"'), ("Content-Length", length)]
    served = serve(document, headers=headers)
    assert served.body == document
    assert served.headers["Content-Length"] == length
    assert served.headers["ETag"] == '"abc"'


def test_blanks_around_a_length_are_no_part_of_it():
    served = Server(page(b"<html><head>", headers=[("Content-Length", " 12 ")]))
    list(served.wrapped(GET, served.start_response))
    assert served.headers["Content-Length"] == str(12 + len(TAG))


def test_not_modified_says_nothing_of_the_bytes_before_the_tag():
    """As far as it can: it does not say of which kind the page was (RFC 9110 8.6)."""
    headers = [("ETag", '"abc"'), ("content-length", "12"), ("Repr-Digest", "x"),
               ("Cache-Control", "private")]  # fmt: skip
    server = Server(page(status="304 Not Modified", headers=headers))
    list(server.wrapped(GET, server.start_response))
    del server.headers["Content-Type"]
    assert server.headers == {"ETag": 'W/"abc"', "Cache-Control": "private"}


def test_the_same_page_has_the_same_etag_when_it_was_not_changed():
    not_modified = page(status="304 Not Modified", headers=[("ETag", '"abc"')])

    def bare(environ, start_response):
        start_response("304 Not Modified", [("ETag", '"abc"')])
        return not_modified({}, lambda *_: None)

    assert Server(bare).serve().headers["ETag"] == 'W/"abc"'


def test_a_weak_etag_and_an_odd_length_stay_as_they_are():
    headers = [("ETag", 'W/"abc"'), ("Content-Length", "twelve")]
    server = Server(page(b"<html><head>", headers=headers))
    list(server.wrapped(GET, server.start_response))
    assert server.headers["ETag"] == 'W/"abc"'
    assert server.headers["Content-Length"] == "twelve"


def failing(first):
    """An application that finds out too late that something is wrong."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        yield first
        error = LookupError("the database is gone")
        exc_info = (LookupError, error, error.__traceback__)
        start_response("500 Oops", [("Content-Type", "text/plain")], exc_info)
        yield b"Sorry"

    return app


def test_an_error_before_anything_was_sent_has_an_answer_of_its_own():
    served = Server(failing(b"")).serve()
    assert served.status == "500 Oops"
    assert served.body == b"Sorry"


@pytest.mark.parametrize("first", [b"<!doctype html", b"<html><head>"])
def test_an_error_after_that_cannot_be_answered(first):
    with pytest.raises(LookupError, match="database"):
        Server(failing(first)).serve()


def test_the_tag_is_in_it_once():
    served = serve(b"<html><head>", b"<head>", b"<html><head>")
    assert len(re.findall(TAG, served.body)) == 1
