"""What she has sent after her session had ended is not lost."""

import io
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from webob import Request

from eilogin.errors import StoreUnavailable
from eilogin.testing import File
from eilogin.web import environ as env

MINUTE = 60
BANK = "https://bank.test/"
FORM_PAGE = "https://uwv.test/mijn/bezwaar?jaar=2026&soort=a%20b"
PAGE = """<form method="post" action="bezwaar?jaar=2026&amp;soort=a%20b">
<input type="hidden" name="token" value="of-the-application">
<textarea name="waarom"></textarea><button>Versturen</button></form>"""
SCAN = File("scan.pdf", bytes(range(256)) * 40 + b"\r\n--\r\n", "application/pdf")
WHY = "Het klopt niet: één regel,\r\nnog een regel & een teken ☂"
KEPT = "Wij bewaren uw formulier tot "
IDLE = "U bent uitgelogd, omdat u 15 minuten niets hebt gedaan."


class Application:
    """An application with a form, which keeps what it receives."""

    def __init__(self):
        self.received = []

    def __call__(self, environ, start_response):
        body = PAGE
        if environ["REQUEST_METHOD"] == "POST":
            self.received.append(Received(environ))
            if "naar" in environ["QUERY_STRING"]:
                headers = [("Location", BANK), ("Content-Type", "text/plain")]
                start_response("303 See Other", headers)
                return [b""]
            body = "Ontvangen. <a href='overzicht'>Naar het overzicht</a>"
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [f"{body} user=[{environ.get('REMOTE_USER', '')}]".encode()]


class Received:
    """A request as it reached a WSGI application."""

    def __init__(self, environ):
        self.environ = dict(environ)
        self.body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
        environ["wsgi.input"] = io.BytesIO(self.body)

    @property
    def as_sent(self):
        """What an application sees of a form."""
        keys = ("PATH_INFO", "QUERY_STRING", "SCRIPT_NAME", "CONTENT_TYPE")
        return [self.environ[key] for key in keys], self.body

    @property
    def referer(self):
        return self.environ.get("HTTP_REFERER")


@pytest.fixture(autouse=True)
def standing_clock(clock):
    return clock


@pytest.fixture
def application():
    return Application()


@pytest.fixture
def store(tmp_path):
    return tmp_path / "uwv.db"


@pytest.fixture
def options():
    """Options of uwv beside those of all tests here."""
    return {}


@pytest.fixture
def federation(eilogin_federation, application, store, options):
    said = {
        "store": f"sqlite:///{store}",
        "protect": "=/ optional\n/percelen midden",
        **options,
    }
    return eilogin_federation(
        {"uwv.test": application, "stad.test": application},
        options={"uwv.test": said},
    )


