"""Which heads the parts of a form with files have, for any parser."""

import sys
from io import BytesIO

import pytest

from eilogin.errors import FormRefused, MalformedMessage, MessageTooLarge
from eilogin.participant.policy import multipart_heads
from eilogin.participant.policy.multipart_heads import heads
from eilogin.web.visit import Visit

FIELD = b'\r\nContent-Disposition: form-data; name="a"'
FILE = FIELD + b"%s\r\nContent-Type: text/plain"


def request(body, boundary="x", **more):
    return {
        "CONTENT_TYPE": f"multipart/form-data; boundary={boundary}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        **more,
    }


def body_of(*parts, boundary=b"x"):
    """A form with these heads and contents."""
    found = [b"--%s%s\r\n\r\n%s\r\n" % (boundary, *part) for part in parts]
    return b"".join([*found, b"--%s--\r\n" % boundary])


class Once:
    """A body that cannot be read again, as most servers hand it over."""

    def __init__(self, body, piece=2**16):
        self._body, self._piece = BytesIO(body), piece

    def read(self, size):
        return self._body.read(min(size, self._piece))


def test_a_head_ends_at_the_first_empty_line():
    body = body_of((FIELD, b"text"), (FIELD, b"--y\r\n" + FIELD), (FIELD, b""))
    *found, last = heads(Visit(request(body)))
    assert found == [FIELD] * 3
    assert last == b"--\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\nA: b\n\nname=c:method\r\n\r\n",
        b"text --x\nA: b\r\n--x\r\nname=c:method\r\n\r\n",
        b"--x\r\nA: b\r\n \r\nname=c:method",
    ],
    ids=["a bare line feed", "a delimiter in a head", "a line of blanks and no end"],
)
def test_in_doubt_it_is_part_of_a_head(body):
    (head,) = heads(Visit(request(body)))
    assert b"c:method" in head


def test_file_name_from_visitor_is_not_part_of_multipart_head():
    (head, _) = heads(
        Visit(request(body_of((FILE % b'; filename="a:method.txt"', b""))))
    )
    assert head == FILE % b""


@pytest.mark.parametrize(
    "name",
    [
        b'; filename="x\\"; name="a:method"',
        b'; filename="x; name=a:method"',
        b"; filename=a:method",
        b'; filename="a:method',
        b'; filename="x"; name="a:method"',
        b'\r\n ;filename="a:method"',
    ],
)
def test_in_doubt_it_is_no_name_of_a_file(name):
    (head, *_) = heads(Visit(request(body_of((FILE % name, b"")))))
    assert b"a:method" in head


@pytest.mark.parametrize("piece", [1, 7, 2**16])
def test_the_form_comes_whole_and_can_be_rewound(piece, monkeypatch):
    monkeypatch.setattr(multipart_heads, "_PIECE", piece)
    body = body_of(*[(FIELD, b"text\r\n\r" * n) for n in range(20)])
    for stream in (BytesIO(body), Once(body, piece)):
        environ = request(body, **{"wsgi.input": stream})
        assert list(heads(Visit(environ)))[:-1] == [FIELD] * 20
        for _ in range(2):
            assert environ["wsgi.input"].tell() == 0
            assert environ["wsgi.input"].read() == body
            environ["wsgi.input"].seek(0)


def test_a_stream_that_can_be_rewound_is_not_copied():
    environ = request(body_of((FIELD, b"")))
    stream = environ["wsgi.input"]
    list(heads(Visit(environ)))
    assert environ["wsgi.input"] is stream


def test_chunks_that_the_server_ends_are_copied():
    body = body_of((FIELD, b"text"))
    more = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    environ = request(b"", **more, **{"wsgi.input": Once(body)})
    list(heads(Visit(environ)))
    assert environ["wsgi.input"].read() == body


def test_a_form_that_ends_too_early_is_refused():
    environ = request(b"--x\r\n" * 2, **{"wsgi.input": Once(b"--x\r\n")})
    with pytest.raises(MalformedMessage, match="5 bytes too early"):
        list(heads(Visit(environ)))


def test_no_more_than_zope_takes_is_copied():
    environ = request(b"", CONTENT_LENGTH=str(2**30 + 1), **{"wsgi.input": Once(b"")})
    with pytest.raises(MessageTooLarge):
        list(heads(Visit(environ)))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"--x" + b"a" * (2**15 + 2**16 + 1), "a head of more"),
        (b"--x\r\n\r\n" * 10_001, "more than 10000 parts"),
    ],
)
def test_a_form_has_no_more_than_a_page_makes(body, message):
    with pytest.raises(FormRefused, match=message):
        list(heads(Visit(request(body))))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (
            "----WebKitFormBoundary7MA4YWxkTrZu0gW",
            "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
        ('"a=b c"', "a=b c"),
        ("x; charset=utf-8", "x"),
        ('"x" ; charset=utf-8', "x"),
    ],
)
def test_a_boundary_is_read_as_all_parsers_read_it(written, meant):
    body = body_of((FIELD, b"text"), boundary=meant.encode())
    (head, _) = heads(Visit(request(body, written)))
    assert head == FIELD


@pytest.mark.parametrize(
    "written",
    [
        "",
        '""',
        "a=b",
        "x y",
        '"x',
        '"x\\"y"',
        "x; boundary=y",
        "x; boundary*=y",
        "x; boundary*0=y",
        '"x "',
        "é",
        "x%41",
        "x*",
    ],
)
def test_a_boundary_that_parsers_read_differently_is_refused(written):
    with pytest.raises(FormRefused, match="boundary"):
        list(heads(Visit(request(b"", written))))


def test_a_form_of_many_short_parts_takes_no_time_of_its_square():
    """Each delimiter is found once, wherever the pieces are cut."""
    body = b"--x\r\n\r\n" * 9_999
    lines = []

    def count(frame, event, _):
        if event == "line" and frame.f_code.co_name == "_found":
            lines.append(frame.f_lineno)
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        assert len(list(heads(Visit(request(body))))) == 9_999
    finally:
        sys.settrace(before)
    assert len(lines) < 20 * 9_999
