"""What a request tells about itself, judged as a browser means it."""

import contextlib
import io
import logging
from ipaddress import ip_network
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.config import UNIX
from eilogin.errors import (
    CrossSite,
    MalformedMessage,
    MessageTooLarge,
    MethodNotAllowed,
)
from eilogin.web.requests import (
    client_address,
    is_from_other_site,
    is_own_navigation,
    origin_of,
    read_body,
    read_form,
    read_query,
    require_own_form,
    safe_next,
)
from eilogin.web.visit import Visit

SITE = "https://uwv.example.nl/app"


@pytest.mark.parametrize(
    ("headers", "is_foreign"),
    [
        pytest.param({}, False, id="no browser"),
        pytest.param({"SEC_FETCH_SITE": "same-origin"}, False, id="own page"),
        pytest.param({"SEC_FETCH_SITE": "none"}, False, id="typed"),
        pytest.param({"SEC_FETCH_SITE": "same-site"}, True, id="a neighbour"),
        pytest.param({"SEC_FETCH_SITE": "cross-site"}, True, id="another site"),
        pytest.param({"SEC_FETCH_SITE": "?"}, True, id="a word not known"),
        pytest.param({"ORIGIN": "https://uwv.example.nl"}, False, id="own origin"),
        pytest.param({"ORIGIN": "http://uwv.example.nl"}, True, id="not https"),
        pytest.param({"ORIGIN": "https://uwv.example.nl:8443"}, True, id="a port"),
        pytest.param({"ORIGIN": "https://evil.example"}, True, id="another origin"),
        pytest.param({"ORIGIN": "null"}, True, id="a hidden origin"),
        pytest.param(
            {"SEC_FETCH_SITE": "same-origin", "ORIGIN": "null"},
            False,
            id="Sec-Fetch-Site comes first",
        ),
        pytest.param({"REFERER": f"{SITE}/x?y"}, False, id="an old browser's own link"),
        pytest.param({"REFERER": "https://evil.example/"}, True, id="another's link"),
        pytest.param(
            {"REFERER": "https://uwv.example.nl.evil.example/"}, True, id="alike"
        ),
        pytest.param({"REFERER": "about:blank"}, True, id="a link from nowhere"),
        pytest.param({"REFERER": "https://[evil"}, True, id="no address"),
        pytest.param({"REFERER": ""}, False, id="an empty Referer"),
        pytest.param(
            {"ORIGIN": "https://uwv.example.nl", "REFERER": "https://evil.example/"},
            False,
            id="Origin comes before Referer",
        ),
    ],
)
def test_a_request_that_another_site_asked_for_is_known(headers, is_foreign):
    environ = {f"HTTP_{name}": value for name, value in headers.items()}
    assert is_from_other_site(Visit(environ), SITE) is is_foreign
    if is_foreign:
        with pytest.raises(CrossSite):
            require_own_form(Visit(environ), SITE)
    else:
        require_own_form(Visit(environ), SITE)


@pytest.mark.parametrize("told", [{}, {"REFERER": ""}])
def test_no_form_of_a_browser_that_tells_nothing_is_taken(told):
    """An old one; every browser names the page of ours that a form was on."""
    environ = {f"HTTP_{name}": value for name, value in told.items()}
    with pytest.raises(CrossSite, match="without Sec-Fetch-Site"):
        require_own_form(
            Visit({**environ, "HTTP_USER_AGENT": "Mozilla/5.0 (old)"}), SITE
        )
    require_own_form(Visit({**environ, "HTTP_USER_AGENT": "curl/8.14"}), SITE)


BY_HERSELF = {"SEC_FETCH_MODE": "navigate", "SEC_FETCH_DEST": "document"}