@pytest.fixture
def at_the_door(federation):
    """Every POST to the site, as the browser sent it."""
    seen, inside = [], federation.apps["uwv.test"]

    def door(environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            seen.append(Received(environ))
        return inside(environ, start_response)

    federation.apps["uwv.test"] = door
    return seen


def fill_in(citizen, **fields):
    """Press the button of the form that is on the page."""
    citizen.browser.press("Versturen", waarom=WHY, **fields)


def log_in_again(citizen):
    citizen.browser.click("Opnieuw inloggen")
    assert citizen.is_asked_for_password
    citizen.type_password()


def kept_cookies(browser, host="uwv.test"):
    return [n for n in browser.cookies(host) if n.startswith("__Host-eilogin-kept-")]


@pytest.fixture
def anna_too_late(anna, clock):
    """She has filled in the form, and comes back after a quarter of an hour."""
    anna.log_in(FORM_PAGE)
    clock.shift(16 * MINUTE)
    return anna


# --- she gets what she sent -------------------------------------------------------


@pytest.mark.parametrize("fields", [{"scan": SCAN}, {}], ids=["with a file", "text"])
def test_a_form_is_sent_again_byte_for_byte_after_one_click(
    anna_too_late, application, at_the_door, fields
):
    browser = anna_too_late.browser
    fill_in(anna_too_late, **fields)
    assert browser.page.status_int == 403
    assert IDLE in browser.text
    assert KEPT in browser.text
    log_in_again(anna_too_late)
    assert browser.title.startswith("Formulier opnieuw versturen?")
    assert "/mijn/bezwaar" in browser.text
    assert "10.16 uur" in browser.text
    assert application.received == [], "nothing is ever sent by itself"
    browser.press("Verstuur opnieuw")
    assert "Ontvangen" in browser.text
    assert browser.url == FORM_PAGE, "so relative links lead where they should"
    (received,) = application.received
    assert received.as_sent == at_the_door[0].as_sent
    assert received.environ["REQUEST_METHOD"] == "POST"
    assert received.environ["REMOTE_USER"]
    assert b"of-the-application" in received.body


def test_a_body_of_text_is_kept_too_and_its_page_told_as_it_was(
    anna_too_late, application, call
):
    cookies = anna_too_late.browser.cookies("uwv.test")
    answer = call(
        "POST",
        FORM_PAGE,
        b"waarom=daarom\r\n",
        Content_Type="text/plain",
        Cookie="; ".join(f"{n}={v}" for n, v in cookies.items()),
        Sec_Fetch_Site="same-origin",
        Sec_Fetch_Mode="navigate",
        Referer="https://uwv.test/mijn/formulier",
    )
    (login,) = re.findall(r'href="([^"]+/eilogin/login[^"]+)"', answer.text)
    for header in answer.headers.getall("Set-Cookie"):
        name, value = header.split(";")[0].split("=", 1)
        anna_too_late.browser.set_cookie("uwv.test", name, value)
    anna_too_late.visit(login.replace("&amp;", "&"))
    anna_too_late.type_password()
    anna_too_late.browser.press("Verstuur opnieuw")
    (received,) = application.received
    assert received.body == b"waarom=daarom\r\n"
    assert received.environ["CONTENT_TYPE"] == "text/plain"
    assert received.referer == "https://uwv.test/mijn/formulier"


def test_the_application_is_not_told_of_our_page(
    anna_too_late, federation, application
):
    fill_in(anna_too_late)
    log_in_again(anna_too_late)
    inside = federation.apps["uwv.test"]

    def from_our_page(environ, start_response):
        environ["HTTP_REFERER"] = anna_too_late.browser.url
        return inside(environ, start_response)

    federation.apps["uwv.test"] = from_our_page
    anna_too_late.browser.press("Verstuur opnieuw")
    assert application.received[0].referer is None


def test_after_two_hours_the_record_is_gone_and_the_browser_still_knows(
    anna, clock, application
):
    anna.log_in(FORM_PAGE)
    for _ in range(12):
        clock.shift(10 * MINUTE - 1)
        anna.visit(FORM_PAGE)
    assert anna.user
    clock.shift(5 * MINUTE)
    fill_in(anna)
    assert KEPT in anna.browser.text
    assert "15 minuten" not in anna.browser.text
    log_in_again(anna)
    anna.browser.press("Verstuur opnieuw")
    assert len(application.received) == 1


def test_a_page_that_needs_more_certainty_loses_nothing_either(
    federation, anna, application
):
    anna.log_in(FORM_PAGE)
    anna.browser.post("https://uwv.test/percelen", site="same-origin", perceel="12")
    assert KEPT in anna.browser.text
    assert "15 minuten" not in anna.browser.text
    anna.browser.click("Opnieuw inloggen")
    anna.type_password(anna.code)
    anna.browser.press("Verstuur opnieuw")
    (received,) = application.received
    assert received.body == b"perceel=12"
    assert received.environ[env.SESSION].level == "midden"


def test_the_level_of_the_page_is_asked_for_when_it_is_sent_again(
    anna, clock, application
):
    anna.visit("https://uwv.test/percelen")
    anna.type_password(anna.code)
    clock.shift(16 * MINUTE)
    anna.browser.post("https://uwv.test/percelen", site="same-origin", perceel="12")
    again = parse_qs(urlsplit(link_on(anna.browser)).query)["next"][0]
    anna.visit("https://uwv.test/mijn")
    anna.type_password()
    anna.visit(f"https://uwv.test{again}")
    anna.browser.press("Verstuur opnieuw")
    assert anna.browser.page.status_int == 403
    assert application.received == []
    assert KEPT in anna.browser.text
    anna.browser.click("Opnieuw inloggen")
    anna.type_password(anna.code)
    anna.browser.press("Verstuur opnieuw")
    assert len(application.received) == 1


def link_on(browser):
    return re.findall(r'href="([^"]+/eilogin/login[^"]+)"', browser.page.text)[
        0
    ].replace("&amp;", "&")


def test_post_replay_needs_new_login_if_session_expired_before_click(
    anna_too_late, clock, application
):
    fill_in(anna_too_late)
    log_in_again(anna_too_late)
    clock.shift(16 * MINUTE)
    anna_too_late.browser.press("Verstuur opnieuw")
    assert KEPT in anna_too_late.browser.text
    assert application.received == []
    log_in_again(anna_too_late)
    anna_too_late.browser.press("Verstuur opnieuw")
    assert len(application.received) == 1


def test_two_tabs_lose_nothing(anna_too_late, application):
    browser = anna_too_late.browser
    form = browser.page, browser.url
    fill_in(anna_too_late, tab="1")
    first = link_on(browser)
    browser.page, browser.url = form
    fill_in(anna_too_late, tab="2")
    log_in_again(anna_too_late)
    browser.press("Verstuur opnieuw")
    browser.visit(first)
    browser.press("Verstuur opnieuw")
    assert [b"tab=2" in r.body for r in application.received] == [True, False]


def test_a_browser_holds_a_few_of_them_and_the_oldest_gives_way(
    anna_too_late, clock, application
):
    browser = anna_too_late.browser
    form = browser.page, browser.url
    links = []
    for number in range(5):
        clock.shift(1)
        browser.page, browser.url = form
        fill_in(anna_too_late, number=str(number))
        links.append(link_on(browser))
    assert len(kept_cookies(browser)) == 3
    log_in_again(anna_too_late)
    browser.press("Verstuur opnieuw")
    browser.visit(links[1])
    assert browser.page.status_int == 410
    browser.visit(links[2])
    browser.press("Verstuur opnieuw")
    assert [b"number=4" in r.body for r in application.received] == [True, False]


def plant(browser, *handles):
    """Cookies that this site did not set, as who writes her own requests sends them."""
    for handle in handles:
        browser.set_cookie("uwv.test", f"__Host-eilogin-kept-{handle}", "x")


def test_naming_kept_form_of_another_visitor_does_not_delete_it(
    anna_too_late, citizen_of, clock, application
):
    bram = citizen_of("bram")
    bram.log_in(FORM_PAGE)
    clock.shift(16 * MINUTE)
    fill_in(anna_too_late)
    (hers,) = kept_cookies(anna_too_late.browser)
    plant(bram.browser, hers.removeprefix("__Host-eilogin-kept-"))
    plant(bram.browser, *(f"fffffffff0{n}-{22 * 'A'}" for n in range(3)))
    fill_in(bram)
    assert KEPT in bram.browser.text
    log_in_again(anna_too_late)
    anna_too_late.browser.press("Verstuur opnieuw")
    assert len(application.received) == 1


def test_of_very_many_cookies_a_few_are_taken_away_at_once(anna_too_late):
    browser = anna_too_late.browser
    plant(browser, *(f"{n:011x}-{22 * 'A'}" for n in range(100)))
    fill_in(anna_too_late)
    assert KEPT in browser.text
    assert len(kept_cookies(browser)) == 100 + 1 - 20


def test_the_application_may_answer_with_a_redirect_to_another_site(
    federation, anna, clock, application
):
    federation.apps["bank.test"] = application
    anna.log_in("https://uwv.test/betalen?naar=bank")
    clock.shift(16 * MINUTE)
    anna.browser.post("https://uwv.test/betalen?naar=bank", site="same-origin", n="1")
    log_in_again(anna)
    anna.browser.press("Verstuur opnieuw")
    assert anna.browser.url == BANK


class TestBeforeZope:
    """A form's own fields can call something that needs more than its address."""

    @pytest.fixture
    def options(self):
        return {"path_style": "zope", "protect": "/mijn/percelen midden"}

    def test_post_replay_asks_for_level_that_form_fields_need(
        self, anna, clock, application
    ):
        browser = anna.browser
        anna.log_in("https://uwv.test/mijn")
        clock.shift(16 * MINUTE)
        fields = {"percelen:method": "Bekijk"}
        browser.post("https://uwv.test/mijn", site="same-origin", **fields)
        again = parse_qs(urlsplit(link_on(browser)).query)["next"][0]
        anna.log_in("https://uwv.test/mijn")
        anna.visit(f"https://uwv.test{again}")
        browser.press("Verstuur opnieuw")
        assert browser.page.status_int == 403
        assert application.received == []
        browser.click("Opnieuw inloggen")
        anna.type_password(anna.code)
        browser.press("Verstuur opnieuw")
        (received,) = application.received
        assert received.body == b"percelen%3Amethod=Bekijk"
        assert received.environ[env.SESSION].level == "midden"

    @pytest.mark.parametrize(
        ("name", "status"), [("percelen:method", 400), ("tekst", 200)]
    )
    def test_a_form_with_files_is_looked_at_when_it_is_sent_again(
        self, anna, clock, application, name, status
    ):
        browser = anna.browser
        anna.log_in("https://uwv.test/mijn")
        clock.shift(16 * MINUTE)
        fields = {name: "sociaal:action", "bijlage": SCAN}
        browser.post("https://uwv.test/mijn", site="same-origin", **fields)
        log_in_again(anna)
        browser.press("Verstuur opnieuw")
        assert browser.page.status_int == status
        assert len(application.received) == (status == 200)


class TestAtAnAddressThatWantsAFreshProof:
    @pytest.fixture
    def options(self):
        return {"protect": "/mijn/bezwaar basis max_age=5m"}

    def test_the_proof_is_asked_for_once(self, anna, clock, application):
        anna.log_in(FORM_PAGE)
        clock.shift(6 * MINUTE)
        fill_in(anna)
        assert KEPT in anna.browser.text
        log_in_again(anna)
        anna.browser.press("Verstuur opnieuw")
        assert len(application.received) == 1


# --- nobody else does, and it is not sent twice -----------------------------------


def test_another_citizen_cannot_send_it_and_then_it_is_gone(
    anna_too_late, citizen_of, application, events
):
    fill_in(anna_too_late)
    bram = citizen_of("bram", anna_too_late.browser)
    log_in_again(bram)
    page = bram.browser
    assert page.page.status_int == 403
    assert "door iemand anders" in page.text
    assert not kept_cookies(page)
    address = page.url
    assert application.received == []
    page.visit("https://uwv.test/eilogin/logout")
    log_in_anew = citizen_of("anna", page)
    log_in_anew.visit(address)
    log_in_anew.type_password()
    assert page.page.status_int == 410
    assert application.received == []
    (event,) = [e for e in events("form") if e["reason"] == "form-of-another"]
    assert event["outcome"] == "refused"


def test_it_cannot_be_sent_from_another_browser(anna_too_late, citizen_of, application):
    fill_in(anna_too_late)
    again = parse_qs(urlsplit(link_on(anna_too_late.browser)).query)["next"][0]
    handle = parse_qs(urlsplit(again).query)["form"][0]
    elsewhere = citizen_of("anna")
    elsewhere.log_in(FORM_PAGE)
    elsewhere.visit(f"https://uwv.test{again}")
    assert elsewhere.browser.page.status_int == 410
    elsewhere.browser.post(FORM_PAGE, site="same-origin", **{"eilogin-again": handle})
    assert elsewhere.browser.page.status_int == 410
    assert application.received == []


def test_a_double_click_sends_it_once(anna_too_late, application):
    browser = anna_too_late.browser
    fill_in(anna_too_late)
    log_in_again(anna_too_late)
    form = browser.page, browser.url
    browser.press("Verstuur opnieuw")
    browser.page, browser.url = form
    browser.press("Verstuur opnieuw")
    assert browser.page.status_int == 409
    assert browser.title.startswith("U hebt dit formulier al verstuurd")
    assert len(application.received) == 1
    browser.click("Naar de website van uwv.test")
    assert browser.url == "https://uwv.test/"


def test_a_double_click_after_the_session_ended_again_sends_nothing(
    anna_too_late, application, clock
):
    browser = anna_too_late.browser
    fill_in(anna_too_late)
    log_in_again(anna_too_late)
    form = browser.page, browser.url
    browser.press("Verstuur opnieuw")
    clock.shift(16 * MINUTE)
    browser.page, browser.url = form
    browser.press("Verstuur opnieuw")
    assert browser.title.startswith("U hebt dit formulier al verstuurd")
    assert len(application.received) == 1


def test_after_an_hour_it_is_gone(anna_too_late, clock, application):
    fill_in(anna_too_late)
    clock.shift(60 * MINUTE)
    log_in_again(anna_too_late)
    assert anna_too_late.browser.page.status_int == 410
    assert "Vul het opnieuw in" in anna_too_late.browser.text
    assert application.received == []


def test_it_is_not_sent_from_the_page_of_another_site(anna_too_late, application):
    browser = anna_too_late.browser
    fill_in(anna_too_late)
    log_in_again(anna_too_late)
    (handle,) = re.findall(r'name="eilogin-again" value="([^"]+)"', browser.page.text)
    browser.post(FORM_PAGE, site="same-site", **{"eilogin-again": handle})
    assert browser.page.status_int == 403
    assert application.received == []
    browser.visit(f"https://uwv.test/eilogin/again?form={handle}")
    browser.press("Verstuur opnieuw")
    assert len(application.received) == 1, "and that has done it no harm"


def test_it_is_not_sent_to_another_address(anna_too_late, application):
    browser = anna_too_late.browser
    fill_in(anna_too_late)
    log_in_again(anna_too_late)
    (handle,) = re.findall(r'name="eilogin-again" value="([^"]+)"', browser.page.text)
    browser.post(
        "https://uwv.test/betalen", site="same-origin", **{"eilogin-again": handle}
    )
    assert browser.page.status_int == 410
    assert application.received == []


@pytest.mark.parametrize("query", ["", "?form=", "?form=x", "?form=../x"])
def test_an_address_that_names_no_form_is_a_calm_page(anna, query):
    anna.log_in(FORM_PAGE)
    anna.visit(f"https://uwv.test/eilogin/again{query}")
    assert anna.browser.page.status_int == 410
    assert anna.browser.title.startswith("Uw formulier is niet verstuurd")
    anna.browser.click("Naar de website van uwv.test")
    assert anna.browser.url == "https://uwv.test/"


def test_a_stranger_is_asked_to_log_in_first(anna):
    anna.visit("https://uwv.test/eilogin/again?form=x")
    assert anna.is_asked_for_password


def test_the_page_with_the_button_takes_no_form_itself(anna):
    anna.log_in(FORM_PAGE)
    anna.browser.post("https://uwv.test/eilogin/again?form=x", site="same-origin")
    assert anna.browser.page.status_int == 405


# --- what is not kept -------------------------------------------------------------


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_form_from_elsewhere_is_never_kept(anna_too_late, site):
    anna_too_late.browser.post(FORM_PAGE, site=site, waarom="zomaar")
    assert_not_kept(anna_too_late.browser)


def assert_not_kept(browser):
    assert browser.page.status_int == 403
    assert "Uw formulier is niet verstuurd" in browser.text
    assert "bewaard" not in browser.text
    assert not kept_cookies(browser)


def test_a_form_of_who_never_had_a_session_is_not_kept(anna):
    anna.browser.post(FORM_PAGE, site="same-origin", waarom="zomaar")
    assert_not_kept(anna.browser)


def test_a_form_after_logging_out_is_not_kept(anna):
    anna.log_in(FORM_PAGE)
    form = anna.browser.page, anna.browser.url
    anna.visit("https://uwv.test/eilogin/logout")
    anna.browser.page, anna.browser.url = form
    fill_in(anna)
    assert_not_kept(anna.browser)


def test_keeps_a_form_after_a_logout_at_another_site(anna):
    anna.log_in(FORM_PAGE)
    form = anna.browser.page, anna.browser.url
    anna.visit("https://stad.test/mijn")
    anna.visit("https://stad.test/eilogin/logout")
    anna.browser.page, anna.browser.url = form
    fill_in(anna)
    assert len(kept_cookies(anna.browser)) == 1


def test_a_note_of_whose_it_was_cannot_be_made_up(anna, clock):
    anna.log_in(FORM_PAGE)
    clock.shift(121 * MINUTE)
    anna.browser.set_cookie("uwv.test", "__Host-eilogin-whose", "x" * 100)
    fill_in(anna)
    assert_not_kept(anna.browser)


def test_post_of_a_script_is_not_kept(anna_too_late, federation, call):
    cookies = anna_too_late.browser.cookies("uwv.test")
    answer = call(
        "POST",
        FORM_PAGE,
        b"a=b",
        Content_Type="application/x-www-form-urlencoded",
        Cookie="; ".join(f"{n}={v}" for n, v in cookies.items()),
        Sec_Fetch_Site="same-origin",
        Sec_Fetch_Mode="cors",
    )
    assert answer.status_int == 401
    assert answer.content_type == "application/json"
    assert "Set-Cookie" not in answer.headers


class Unreadable:
    """A body that must not be read."""

    def read(self, *args):
        raise AssertionError("the body was read")

    readline = readlines = __iter__ = read


class Endless:
    """A body in chunks, of which nobody knows the end."""

    def __init__(self):
        self.given = 0

    def read(self, size):
        size = min(size, 50_000)
        self.given += size
        return b"x" * size


@pytest.fixture
def send(anna, clock, federation):
    """A form as a browser sends it, with changes to environ."""
    anna.log_in(FORM_PAGE)
    cookies = anna.browser.cookies("uwv.test")
    clock.shift(16 * MINUTE)

    def send(**changes):
        request = Request.blank(FORM_PAGE, method="POST")
        request.headers["Cookie"] = "; ".join(f"{n}={v}" for n, v in cookies.items())
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        request.headers["Sec-Fetch-Mode"] = "navigate"
        request.headers["Accept-Language"] = "nl"
        for key, value in changes.items():
            request.environ[key.replace("__", ".")] = value
        response = request.get_response(federation)
        return response, response.headers.getall("Set-Cookie")

    return send


SAME = {"HTTP_SEC_FETCH_SITE": "same-origin"}


def test_a_browser_that_says_the_origin_alone_is_believed(send):
    response, cookies = send(HTTP_ORIGIN="https://uwv.test", CONTENT_LENGTH="0")
    assert KEPT in response.text
    assert any("eilogin-kept-" in cookie for cookie in cookies)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": "https://stad.test"},
        {**SAME, "CONTENT_TYPE": "application/json"},
        {**SAME, "HTTP_CONTENT_ENCODING": "gzip"},
        {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_ORIGIN": "https://uwv.test"},
    ],
)
def test_of_what_is_not_kept_nothing_is_read(send, changes):
    response, cookies = send(wsgi__input=Unreadable(), CONTENT_LENGTH="5", **changes)
    assert response.status_int == 403
    assert "bewaard" not in response.text
    assert cookies == []


