"""The word that she cancelled: where she began, and in which answers it is said."""

from types import SimpleNamespace

import pytest
from webob import Request

from eilogin.participant.login import cancelled_login
from eilogin.web import environ as env
from eilogin.web.visit import Visit

OWN = SimpleNamespace(
    public_url="https://uwv.test/app", mount="/app", prefix="/eilogin"
)
TEXTS = {"nl": "U heeft <geannuleerd>, é.", "en": "You cancelled."}
PAGE = b"<!doctype html><html><head><title>x</title></head><body><p>x</p></body></html>"


def page_before(referer):
    environ = Request.blank("/").environ
    if referer is not None:
        environ["HTTP_REFERER"] = referer
    return cancelled_login.page_before(Visit(environ), OWN)


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        (None, ""),
        ("https://uwv.test/app/nieuws?x=1", "/app/nieuws?x=1"),
        ("https://uwv.test/app/nieuws?eilogin=cancelled&x=1", "/app/nieuws?x=1"),
        ("https://uwv.test/app/nieuws?eilogin=cancelled", "/app/nieuws"),
        ("https://uwv.test/", "/"),
        ("https://uwv.test", ""),
        ("https://uwv.test.evil.test/", ""),
        ("https://inloggen.test/sso", ""),
        ("https://uwv.test/app/eilogin", ""),
        ("https://uwv.test/app/eilogin/acs?x=1", ""),
        ("https://uwv.test//evil.test/", ""),
        ("https://uwv.test/app/x?" + "y" * 500, "/app/x"),
        ("https://uwv.test/" + "y" * 500, ""),
    ],
)
def test_start_page_of_cancelled_login_belongs_to_application(referer, page):
    assert page_before(referer) == page


def answered(status="200 OK", body=PAGE, language="nl", word="1", **headers):
    """What an application's answer becomes, and what it was asked."""
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        told = [(name.replace("_", "-"), value) for name, value in headers.items()]
        start_response(status, told)
        return [body]

    request = Request.blank(
        "/",
        headers={
            "Accept-Language": language,
            "Accept-Encoding": "gzip",
            "If-None-Match": '"x"',
            "If-Modified-Since": "Thu, 26 Nov 2026 00:00:00 GMT",
            "Range": "bytes=0-1",
            "Cookie": f"__Host-eilogin-cancelled={word}",
        },
        environ={env.SESSION: None},
    )
    return request.get_response(
        cancelled_login.CancelledLoginNotice(app, TEXTS, cancelled_login.is_due)
    ), seen


HTML = {"Content_Type": "text/html; charset=utf-8"}


def test_it_is_the_first_thing_in_a_body_without_heading_whatever_its_charset():
    answer, _ = answered(Content_Type="text/html; charset=windows-1252")
    word = "U heeft &lt;geannuleerd&gt;, &#233;."
    tag = f'<p role="status" lang="nl"><strong>{word}</strong></p>'
    assert answer.body == PAGE.replace(b"<body>", b"<body>" + tag.encode())


def test_it_stands_where_the_content_begins_in_an_answer_of_that_length():
    body = PAGE.replace(b"<p>x", b"<nav></nav><main><h1>x</h1><p>x")
    answer, _ = answered(body=body, Content_Length=str(len(body)), **HTML)
    assert b"</nav><main><p role=" in answer.body
    assert answer.content_length == len(answer.body)


def test_of_whom_it_has_logged_out_it_says_that_too():
    answer, _ = answered(word="ended", **HTML)
    assert "é. U bent uitgelogd.</strong>".encode("ascii", "xmlcharrefreplace") in (
        answer.body
    )
    answer, _ = answered(word="ended", language="en", **HTML)
    assert b"You cancelled. You have been logged out.<" in answer.body


def test_it_is_said_in_the_language_of_the_browser():
    answer, _ = answered(language="en", **HTML)
    assert b'<p role="status" lang="en"><strong>You cancelled.<' in answer.body


def test_no_cache_keeps_that_page_and_it_is_said_once():
    answer, _ = answered(Cache_Control="public, max-age=600", **HTML)
    assert answer.headers.getall("Cache-Control") == ["no-store"]
    assert "eilogin-cancelled=; Max-Age=0" in answer.headers["Set-Cookie"]


def test_the_application_is_asked_for_a_whole_page_that_is_not_packed():
    _, seen = answered(**HTML)
    assert not {"HTTP_ACCEPT_ENCODING", "HTTP_IF_NONE_MATCH", "HTTP_RANGE"} & set(seen)
    assert "HTTP_IF_MODIFIED_SINCE" not in seen


@pytest.mark.parametrize(
    "how",
    [
        {"status": "302 Found", "Location": "/nl", **HTML},
        {"status": "404 Not Found", **HTML},
        {"Content_Type": "application/pdf"},
        {"Content_Disposition": "attachment", **HTML},
        {"Content_Encoding": "br", **HTML},
        {"Content_Type": "text/html"},
    ],
    ids=["redirect", "no page", "pdf", "download", "packed", "no charset"],
)
def test_it_waits_for_the_next_page_where_this_is_none(how):
    answer, _ = answered(**{"Cache_Control": "max-age=1", **how})
    assert answer.body == PAGE
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "max-age=1"


def request_with(query="", cookie="", **more):
    environ = Request.blank(f"/nieuws?{query}", headers={"Accept": "text/html"}).environ
    trust = SimpleNamespace(own=OWN)
    return {
        **environ,
        "HTTP_COOKIE": cookie,
        env.SESSION: None,
        env.TRUST: trust,
        **more,
    }


WORD = "__Host-eilogin-cancelled=1"


def test_most_requests_have_nothing_to_do_with_it():
    assert not cancelled_login.may_concern(
        Visit(request_with("x=1", "__Host-eilogin=abc"))
    )
    assert cancelled_login.may_concern(Visit(request_with("x=1&eilogin=cancelled")))
    assert cancelled_login.may_concern(Visit(request_with(cookie=WORD)))


@pytest.mark.parametrize(
    "more",
    [
        {"HTTP_COOKIE": ""},
        {"REQUEST_METHOD": "HEAD"},
        {"REQUEST_METHOD": "POST"},
        {"HTTP_SEC_FETCH_MODE": "cors"},
        {"HTTP_SEC_FETCH_DEST": "iframe"},
        {"HTTP_SEC_PURPOSE": "prefetch"},
        {env.SESSION: object()},
    ],
    ids=["no word", "head", "form", "script", "frame", "in advance", "logged in"],
)
def test_it_is_said_to_a_stranger_who_looks_at_a_page(more):
    assert cancelled_login.is_due(Visit(request_with(cookie=WORD)))
    assert not cancelled_login.is_due(Visit(request_with(cookie=WORD) | more))


def test_the_marked_address_leads_to_the_plain_one():
    environ = request_with("x=1&eilogin=cancelled&eilogin=cancelled")
    assert cancelled_login.take_mark(Visit(environ))
    assert environ["QUERY_STRING"] == "x=1"
    assert not cancelled_login.take_mark(Visit(environ))
    answer = cancelled_login.to_plain_page(Visit(environ))
    assert answer.location == "https://uwv.test/app/nieuws?x=1"
    assert (
        cancelled_login.to_plain_page(Visit(environ | {"REQUEST_METHOD": "POST"}))
        is None
    )
