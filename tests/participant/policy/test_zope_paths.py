"""Paths as a proxy writes them before Zope, and the forms that make Zope call."""

from io import BytesIO
from ipaddress import ip_network

import pytest

from eilogin.errors import FormRefused, MessageTooLarge, PathRefused
from eilogin.participant.policy.zope_paths import (
    ZopeForm,
    look_at_form,
    require_no_call_in_parts,
    visible,
)
from eilogin.web.visit import Visit

BASE = "/VirtualHostBase/https/stad.test:443"
PROXIES = (ip_network("10.0.0.0/8"),)


def seen(path, mount="", **more):
    environ = {"PATH_INFO": path, "SCRIPT_NAME": "", "REMOTE_ADDR": "127.0.0.1", **more}
    return visible(Visit(environ), mount, PROXIES)


@pytest.mark.parametrize(
    ("path", "below"),
    [
        (f"{BASE}/site/VirtualHostRoot/mijn/zaken", "/mijn/zaken"),
        (f"{BASE}/VirtualHostRoot/mijn/", "/mijn/"),
        (f"{BASE}/a/b/VirtualHostRoot/", "/"),
        (f"{BASE}/site/VirtualHostRoot", "/"),
        ("/VirtualHostBase/http/[::1]:8080/site/VirtualHostRoot/x", "/x"),
        ("/VirtualHostBase/http/stad.test/site/VirtualHostRoot/x", "/x"),
        (f"{BASE}/site/VirtualHostRoot//x/../y", "//x/../y"),
        ("/mijn/zaken", "/mijn/zaken"),
        ("", ""),
    ],
)
def test_the_visitor_sees_what_is_behind_the_root(path, below):
    assert seen(path) == (below, below)


def test_the_site_may_be_below_a_path():
    path = f"{BASE}/site/VirtualHostRoot/_vh_app/_vh_nl/mijn"
    assert seen(path, "/app/nl") == ("/app/nl/mijn", "/mijn")
    assert seen("/mijn", "/app", SCRIPT_NAME="/app") == ("/app/mijn", "/mijn")


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/VirtualHostBase", ""),
        ("/VirtualHostBase/", ""),
        ("/VirtualHostBase/https", ""),
        ("/VirtualHostBase/https/VirtualHostRoot/x", ""),
        (f"{BASE}/site/mijn", ""),
        ("/VirtualHostBase/ftp/stad.test:21/site/VirtualHostRoot/x", ""),
        ("/VirtualHostBase/https//site/VirtualHostRoot/x", ""),
        ("/VirtualHostBase/https/a b/site/VirtualHostRoot/x", ""),
        (f"{BASE}/site/../x/VirtualHostRoot/x", ""),
        (f"{BASE}//VirtualHostRoot/x", ""),
        (f"{BASE}/site/_vh_y/VirtualHostRoot/x", ""),
        (f"{BASE}/site/*/VirtualHostRoot/x", ""),
        (f"{BASE}/VirtualHostBase/site/VirtualHostRoot/x", ""),
        (f"{BASE}/site{BASE}/VirtualHostRoot/x", ""),
        (f"{BASE}/site/VirtualHostRoot{BASE}/x/VirtualHostRoot/y", ""),
        (f"{BASE}/site/VirtualHostRoot/x/VirtualHostRoot/y", ""),
        (f"{BASE}/site/VirtualHostRoot/_vh_static/mijn", ""),
        (f"{BASE}/site/VirtualHostRoot/x/_vh_y/mijn", ""),
        (f"{BASE}/site/VirtualHostRoot/*/mijn", ""),
        (f"{BASE}/site/VirtualHostRoot/mijn", "/app"),
        (f"{BASE}/site/VirtualHostRoot/_vh_other/mijn", "/app"),
        (f"{BASE}/site/VirtualHostRoot/_vh_app/_vh_static/mijn", "/app"),
        ("/x/VirtualHostBase/https/stad.test:443/VirtualHostRoot/mijn", ""),
        ("/x/VirtualHostRoot/_vh_y/mijn", ""),
        ("/_vh_x/mijn", ""),
    ],
)
def test_rejects_incomplete_or_foreign_virtual_host_path(path, mount):
    with pytest.raises(PathRefused):
        seen(path, mount)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "", "localhost", "10.1.2.3"])