def test_a_form_that_is_too_large_is_told_so_and_not_read(send):
    response, cookies = send(
        **SAME, wsgi__input=Unreadable(), CONTENT_LENGTH=str(8 * 1024**2 + 1)
    )
    assert response.status_int == 413
    assert "groter dan 8 MB" in response.text
    assert "Kom terug naar dit tabblad, en laad de pagina opnieuw." in response.text
    assert cookies == []


def test_a_form_in_chunks_is_read_up_to_the_limit(send):
    body = Endless()
    response, _ = send(
        **SAME, wsgi__input=body, CONTENT_LENGTH="", wsgi__input_terminated=True
    )
    assert response.status_int == 413
    assert body.given == 8 * 1024**2 + 1


def test_a_form_in_chunks_is_kept(send, anna_too_late, application):
    response, cookies = send(
        **SAME,
        wsgi__input=io.BytesIO(b"a=b"),
        CONTENT_LENGTH="",
        wsgi__input_terminated=True,
    )
    for cookie in cookies:
        name, value = cookie.split(";")[0].split("=", 1)
        anna_too_late.browser.set_cookie("uwv.test", name, value)
    anna_too_late.browser.page = response
    log_in_again(anna_too_late)
    anna_too_late.browser.press("Verstuur opnieuw")
    assert application.received[0].body == b"a=b"


