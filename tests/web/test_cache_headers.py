"""What browsers and shared caches may keep of the answers of an application."""

import pytest

from eilogin.web import environ as env
from eilogin.web.cache_headers import for_visitor
from eilogin.web.visit import Visit

PAGE = "https://uwv.test/mijn"
PROTECT = "=/ optional\n/static off\n/ basis"


class Application:
    """It answers what the test says, and says nothing of caching by itself."""

    def __init__(self):
        self.status = "200 OK"
        self.said = []
        self.kind = "text/html"

    def __call__(self, environ, start_response):
        is_whole = not self.status.startswith("304")
        kind = [("Content-Type", self.kind)] if is_whole else []
        start_response(self.status, [*kind, *self.said])
        return [b"<h1>Mijn UWV</h1>"] if is_whole else []


@pytest.fixture
def application():
    return Application()


@pytest.fixture
def logged_in(clock, eilogin_federation, application):
    """The browser of who is logged in where these options hold."""

    def made(**options):
        said = {"protect": PROTECT, **options}
        federation = eilogin_federation(
            {"uwv.test": application}, options={"uwv.test": said}
        )
        browser = federation.browser()
        browser.visit(PAGE)
        browser.press("Inloggen", username="anna", password="demo-anna")
        assert browser.url == PAGE
        return browser

    return made


def kept(browser, url=PAGE):
    """What the answer to her says of caching."""
    browser.visit(url)
    return browser.page.headers.getall("Cache-Control")


@pytest.mark.parametrize("url", [PAGE, "https://uwv.test/"])
def test_nothing_is_kept_of_what_somebody_sees_who_is_logged_in(logged_in, url):
    browser = logged_in()
    assert kept(browser, url) == ["no-store"]
    assert browser.page.text == "<h1>Mijn UWV</h1>"


def test_nor_of_what_a_form_or_a_script_of_hers_gets(logged_in):
    browser = logged_in()
    browser.post(PAGE, site="same-origin", naam="Anna")
    assert browser.page.headers.getall("Cache-Control") == ["no-store"]
    assert browser.fetch(PAGE).headers.getall("Cache-Control") == ["no-store"]


@pytest.mark.parametrize("status", ["302 Found", "404 Not Found", "500 Oh no"])
def test_private_page_with_any_status_is_not_stored(logged_in, application, status):
    browser = logged_in()
    application.status = status
    assert browser.fetch(PAGE).headers.getall("Cache-Control") == ["no-store"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (("Cache-Control", "private, max-age=60"), "private, max-age=60"),
        (("Cache-Control", "public, max-age=60"), "private, max-age=60"),
        (("cache-control", "no-cache"), "private, no-cache"),
        (("Cache-Control", "no-store"), "no-store"),
        (("Expires", "0"), "private"),
        (("Pragma", "no-cache"), "private, no-cache"),
    ],
)
def test_cache_headers_of_application_apply_to_browser_only(
    logged_in, application, said, found
):
    application.said = [said]
    browser = logged_in()
    assert kept(browser) == [found]
    assert browser.page.headers["Vary"] == "Cookie"
    if said[0] != "cache-control":
        assert said[0] in browser.page.headers


def test_the_answer_to_an_anonymous_visitor_depends_on_cookies(
    eilogin_federation, application
):
    application.said = [("Cache-Control", "public, s-maxage=60"), ("Vary", "Accept")]
    sites, options = {"uwv.test": application}, {"uwv.test": {"protect": PROTECT}}
    browser = eilogin_federation(sites, options=options).browser()
    assert kept(browser, "https://uwv.test/") == ["public, s-maxage=60"]
    assert browser.page.headers.getall("Vary") == ["Accept, Cookie"]
    assert kept(browser, "https://uwv.test/static/x.css") == ["public, s-maxage=60"]
    assert browser.page.headers.getall("Vary") == ["Accept"]


def test_a_tag_of_its_own_says_nothing_of_keeping(logged_in, application):
    application.said = [("ETag", '"1"'), ("Last-Modified", "Tue, 24 Nov 2026 09:00:00")]
    browser = logged_in()
    assert kept(browser) == ["no-store"]


def test_not_modified_response_gets_no_cache_control(logged_in, application):
    browser = logged_in()
    application.status = "304 Not Modified"
    assert browser.fetch(PAGE).headers.getall("Cache-Control") == []


@pytest.mark.parametrize(
    ("dest", "kind"),
    [
        ("style", "text/css; charset=utf-8"),
        ("script", "text/javascript"),
        ("script", "application/x-JavaScript"),
        ("font", "font/woff2"),
        ("font", "application/vnd.ms-fontobject"),
    ],
)
def test_browser_may_cache_styles_scripts_and_fonts(logged_in, application, dest, kind):
    browser = logged_in()
    application.kind = kind
    part = browser.fetch(f"{PAGE}/deel", **{"Sec-Fetch-Dest": dest})
    assert part.headers.getall("Cache-Control") == ["private"]
    picture = browser.fetch(f"{PAGE}/foto", **{"Sec-Fetch-Dest": "image"})
    assert picture.headers.getall("Cache-Control") == ["no-store"]


@pytest.mark.parametrize("dest", ["style", "script", "font"])
@pytest.mark.parametrize("kind", ["text/html", "application/json; a=javascript"])
def test_a_page_that_is_asked_for_as_such_a_thing_is_not_kept(
    logged_in, application, dest, kind
):
    """By a page of a neighbouring site, whose visitor is logged in here."""
    browser = logged_in()
    application.kind = kind
    page = browser.fetch(PAGE, **{"Sec-Fetch-Dest": dest})
    assert page.headers.getall("Cache-Control") == ["no-store"]


def test_public_content_keeps_its_cache_headers(logged_in):
    browser = logged_in()
    assert kept(browser, "https://uwv.test/static/x.css") == []
    browser.set_cookie("uwv.test", "__Host-eilogin", "0" * 43)
    assert kept(browser, "https://uwv.test/") == []


def test_an_option_leaves_it_to_the_application(logged_in):
    browser = logged_in(no_store="false")
    assert kept(browser) == ["private"]
    assert browser.page.headers["Vary"] == "Cookie"


def test_a_part_that_fails_half_way_says_so_too():
    told = []
    environ = {"HTTP_SEC_FETCH_DEST": "style", env.SESSION: "a login"}
    start = for_visitor(Visit(environ), lambda *said: told.append(said), no_store=True)
    error, kind = (ValueError, ValueError(), None), ("Content-Type", "text/css")
    start("200 OK", [kind])
    start("500 Oh no", [kind], error)
    found = [kind, ("Cache-Control", "private"), ("Vary", "Cookie")]
    assert told == [("200 OK", found), ("500 Oh no", found, error)]


def test_an_application_that_fails_half_way_says_so_to_the_server():
    """Its second word takes the place of the first one (PEP 3333)."""
    told = []

    def start_response(status, headers, *error):
        told.append((status, headers, *error))

    start = for_visitor(Visit({env.SESSION: "a login"}), start_response, no_store=True)
    error = (ValueError, ValueError(), None)
    start("200 OK", [])
    start("500 Oh no", [("Cache-Control", "public")], error)
    assert told == [
        ("200 OK", [("Cache-Control", "no-store")]),
        ("500 Oh no", [("Cache-Control", "private"), ("Vary", "Cookie")], error),
    ]