@pytest.mark.parametrize(
    ("headers", "is_hers"),
    [
        pytest.param({}, True, id="curl"),
        pytest.param({"SEC_FETCH_SITE": "same-origin", **BY_HERSELF}, True, id="link"),
        pytest.param({"SEC_FETCH_SITE": "none", **BY_HERSELF}, True, id="typed"),
        pytest.param({"SEC_FETCH_SITE": "cross-site", **BY_HERSELF}, False, id="other"),
        pytest.param({"REFERER": "https://evil.example/"}, False, id="foreign, old"),
        pytest.param({"REFERER": f"{SITE}/"}, True, id="own, old"),
        pytest.param(
            {"SEC_FETCH_SITE": "same-origin", "SEC_FETCH_MODE": "no-cors",
             "SEC_FETCH_DEST": "image"}, False, id="an image of the site itself",
        ),
        pytest.param(
            {"SEC_FETCH_SITE": "same-origin", "SEC_FETCH_MODE": "cors",
             "SEC_FETCH_DEST": "empty"}, False, id="a script of the site itself",
        ),
        pytest.param(
            {"SEC_FETCH_SITE": "same-origin", **BY_HERSELF, "SEC_FETCH_DEST": "iframe"},
            False, id="a frame of the site itself",
        ),
        pytest.param(
            {"SEC_FETCH_SITE": "none", **BY_HERSELF,
             "SEC_PURPOSE": "prefetch;prerender"}, False, id="while she types",
        ),
        pytest.param({"PURPOSE": "prefetch"}, False, id="while she types, old"),
        pytest.param(
            {"USER_AGENT": "Mozilla/5.0"}, False, id="a link that hides it, old"
        ),
        pytest.param(
            {"USER_AGENT": "Mozilla/5.0", "REFERER": f"{SITE}/"}, True, id="own, told"
        ),
        pytest.param({"USER_AGENT": "curl/8.14"}, True, id="no browser, by name"),
    ],
)  # fmt: skip
def test_recognizes_navigation_started_by_visitor(headers, is_hers):
    environ = {f"HTTP_{name}": value for name, value in headers.items()}
    assert is_own_navigation(Visit(environ), SITE) is is_hers


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://A.Example.nl/x?y", "https://a.example.nl"),
        ("https://a.example.nl:443", "https://a.example.nl"),
        ("http://a.localhost:8080/", "http://a.localhost:8080"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_an_origin_has_one_spelling(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "/x", "https:///x", "https://a;b/", "https://a b/"]
)
def test_rejects_url_without_http_origin(url):
    with pytest.raises(ValueError, match="not an http"):
        origin_of(url)


@pytest.mark.parametrize(
    ("headers", "is_seen"),
    [
        pytest.param({}, True, id="says nothing"),
        pytest.param({"SEC_FETCH_MODE": "navigate"}, True, id="navigates"),
        pytest.param({"SEC_FETCH_MODE": "cors"}, False, id="fetches"),
        pytest.param({"SEC_FETCH_MODE": "no-cors", "ACCEPT": "text/html"}, False),
        pytest.param({"ACCEPT": "text/html,application/xhtml+xml"}, True, id="old"),
        pytest.param({"ACCEPT": "*/*"}, True, id="curl, which takes anything"),
        pytest.param({"ACCEPT": "application/json"}, False, id="who takes JSON alone"),
        pytest.param({"ACCEPT": "application/json"}, False, id="JSON"),
        pytest.param(
            {"SEC_FETCH_MODE": "navigate", "X_REQUESTED_WITH": "XMLHttpRequest"},
            False,
            id="says that it is a script",
        ),
    ],
)
def test_a_background_call_is_told_from_a_navigation(headers, is_seen):
    environ = {f"HTTP_{name}": value for name, value in headers.items()}
    assert Visit(environ).is_navigation is is_seen
    assert Visit(environ).is_looked_at is is_seen
    assert Visit({**environ, "REQUEST_METHOD": "GET"}).wants_page is is_seen
    assert Visit({**environ, "REQUEST_METHOD": "HEAD"}).wants_page is is_seen
    assert not Visit({**environ, "REQUEST_METHOD": "POST"}).wants_page