def test_a_form_that_breaks_off_is_refused(send):
    response, cookies = send(**SAME, wsgi__input=io.BytesIO(b"a="), CONTENT_LENGTH="3")
    assert response.status_int == 400
    assert cookies == []


class TestWithASmallerLimit:
    @pytest.fixture
    def options(self):
        return {"keep_post": "1500"}

    def test_the_page_names_it(self, anna_too_late):
        fill_in(anna_too_late, meer="x" * 1500)
        assert "groter dan 1500 bytes" in anna_too_late.browser.text

    def test_she_can_log_in_in_another_tab_and_send_it_herself(
        self, anna_too_late, application
    ):
        browser = anna_too_late.browser
        form = browser.page, browser.url
        fill_in(anna_too_late, meer="x" * 1500)
        browser.click("Open een nieuw tabblad om in te loggen")
        anna_too_late.type_password()
        browser.page, browser.url = form
        fill_in(anna_too_late, meer="x" * 1500)
        assert "Ontvangen" in browser.text
        assert len(application.received) == 1


class TestSwitchedOff:
    @pytest.fixture
    def options(self):
        return {"keep_post": "off"}

    def test_nothing_is_kept_and_no_cookie_says_whose_it_was(self, anna_too_late):
        assert anna_too_late.browser.cookie("uwv.test", "__Host-eilogin-whose") is None
        fill_in(anna_too_late)
        assert_not_kept(anna_too_late.browser)


