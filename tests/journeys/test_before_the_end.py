"""Before the end she is told, and may go on without leaving her page."""

import json
import re
from urllib.parse import urljoin

import pytest
from webob import Request

from eilogin.portal import make_portal

UWV = "https://uwv.test/formulier"
SESSION = "https://uwv.test/eilogin/session"
LAND = "https://land.test/formulier"
MINUTE = 60
FORM = (
    "<!doctype html><html lang='nl'><head><title>Form</title></head><body>"
    "<form method='post'><input name='tekst'><button>Verstuur</button></form>"
    "</body></html>"
)


def show_form(environ, start_response):
    """An app with a form, which comes back when it was sent empty; and two pages."""
    kind = "text/plain" if environ["PATH_INFO"] == "/tekst" else "text/html"
    body = b"" if environ["PATH_INFO"] == "/leeg" else FORM.encode()
    headers = [("Content-Length", str(len(body))), ("ETag", '"form"')]
    if "form" in environ.get("HTTP_IF_NONE_MATCH", ""):
        start_response("304 Not Modified", headers)
        return []
    start_response("200 OK", [*headers, ("Content-Type", f"{kind}; charset=utf-8")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


@pytest.fixture
def federation(clock, eilogin_federation):
    return eilogin_federation(
        {
            **dict.fromkeys(("uwv.test", "land.test", "stad.test"), show_form),
            "mijn.test": make_portal({}),
        },
        options={
            "stad.test": {"warn": "off"},
            "land.test": {
                "protect": "=/ optional\n/static off",
                "prefix": "/een/login",
            },
        },
    )


@pytest.fixture
def events_of(caplog):
    """The audit events of a code that say this."""
    caplog.set_level("INFO", "eilogin.audit")

    def read(code, **said):
        events = [
            json.loads(record.getMessage())
            for record in caplog.records
            if record.name == "eilogin.audit"
        ]
        return [e for e in events if said.items() < {**e}.items() and e["code"] == code]

    return read


def scripts(browser):
    return scripts_in(browser.page)


def scripts_in(page):
    return re.findall(r'<script src="([^"]+)"', page.text)


def told(browser):
    return browser.fetch(SESSION).json


def sent(browser, method, **headers):
    """What a script of the site gets that uses another method than GET."""
    request = Request.blank(SESSION, method=method)
    cookies = browser.cookies("uwv.test").items()
    request.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies)
    request.headers["Origin"] = "https://uwv.test"
    request.headers["Sec-Fetch-Site"] = "same-origin"
    request.headers["Sec-Fetch-Mode"] = "cors"
    request.headers.update(headers)
    response = request.get_response(browser.app)
    response.body  # noqa: B018 - read whole, and closed (PEP 3333)
    return response


def goes_on(browser, **headers):
    """Press the button of the dialog."""
    return sent(browser, "POST", **headers)


# --- the address ----------------------------------------------------------------


def test_her_page_is_told_how_long_and_never_who_she_is(anna, events_of):
    anna.log_in(UWV)
    answer = anna.browser.fetch(SESSION)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["idle_seconds_left"] == answer.json["idle_seconds"] == 900
    assert answer.json["absolute_seconds_left"] == 7200
    [login] = events_of("login", peer="https://inloggen.test/metadata")
    assert answer.json["pseudonym"] == login["pseudonym"]


def test_a_stranger_is_told_nothing(federation):
    browser = federation.browser()
    assert told(browser) == {"logged_in": False}
    assert goes_on(browser).json == {"logged_in": False}


def test_to_be_asked_only_for_the_head_is_fine(anna):
    anna.log_in(UWV)
    answer = sent(anna.browser, "HEAD")
    assert (answer.status_int, answer.body) == (200, b"")


def test_going_on_begins_the_idle_limit_anew_and_asks_the_hub_nothing(
    federation, anna, clock
):
    anna.log_in(UWV)
    federation.back_channel_log.clear()
    for _ in range(7):
        clock.shift(14 * MINUTE)
        answer = goes_on(anna.browser)
        assert answer.json["idle_seconds_left"] == 15 * MINUTE
        assert "Set-Cookie" not in answer.headers
    assert answer.json["absolute_seconds_left"] == 22 * MINUTE
    anna.browser.press("Verstuur", tekst="een lang bezwaar")
    assert anna.browser.url == UWV
    assert anna.browser.trail == [UWV]
    assert federation.back_channel_log == []


def test_a_page_that_asks_each_minute_does_not_keep_the_session_alive(
    federation, anna, clock
):
    anna.log_in(UWV)
    federation.back_channel_log.clear()
    for minute in range(15):
        assert told(anna.browser)["idle_seconds_left"] == (15 - minute) * MINUTE
        clock.shift(MINUTE)
    clock.shift(1)
    assert told(anna.browser) == {"logged_in": False}
    assert federation.back_channel_log == []


def test_going_on_does_not_move_the_absolute_limit(anna, clock):
    anna.log_in(UWV)
    for _ in range(11):
        clock.shift(10 * MINUTE)
        answer = goes_on(anna.browser)
    assert answer.json["absolute_seconds_left"] == 10 * MINUTE
    clock.shift(10 * MINUTE + 1)
    assert goes_on(anna.browser).json == {"logged_in": False}


def test_going_on_too_late_revives_nothing(anna, clock):
    anna.log_in(UWV)
    clock.shift(15 * MINUTE + 1)
    assert goes_on(anna.browser).json == {"logged_in": False}
    assert told(anna.browser) == {"logged_in": False}
    anna.visit(UWV)
    assert anna.is_asked_for_password


def test_going_on_after_a_logout_revives_nothing(anna, clock):
    anna.log_in(UWV)
    cookie = anna.browser.cookie("uwv.test", "__Host-eilogin")
    anna.browser.visit("https://uwv.test/eilogin/logout")
    anna.browser.set_cookie("uwv.test", "__Host-eilogin", cookie)
    assert goes_on(anna.browser).json == {"logged_in": False}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_keep_her_logged_in(anna, clock, site):
    anna.log_in(UWV)
    clock.shift(14 * MINUTE)
    answer = goes_on(anna.browser, **{"Sec-Fetch-Site": site})
    assert answer.status_int == 403
    assert told(anna.browser)["idle_seconds_left"] == MINUTE


def test_other_methods_are_not_taken(anna):
    anna.log_in(UWV)
    answer = sent(anna.browser, "DELETE")
    assert answer.status_int == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST"


# --- the page -------------------------------------------------------------------


def test_her_pages_get_the_script_and_it_is_there(anna):
    anna.log_in(UWV)
    [source] = scripts(anna.browser)
    script = anna.browser.fetch(urljoin(UWV, source))
    assert script.content_type == "text/javascript"
    assert "immutable" in script.headers["Cache-Control"]
    page = anna.browser.page.text
    assert page.replace(f'<script src="{source}" async=""></script>', "") == FORM
    anna.browser.press("Verstuur")
    assert scripts(anna.browser) == [source]


def ask(anna, url, method="GET", **headers):
    """What a browser gets there that goes to it, or that looks whether it changed."""
    request = Request.blank(url, method=method)
    cookies = anna.browser.cookies("uwv.test").items()
    request.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies)
    request.headers.update(headers)
    response = request.get_response(anna.browser.app)
    response.body  # noqa: B018 - read whole, and closed (PEP 3333)
    return response