FRAMED = {"SEC_FETCH_MODE": "navigate", "SEC_FETCH_DEST": "iframe"}


@pytest.mark.parametrize(
    ("headers", "is_seen"),
    [
        pytest.param({"SEC_PURPOSE": "prefetch"}, False, id="prefetch"),
        pytest.param({"SEC_PURPOSE": "prefetch;prerender"}, False, id="prerender"),
        pytest.param({"PURPOSE": "prefetch"}, False, id="old prefetch"),
        pytest.param({**FRAMED, "SEC_FETCH_SITE": "cross-site"}, False, id="framed"),
        pytest.param(
            {**FRAMED, "SEC_FETCH_SITE": "cross-site", "SEC_FETCH_DEST": "object"},
            False, id="embedded",
        ),
        pytest.param(
            {**BY_HERSELF, "SEC_FETCH_SITE": "cross-site"}, True, id="another's link"
        ),
    ],
)  # fmt: skip
def test_recognizes_navigation_that_nobody_sees(headers, is_seen):
    environ = {f"HTTP_{name}": value for name, value in headers.items()}
    assert Visit(environ).is_navigation
    assert Visit(environ).is_looked_at is is_seen
    assert Visit({**environ, "REQUEST_METHOD": "GET"}).wants_page is is_seen


@pytest.mark.parametrize("frame", ["iframe", "frame", "embed", "object"])
def test_in_a_frame_of_the_site_itself_a_page_is_seen_and_leads_nowhere(frame):
    environ = {
        "REQUEST_METHOD": "GET",
        "HTTP_SEC_FETCH_MODE": "navigate",
        "HTTP_SEC_FETCH_DEST": frame,
        "HTTP_SEC_FETCH_SITE": "same-origin",
    }
    assert Visit(environ).is_looked_at
    assert Visit(environ).is_in_frame
    assert not Visit(environ).wants_page
    environ["HTTP_SEC_FETCH_SITE"] = "cross-site"
    assert not Visit(environ).is_in_frame


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PROPFIND"])
def test_methods_beyond_links_and_forms_are_background_calls(method):
    environ = {"REQUEST_METHOD": method, "HTTP_ACCEPT": "text/html"}
    assert not Visit(environ).is_navigation
    assert not Visit(environ).wants_page


def test_other_methods_are_refused_and_told_which_are_taken():
    Visit({"REQUEST_METHOD": "HEAD"}).allow_only("GET", "HEAD")
    with pytest.raises(MethodNotAllowed, match="'POST'; expected GET, HEAD") as refused:
        Visit({"REQUEST_METHOD": "POST"}).allow_only("GET", "HEAD")
    assert refused.value.allowed == ("GET", "HEAD")
    with pytest.raises(MethodNotAllowed) as refused:
        Visit({"REQUEST_METHOD": "X" * 10_000}).allow_only("POST")
    assert len(str(refused.value)) < 50


def post(body, **more):
    return {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **more,
    }


class OneByteAtATime(io.BytesIO):
    def read(self, size=-1):
        return super().read(min(size, 1))


def test_a_body_is_read_to_its_end_and_no_further():
    environ = post(b"abc")
    environ["wsgi.input"] = OneByteAtATime(b"abcdef")
    assert read_body(Visit(environ), 3) == b"abc"


@pytest.mark.parametrize("length", ["", "0", None])
def test_a_body_that_is_not_announced_is_empty(length):
    assert read_body(Visit({"CONTENT_LENGTH": length}), 10) == b""


def test_a_body_above_the_limit_is_not_read():
    environ = post(b"abcd")
    with pytest.raises(MessageTooLarge):
        read_body(Visit(environ), 3)
    assert environ["wsgi.input"].tell() == 0


@pytest.mark.parametrize("length", ["-1", "x", "1 2", "٣", "9" * 19])
def test_a_length_that_is_no_number_is_refused(length):
    with pytest.raises(MalformedMessage):
        read_body(Visit(post(b"abc", CONTENT_LENGTH=length)), 10)