class TestWhereASessionIsBoundToItsNetwork:
    HOME, ELSEWHERE = "192.0.2.7", "203.0.113.9"

    @pytest.fixture
    def options(self):
        return {"bind_address": "enforce"}

    @pytest.fixture(autouse=True)
    def at_home(self, federation):
        """Every request of her own comes from here."""
        inside = federation.apps["uwv.test"]

        def at_home(environ, start_response):
            environ.setdefault("REMOTE_ADDR", self.HOME)
            return inside(environ, start_response)

        federation.apps["uwv.test"] = at_home

    @pytest.mark.parametrize("later", [0, 120 * MINUTE], ids=["idle", "gone"])
    def test_stolen_cookies_cannot_push_out_kept_forms(self, send, clock, later):
        clock.shift(later)
        response, cookies = send(**SAME, REMOTE_ADDR=self.ELSEWHERE, CONTENT_LENGTH="0")
        assert response.status_int == 403
        assert "bewaard" not in response.text
        assert cookies == []
        response, _ = send(**SAME, REMOTE_ADDR=self.HOME, CONTENT_LENGTH="0")
        assert KEPT in response.text


# --- whoever looks on -------------------------------------------------------------


def test_nothing_of_it_is_in_the_store_a_log_an_address_or_a_cookie(
    anna_too_late, store, caplog
):
    caplog.set_level("DEBUG")
    browser = anna_too_late.browser
    fill_in(anna_too_late, scan=SCAN, iban="NL00TEST0123456789")
    octets = b"".join(f.read_bytes() for f in store.parent.glob(f"{store.name}*"))
    assert len(octets) > len(SCAN.content), "it is there, after all"
    log_in_again(anna_too_late)
    addresses = "".join(browser.trail)
    browser.press("Verstuur opnieuw")
    cookies = str(browser.cookies("uwv.test"))
    for word in ("Het klopt niet", "scan.pdf", "NL00TEST", "bezwaar?jaar", "soort=a"):
        assert word.encode() not in octets
        for place in (caplog.text, addresses, cookies):
            assert word not in place
    assert SCAN.content[:64] not in octets