@pytest.mark.parametrize("path", ["/formulier", "/leeg", "/tekst"])
def test_a_look_at_the_headers_sees_those_of_the_page(anna, path):
    anna.log_in(UWV)
    url = f"https://uwv.test{path}"
    page, head = ask(anna, url), ask(anna, url, "HEAD")
    assert int(page.headers["Content-Length"]) == len(page.body)
    assert len(scripts_in(page)) == (path == "/formulier")
    assert head.body == b""
    for name in ("Content-Length", "ETag", "Content-Type"):
        assert head.headers[name] == page.headers[name]


def test_an_empty_page_stays_empty(anna):
    anna.log_in(UWV)
    assert ask(anna, "https://uwv.test/leeg").body == b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_that_has_not_changed_is_no_shorter_than_it_was(anna, method):
    anna.log_in(UWV)
    etag = ask(anna, UWV).headers["ETag"]
    answer = ask(anna, UWV, method, **{"If-None-Match": etag})
    assert answer.status_int == 304
    assert answer.headers["ETag"] == etag
    assert "Content-Length" not in answer.headers


def test_below_another_prefix_too(anna):
    anna.log_in(LAND)
    [source] = scripts(anna.browser)
    assert source.startswith("/een/login/warning.js?v=")
    assert "Cache-Control" in anna.browser.fetch(urljoin(LAND, source)).headers


def test_the_portal_has_it_by_default(anna):
    anna.log_in("https://mijn.test/")
    assert len(scripts(anna.browser)) == 1
    policy = anna.browser.page.headers["Content-Security-Policy"]
    assert "; connect-src https://mijn.test/eilogin/session" in policy
    [digest] = re.findall('integrity="([^"]+)"', anna.browser.page.text)
    assert f"'{digest}'" in policy


def test_strangers_and_paths_that_are_none_of_our_business_get_none(anna):
    anna.visit("https://land.test/")
    assert scripts(anna.browser) == []
    anna.log_in(LAND)
    anna.visit("https://land.test/")
    assert len(scripts(anna.browser)) == 1
    anna.visit("https://land.test/static/page.html")
    assert scripts(anna.browser) == []


def test_eilogins_own_pages_get_none(anna):
    anna.log_in(UWV)
    anna.browser.follow("https://uwv.test/eilogin/nothing-here")
    assert scripts(anna.browser) == []
    anna.browser.post("https://uwv.test/eilogin/logout", site="cross-site")
    assert anna.browser.page.status_int == 403
    assert scripts(anna.browser) == []


def test_a_site_that_switched_it_off_changes_nothing(anna):
    anna.log_in("https://stad.test/formulier")
    assert anna.browser.page.text == FORM
    script = anna.browser.fetch("https://stad.test/eilogin/warning.js")
    assert script.status_int == 404