def test_a_body_that_ends_early_is_refused():
    with pytest.raises(MalformedMessage, match="2 bytes too early"):
        read_body(Visit(post(b"abc", CONTENT_LENGTH="5")), 10)


def test_a_form_is_read():
    body = b"username=j%C3%A9&password=a+b%26&empty="
    assert read_form(Visit(post(body))) == {"username": "jé", "password": "a b&"}
    assert read_form(Visit(post(b""))) == {}


@pytest.mark.parametrize(
    ("body", "more"),
    [
        pytest.param(b"a=1&a=2", {}, id="a field twice"),
        pytest.param(b"a=%FF", {}, id="not UTF-8"),
        pytest.param(b"a=\xff", {}, id="not ASCII"),
        pytest.param(b"&".join(b"a%d=1" % n for n in range(21)), {}, id="too many"),
        pytest.param(b"a=1", {"CONTENT_TYPE": "text/plain"}, id="another type"),
        pytest.param(b"a=1", {"CONTENT_TYPE": ""}, id="no type"),
    ],
)
def test_a_form_that_is_none_is_refused(body, more):
    with pytest.raises(MalformedMessage):
        read_form(Visit(post(body, **more)))


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {}),
        ("next=/mijn%3Fa%3Db&level=midden", {"next": "/mijn?a=b", "level": "midden"}),
        ("next=&level=", {}),
        ("next=%C3%A9+b", {"next": "é b"}),
        ("next=\xc3\xa9", {"next": "é"}),
        ("&".join(f"a{n}=1" for n in range(20)), ...),
    ],
)
def test_a_query_is_read(query, fields):
    read = read_query(Visit({"QUERY_STRING": query}))
    assert len(read) == 20 if fields is ... else read == fields


def test_no_query_has_no_fields():
    assert read_query(Visit({})) == {}


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("next=/a&next=/b", id="a field twice"),
        pytest.param("next=%FF", id="not UTF-8"),
        pytest.param("next=\xff", id="not UTF-8 as it came"),
        pytest.param("next=\u20ac", id="not what WSGI has"),
        pytest.param("&".join(f"a{n}=1" for n in range(21)), id="too many"),
    ],
)
def test_a_query_that_is_none_is_refused(query):
    with pytest.raises(MalformedMessage, match="query"):
        read_query(Visit({"QUERY_STRING": query}))


@given(st.text(st.characters(max_codepoint=255)))
def test_any_query_is_read_or_refused(query):
    with contextlib.suppress(MalformedMessage):
        assert all(read_query(Visit({"QUERY_STRING": query})).values())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "/start"),
        ("", "/start"),
        ("/", "/"),
        ("/mijn/zaken?jaar=2026&url=https%3A%2F%2Fx#deel", ...),
        ("/mijn?terug=//x/../y", ...),
        ("/caf%C3%A9/100%25", ...),
        ("/café/a b", "/caf%C3%A9/a%20b"),
        ("/a.b/..c/d", ...),
    ],
)
def test_a_path_of_this_site_is_gone_on_to(value, expected, caplog):
    assert safe_next(value, "/start") == (value if expected is ... else expected)
    assert not caplog.records


@pytest.mark.parametrize(
    "value",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n//evil.example",
        " //evil.example",
        "evil.example",
        "javascript:alert(1)",
        "/%2f/evil.example",
        "/%2Fevil.example",
        "/%5cevil.example",
        "/%252f/evil.example",
        "/%25252f/evil.example",
        "/%09/evil.example",
        "/..//evil.example",
        "/a/../../b",
        "/%2e%2e/x",
        "/x%0d%0aSet-Cookie:a",
        "/%252525252561",
        "/" + "a" * 2048,
    ],
)
def test_another_site_is_ignored_and_logged(value, caplog):
    with caplog.at_level(logging.WARNING, "eilogin"):
        assert safe_next(value, "/start") == "/start"
    [record] = caplog.records
    assert "return address ignored" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert len(record.getMessage()) < 500