def test_that_it_was_kept_and_sent_is_in_the_audit_log(anna_too_late, events):
    fill_in(anna_too_late)
    log_in_again(anna_too_late)
    anna_too_late.browser.press("Verstuur opnieuw")
    assert [e["outcome"] for e in events("form.kept")] == ["ok"]
    (sent,) = events("form.sent")
    assert sent["pseudonym"] == events("login")[-1]["pseudonym"]


def test_a_full_disk_loses_the_form_and_says_so(anna_too_late, federation, monkeypatch):
    inside = federation.apps["uwv.test"]
    monkeypatch.setattr(inside.sessions.store, "add", fail)
    monkeypatch.setattr(inside.sessions.store, "swap", fail)
    fill_in(anna_too_late)
    assert_not_kept(anna_too_late.browser)


def fail(*args, **kwargs):
    raise StoreUnavailable("database or disk is full")


def test_too_many_at_once_are_not_kept(anna_too_late, federation, monkeypatch):
    store = federation.apps["uwv.test"].sessions.store
    monkeypatch.setattr(store, "add", lambda *a, **k: False)
    fill_in(anna_too_late)
    assert_not_kept(anna_too_late.browser)


# --- secrets ----------------------------------------------------------------------


class TestWithAnotherSecret:
    OLD, NEW = "the secret of last year", "the secret of this year"

    @pytest.fixture
    def options(self):
        return {"secret": self.OLD}

    @pytest.fixture
    def restart_with(self, federation, application, store, options):
        """The same site after somebody has changed its options."""

        def restart(secret):
            said = {"store": f"sqlite:///{store}", "secret": secret}
            app = federation._participant("uwv.test", application, said)  # noqa: SLF001
            federation.apps["uwv.test"] = app

        return restart

    def test_that_has_the_old_one_beside_it_nothing_is_lost(
        self, anna_too_late, restart_with, application
    ):
        fill_in(anna_too_late)
        restart_with(f"{self.NEW}\n{self.OLD}")
        log_in_again(anna_too_late)
        anna_too_late.browser.press("Verstuur opnieuw")
        assert len(application.received) == 1

    def test_alone_it_is_a_calm_page(self, anna_too_late, restart_with, application):
        fill_in(anna_too_late)
        restart_with(self.NEW)
        log_in_again(anna_too_late)
        assert anna_too_late.browser.page.status_int == 410
        assert application.received == []