def test_a_proxy_of_ours_is_obeyed(address):
    seen(f"{BASE}/site/VirtualHostRoot/x", REMOTE_ADDR=address)


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1", "unknown"])
def test_nobody_else_is(address):
    with pytest.raises(PathRefused, match="trusted_proxies"):
        seen(f"{BASE}/site/VirtualHostRoot/x", REMOTE_ADDR=address)
    assert seen("/x", REMOTE_ADDR=address).path == "/x"


# --- forms ------------------------------------------------------------------------

URLENCODED = "application/x-www-form-urlencoded"


def request(body=b"", kind=URLENCODED, method="POST", **more):
    return {
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        **more,
    }


@pytest.mark.parametrize(
    "query",
    [
        "bezwaar:method=1",
        "a=b&%3Amethod=bezwaar",
        "x%3adefault%5Fmethod=1",
        "x:action:int=1",
        "x:ACTION=1",
        "x:method",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_query_that_makes_zope_call_is_refused(query, method):
    with pytest.raises(PathRefused, match="query"):
        look_at_form(Visit(request(method=method, QUERY_STRING=query)))


@pytest.mark.parametrize(
    "query", ["", "a=b:c", "a:int=1", "a=12:30", "x:methods=1", "method=a", "a%3ab"]
)
def test_another_query_is_not(query):
    assert look_at_form(Visit(request(method="GET", QUERY_STRING=query))) == ZopeForm()


@pytest.mark.parametrize(
    ("body", "methods"),
    [
        (b"", ()),
        (b"a=b&c:int=1", ()),
        (b"a:method=", ("a",)),
        (b"a%3amethod=x&b:default_action=y;:method=c/d", ("a", "b", "c/d")),
    ],
)
@pytest.mark.parametrize(
    "kind", [URLENCODED, "", "application/x-url-encoded;charset=utf-8"]
)
def test_a_form_is_read_ahead_and_put_back(body, methods, kind):
    environ = request(body, kind)
    assert look_at_form(Visit(environ)).methods == methods
    assert environ["wsgi.input"].read() == body


def test_a_form_in_chunks_is_read_ahead_where_the_server_ends_it():
    environ = request(b"a:method=x", **{"wsgi.input_terminated": True})
    environ["CONTENT_LENGTH"] = ""
    assert look_at_form(Visit(environ)).methods == ("a",)
    environ["wsgi.input"] = BytesIO(b"x" * (2**20 + 1))
    with pytest.raises(MessageTooLarge):
        look_at_form(Visit(environ))


class Trickling:
    """A body that comes in pieces, as from a slow network."""

    def __init__(self, body, piece=10):
        self._body = BytesIO(body)
        self._piece = piece

    def read(self, size):
        return self._body.read(min(size, self._piece))


def test_a_form_that_comes_in_pieces_is_read_and_put_back_whole():
    body = b"tekst=" + b"x" * 100 + b"&a:method=1"
    environ = request(b"", **{"wsgi.input_terminated": True})
    del environ["CONTENT_LENGTH"]
    environ["wsgi.input"] = Trickling(body)
    assert look_at_form(Visit(environ)).methods == ("a",)
    assert environ["wsgi.input"].read() == body
    environ["wsgi.input"] = Trickling(b"x" * (2**20 + 1), piece=2**18)
    with pytest.raises(MessageTooLarge):
        look_at_form(Visit(environ))


def test_a_form_cannot_call_everything():
    assert (
        len(look_at_form(Visit(request(b"a:method=1&b:method=1&a:method=2"))).methods)
        == 2
    )
    with pytest.raises(PathRefused, match="too many methods"):
        look_at_form(Visit(request(b"&".join(b"a%d:method=1" % n for n in range(5)))))


def test_a_body_without_length_is_none():
    environ = request(b"a:method=x")
    del environ["CONTENT_LENGTH"]
    assert look_at_form(Visit(environ)) == ZopeForm()
    assert environ["wsgi.input"].read() == b"", "nor does Zope get one"


def test_a_form_that_zope_would_not_read_is_not_read():
    with pytest.raises(MessageTooLarge):
        look_at_form(Visit(request(b"x" * (2**20 + 1))))


@pytest.mark.parametrize(
    "body", [b"a:int:method=x", b"a:method:utf_7=x", b":method:rot13=x", b"a:METHOD=1"]
)
def test_a_form_whose_call_cannot_be_told_is_refused(body):
    with pytest.raises(PathRefused):
        look_at_form(Visit(request(body)))


@pytest.mark.parametrize("separator", [b"&", b";"])
def test_a_form_of_very_many_fields_is_not_looked_at(separator):
    """That would take half a second of whoever asks for it."""
    fits = separator.join([b"a=1"] * 9_999 + [b"x:method=b"])
    assert look_at_form(Visit(request(fits))).methods == ("x",)
    with pytest.raises(PathRefused, match="more than 10000 fields"):
        look_at_form(Visit(request(fits + separator)))


@pytest.mark.parametrize(
    ("most", "more", "message"),
    [
        (b"a:int=1&" * 1999 + b"x:method=b", b"&a%3aint=1", "2000 fields with a type"),
        (b"x:method=1&" + b"a" * 1996 + b":int", b"s", "a name of more than 2000"),
        (b"x:method=1&" + b"a%3A" * 500, b"a", "a name of more than 2000"),
    ],
    ids=["many", "long", "encoded"],
)
def test_names_with_a_type_are_decoded_up_to_what_a_page_has(most, more, message):
    assert look_at_form(Visit(request(most))).methods == ("x",)
    with pytest.raises(PathRefused, match=message):
        look_at_form(Visit(request(most + more)))


def test_rejects_method_field_longer_than_a_name():
    body = b":method=" + b"%61" * 666 + b"aa"
    assert look_at_form(Visit(request(body))).methods == ("a" * 668,)
    with pytest.raises(PathRefused, match="a name of more than 2000"):
        look_at_form(Visit(request(body + b"a")))


@pytest.mark.parametrize("charset", ["utf-7", "cp500", '"utf-16"'])
def test_a_form_in_another_alphabet_is_refused(charset):
    for kind in (URLENCODED, "multipart/form-data; boundary=x"):
        with pytest.raises(PathRefused, match="cannot read its keys"):
            look_at_form(Visit(request(b"a=b", f"{kind}; charset={charset}")))


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("text/xml", ZopeForm(may_call_anything=True)),
        ("Application/SOAP+XML; charset=utf-7", ZopeForm(may_call_anything=True)),
        ("application/json", ZopeForm()),
        ("multipart/form-data; boundary=x", ZopeForm(is_multipart=True)),
    ],
)
def test_other_bodies_are_left_as_they_are(kind, form):
    environ = request(b"body", kind)
    stream = environ["wsgi.input"]
    assert look_at_form(Visit(environ)) == form
    assert environ["wsgi.input"] is stream