def test_a_query_is_not_logged(caplog):
    safe_next("//evil.example/?bsn=900000000")
    assert "900000000" not in caplog.text


@given(st.text(st.sampled_from("/\\%25fFcC.:?#@ \t\nax"), max_size=12))
def test_no_address_leads_to_another_site(value):
    result = urljoin("https://uwv.example.nl/eilogin/acs", safe_next("/" + value))
    assert urlsplit(result).netloc == "uwv.example.nl"
    assert result.isascii()
    assert result.isprintable()


NETWORKS = (ip_network("10.0.0.0/8"), ip_network("::1"))


@pytest.mark.parametrize(
    ("socket", "forwarded", "expected"),
    [
        pytest.param("198.51.100.7", "1.2.3.4", "198.51.100.7", id="no proxy of ours"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="the proxy itself"),
        pytest.param("10.0.0.1", "198.51.100.7", "198.51.100.7", id="one proxy"),
        pytest.param(
            "10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7", id="forged"
        ),
        pytest.param("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3", id="all are ours"),
        pytest.param("10.0.0.1", "1.2.3.4, unknown", "10.0.0.1", id="no address"),
        pytest.param("::1", "[2001:db8::7]:4711", "2001:db8::7", id="IPv6 with a port"),
        pytest.param("::1", "198.51.100.7:99", "198.51.100.7", id="IPv4 with a port"),
        pytest.param("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4", id="IPv4 in IPv6"),
        pytest.param("", "1.2.3.4", "", id="a socket without address"),
        pytest.param("::1", "fe80::1%x y", "fe80::1", id="an address of one link"),
        pytest.param("::1", "[fe80::1%eth0]:1", "fe80::1", id="the same with a port"),
    ],
)
def test_the_client_is_who_spoke_to_our_own_proxies(socket, forwarded, expected):
    environ = {"REMOTE_ADDR": socket, "HTTP_X_FORWARDED_FOR": forwarded}
    assert client_address(Visit(environ), NETWORKS) == expected


@pytest.mark.parametrize("peer", ["localhost", ""], ids=["waitress", "gunicorn"])
class TestAPeerThatCameByAUnixSocket:
    """It has no address: servers say so in words of their own."""

    def environ(self, peer, forwarded):
        return {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}

    def test_is_believed_where_it_is_a_proxy_of_ours(self, peer):
        trusted = (UNIX, *NETWORKS)
        for forwarded in ("198.51.100.7", "6.6.6.6, 198.51.100.7, 10.0.0.2"):
            environ = self.environ(peer, forwarded)
            assert client_address(Visit(environ), trusted) == "198.51.100.7"

    def test_is_not_believed_where_it_is_not(self, peer):
        assert (
            client_address(Visit(self.environ(peer, "198.51.100.7")), NETWORKS) == peer
        )

    @pytest.mark.parametrize("forwarded", ["", "1.2.3.4, localhost", "1.2.3.4,"])
    def test_names_nobody_by_its_own_word(self, peer, forwarded):
        assert client_address(Visit(self.environ(peer, forwarded)), (UNIX,)) == peer


def test_trust_in_unix_sockets_is_trust_in_no_address():
    for socket in ("127.0.0.1", "::1", "198.51.100.7"):
        environ = {"REMOTE_ADDR": socket, "HTTP_X_FORWARDED_FOR": "1.2.3.4"}
        assert client_address(Visit(environ), (UNIX,)) == socket


def test_a_long_chain_is_not_followed_to_its_end():
    environ = {
        "REMOTE_ADDR": "10.0.0.1",
        "HTTP_X_FORWARDED_FOR": ", ".join(["1.2.3.4"] + ["10.0.0.2"] * 50),
    }
    assert client_address(Visit(environ), NETWORKS) == "10.0.0.2"