# --- the applications are left alone ----------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "eilogin-again=" + "x" * 34,
        "x" * 48,
        "",
        "eilogin-again=" + "x" * 35,
    ],
)
def test_body_similar_to_post_replay_reaches_application_unchanged(
    anna, application, call, body
):
    anna.log_in(FORM_PAGE)
    cookies = anna.browser.cookies("uwv.test")
    call(
        "POST",
        FORM_PAGE,
        body.encode(),
        Content_Type="application/x-www-form-urlencoded",
        Cookie="; ".join(f"{n}={v}" for n, v in cookies.items()),
        Sec_Fetch_Site="same-origin",
        Sec_Fetch_Mode="navigate",
    )
    assert application.received[0].body == body.encode()


def test_a_note_that_somebody_keeps_longer_is_worth_nothing(anna, clock):
    anna.log_in(FORM_PAGE)
    names = ("__Host-eilogin", "__Host-eilogin-whose")
    held = {name: anna.browser.cookie("uwv.test", name) for name in names}
    clock.shift(180 * MINUTE)
    for name, value in held.items():
        anna.browser.set_cookie("uwv.test", name, value)
    fill_in(anna)
    assert_not_kept(anna.browser)


def test_the_note_in_the_browser_goes_an_hour_after_the_session(anna, clock):
    anna.log_in(FORM_PAGE)
    assert anna.browser.cookie("uwv.test", "__Host-eilogin-whose")
    clock.shift(180 * MINUTE)
    fill_in(anna)
    assert_not_kept(anna.browser)
