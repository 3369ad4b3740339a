"""No form with files makes Zope call something that nobody judged.

The parsers are real ones: those of Zope before 5.8.1 and since, and Werkzeug's. If one
of them finds a field that calls something, eilogin has refused the form.
"""

import contextlib
import warnings
from io import BytesIO

import multipart
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.formparser import parse_form_data

from eilogin.errors import FormRefused
from eilogin.participant.policy.zope_paths import require_no_call_in_parts
from eilogin.web.visit import Visit

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import cgi

#: What a form is put together from: ends of lines, boundaries, heads and texts.
FRAGMENTS = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b" ", b"\t", b"\r\n "),
    *(
        b"--x",
        b"--x\r\n",
        b"\r\n--x\r\n",
        b"--x--",
        b"\r\n--x--\r\n",
        b"--y\r\n",
        b"--",
    ),
    *(b"Content-Disposition: form-data; ", b"content-disposition:form-data;"),
    *(b'name="a:method"', b"name=a:method", b'name="a:me\\thod"', b'"name=a%3Amethod"'),
    *(b'name="a"', b"; ", b'filename="', b'filename="b"', b'"', b"\\", b";"),
    *(b"Content-Type: text/plain", b"Content-Type: multipart/mixed; boundary=y"),
    *(b"text", b":method", b"name*=utf-8''a:method", b"\x00", b"\xff"),
)
HEAD = b'--x\r\nContent-Disposition: form-data; name="a:method"\r\n\r\n'
TYPES = (
    *("x", '"x"', "x; charset=utf-8", "y; boundary=x", "x; boundary=y", '"x', "x y"),
    *(' "x "', "-x", 'x"; boundary="y', "x\\", "x=y"),
)


def environ_of(body, boundary):
    return {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": f"multipart/form-data; boundary={boundary}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }


def names_in_new_zope(environ):
    _, options = multipart.parse_options_header(environ["CONTENT_TYPE"])
    parser = multipart.MultipartParser(
        environ["wsgi.input"], options["boundary"], charset="latin-1"
    )
    return [part.name for part in parser.parts()]


def names_in_old_zope(environ):
    fields = cgi.FieldStorage(environ["wsgi.input"], environ=environ)
    return [field.name for field in fields.list or ()]


def names_in_werkzeug(environ):
    # Not in a temporary file, which nobody closes.
    _, form, files = parse_form_data(environ, stream_factory=lambda **_: BytesIO())
    return [*form, *files]


@pytest.mark.parametrize(
    "names_in", [names_in_new_zope, names_in_old_zope, names_in_werkzeug]
)
@settings(max_examples=400)
@given(
    body=st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(b"".join),
    boundary=st.sampled_from(TYPES),
)
@example(HEAD + b"x\r\n--x--\r\n", "x")
@example(HEAD.replace(b"\r\n", b"\n") + b"x\n--x--\n", "x")
@example(b"--x\r\n\r\n\r\n" + HEAD + b"x\r\n--x--\r\n", "x")
@example(b"text\r\n" + HEAD + b"\r\n--x--\r\n", '"x"')
@example(HEAD[:-4], "x")
def test_no_parser_finds_a_call_that_was_not_refused(names_in, body, boundary):
    names = []
    # A parser that gives up hands no field to the application.
    with contextlib.suppress(Exception):
        names = names_in(environ_of(body, boundary))
    if any(":method" in (name or "").replace("\\", "") for name in names):
        with pytest.raises(FormRefused):
            require_no_call_in_parts(Visit(environ_of(body, boundary)))


@pytest.mark.parametrize(
    "names_in", [names_in_new_zope, names_in_old_zope, names_in_werkzeug]
)
def test_the_parsers_find_a_call_where_there_is_one(names_in):
    body = HEAD + b"x\r\n--x--\r\n"
    assert names_in(environ_of(body, "x")) == ["a:method"]