def parts(name, content=b"x" * 300):
    head = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n' % name
    return head + content + b"\r\n--x--\r\n"


@pytest.mark.parametrize("name", [b"a:method", b"a%3Adefault_ACTION", b"a:me\\thod"])
def test_a_form_with_files_is_refused_where_a_field_would_call(name):
    environ = request(parts(name), "multipart/form-data; boundary=x")
    with pytest.raises(FormRefused, match=":method"):
        require_no_call_in_parts(Visit(environ))


def test_a_form_with_files_is_refused_for_a_name_that_is_encoded():
    environ = request(parts(b'"; name*="a'), "multipart/form-data; boundary=x")
    with pytest.raises(FormRefused):
        require_no_call_in_parts(Visit(environ))


@pytest.mark.parametrize(
    "text",
    [
        b"sociaal:action en HTTP:method.",
        b'<wsa:Action>\r\n\r\nContent-Disposition: form-data; name="a:method"',
        b"Content-Type: x; name*=utf-8''x.pdf\r\n\r\n",
        b"<form :action>",
    ],
)
def test_the_texts_of_a_form_with_files_may_hold_anything(text):
    body = parts(b"a:int", text)
    environ = request(body, "multipart/form-data; boundary=x")
    require_no_call_in_parts(Visit(environ))
    assert environ["wsgi.input"].read() == body
