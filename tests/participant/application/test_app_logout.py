"""The application's own logout begins ours, when the application has done its part."""

import pytest

from eilogin.errors import InvalidOptions, StoreUnavailable
from eilogin.filters.logout import make_logout
from eilogin.participant.application.app_logout import LogoutAddress, read_addresses
from eilogin.participant.logout.logout_start import ParticipantLogout

SITE = "https://stad.test"
MINE = f"{SITE}/mijn"


#: What the application says at which address.
ANSWERS = {
    "/to": ("302 Found", [("Location", "/tot-ziens?van=app")]),
    "/near": ("303 See Other", [("Location", "weg#top")]),
    "/whole": ("302 Found", [("Location", f"{SITE}/tot-ziens")]),
    "/away": ("302 Found", [("Location", "https://evil.test/")]),
    "/ours": ("302 Found", [("Location", "/eilogin/logout")]),
    "/none": ("302 Found", [("Location", "http://[")]),
    "/wrong": ("403 Forbidden", []),
}


class Application:
    """One with a session cookie of its own, and several ways to log out."""

    def __init__(self):
        #: What it was asked, and whether an answer of it was read and closed.
        self.asked, self.is_closed = [], False
        #: Where it fails while its answer is read.
        self.fails_at = ""
        #: Where its answer has no end but is this again, and how often that was read.
        self.endless_at, self.part, self.read = "", b"", 0

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append((method, path, environ.get("REMOTE_USER", "")))
        status, more = ANSWERS.get(path, ("200 OK", []))
        gone = ("Set-Cookie", "sessionid=; Max-Age=0; Path=/")
        plain = ("Content-Type", "text/html; charset=utf-8")
        if path == "/faulty":
            error = OSError("no database")
            fault = (OSError, error, error.__traceback__)
            start_response("500 Oh", [plain], fault)
        else:
            start_response(status, [plain, gone, *more])
        return Body(self)


class Body:
    def __init__(self, application):
        self._application = application

    def __iter__(self):
        asked = self._application.asked[-1][1]
        if asked == self._application.fails_at:
            raise OSError("the template is gone")
        while asked == self._application.endless_at:
            self._application.read += 1
            yield self._application.part
        yield b"<p>You are logged out of the application.</p>"

    def close(self):
        self._application.is_closed = True


@pytest.fixture
def application():
    return Application()


@pytest.fixture
def anna(eilogin_federation, application):
    """Logged in at two participants, of which one has an application that logs out."""
    said = {
        "protect": "/ optional\n/mijn basis\n/midden midden\n/vers basis max_age=1m\n"
        "/pauze basis idle=2m\n/baas basis role=boss",
        "app_logout": "/uit /to /near /whole /away /ours /none /wrong /faulty "
        "POST /form /mijn/uit /midden/uit /vers/uit /pauze/uit /baas/uit",
        "next": "/weg",
    }
    federation = eilogin_federation(
        {"stad.test": application, "uwv.test": Application()},
        options={"stad.test": said, "uwv.test": {"protect": "/ optional\n/mijn basis"}},
    )
    browser = federation.browser()
    browser.visit(MINE)
    browser.press("Inloggen", username="anna", password="demo-anna")
    browser.visit("https://uwv.test/mijn")
    browser.visit(MINE)
    application.asked.clear()
    application.is_closed = False
    return browser


@pytest.fixture
def is_in(anna):
    """Whether she is logged in at a host still, without being asked."""

    def is_in(host="stad.test"):
        return anna.fetch(f"https://{host}/mijn").status_int == 200

    return is_in


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/uit", "/weg"),
        ("/to", "/tot-ziens?van=app"),
        ("/near", "/weg"),
        ("/whole", "/tot-ziens"),
        ("/away", "/weg"),
        ("/ours", "/weg"),
        ("/none", "/weg"),
    ],
)
def test_she_is_logged_out_everywhere_and_where_it_leads(
    anna, application, is_in, path, target
):
    anna.visit(f"{SITE}{path}")
    assert anna.url == f"{SITE}{target}"
    assert not is_in()
    assert not is_in("uwv.test")
    method, asked, user = application.asked[0]
    assert (method, asked) == ("GET", path)
    assert user, "it knows who leaves"
    assert application.is_closed


@pytest.mark.parametrize(("part", "most"), [(b"x" * 65536, 16), (b"", 1024 * 1024)])
def test_a_page_without_an_end_is_not_read_for_ever(
    anna, application, is_in, part, most
):
    application.endless_at, application.part = "/uit", part
    anna.visit(f"{SITE}/uit")
    assert application.read == most
    assert application.is_closed
    assert anna.url == f"{SITE}/weg"
    assert not is_in()


def test_failure_while_reading_app_logout_still_ends_session(
    anna, application, is_in, caplog
):
    application.fails_at = "/uit"
    anna.visit(f"{SITE}/uit")
    assert anna.url == f"{SITE}/weg"
    assert not is_in()
    assert not is_in("uwv.test")
    assert "app_logout: the application failed in its own logout" in caplog.text
    assert application.is_closed


def test_its_own_cookies_are_gone_too(anna):
    anna.set_cookie("stad.test", "sessionid", "of the application")
    anna.visit(f"{SITE}/uit")
    assert anna.cookie("stad.test", "sessionid") is None


def test_a_form_of_its_own_does_so_too(anna, is_in):
    anna.post(f"{SITE}/form", site="same-origin", token="x")
    assert anna.url == f"{SITE}/weg"
    assert not is_in("uwv.test")


def test_an_address_with_a_method_is_none_by_another(anna, is_in):
    anna.visit(f"{SITE}/form")
    assert "logged out of the application" in anna.text
    assert is_in()
    assert is_in("uwv.test")


@pytest.mark.parametrize(("path", "status"), [("/wrong", 403), ("/faulty", 500)])
def test_rejected_app_logout_ends_no_session(anna, is_in, path, status):
    """A form without its token, such as another site makes one, or a fault.

    Of that it makes a page of its own, as error middleware does (PEP 3333, exc_info).
    """
    anna.visit(f"{SITE}{path}")
    assert anna.page.status_int == status
    assert "logged out of the application" in anna.text
    assert is_in()
    assert is_in("uwv.test")


@pytest.mark.parametrize("how", ["link", "form"])
def test_app_logout_from_another_site_asks_for_confirmation(
    anna, application, is_in, how
):
    """The application has its own answer to that, and has given it."""
    anna.set_cookie("stad.test", "sessionid", "of the application")
    if how == "link":
        anna.url = "https://evil.test/"
        anna.follow(f"{SITE}/uit")
    else:
        anna.post(f"{SITE}/uit", site="same-site")
    assert application.asked[0][1] == "/uit"
    assert anna.cookie("stad.test", "sessionid") is None
    assert is_in()
    assert is_in("uwv.test")
    anna.press("Overal uitloggen")
    assert not is_in()
    assert not is_in("uwv.test")


def test_a_stranger_gets_what_the_application_says(eilogin_federation, anna):
    anna.forget("stad.test")
    anna.visit(f"{SITE}/uit")
    assert "logged out of the application" in anna.text


def test_nobody_logs_in_in_order_to_log_out(anna, application):
    """What ``protect`` says of that address needs a login, and she has none any more.

    The application is not asked: it may show to whom it is open.
    """
    anna.forget("stad.test")
    anna.visit(f"{SITE}/mijn/uit")
    assert anna.url == f"{SITE}/weg"
    anna.url = "https://evil.test/"
    anna.follow(f"{SITE}/mijn/uit")
    assert anna.url == f"{SITE}/mijn/uit"
    assert "U bent hier niet ingelogd" in anna.text
    anna.post(f"{SITE}/mijn/uit", site="cross-site")
    assert anna.page.status_int == 403
    assert "/mijn/uit" not in [path for _, path, _ in application.asked]
    assert anna.fetch(f"{SITE}/mijn/uit").status_int == 401


def test_app_logout_after_idle_timeout_logs_out_everywhere(clock, anna, is_in):
    clock.shift(20 * 60)
    anna.visit(f"{SITE}/mijn/uit")
    assert anna.url == f"{SITE}/weg"
    assert not is_in("uwv.test")


@pytest.mark.parametrize("path", ["/uit", "/mijn/uit"])
def test_app_logout_is_served_before_keep_alive_at_hub(
    clock, anna, application, is_in, path
):
    """The click would come back as one of another site, and she would be asked."""
    clock.shift(11 * 60)
    anna.follow(f"{SITE}{path}")
    assert anna.url == f"{SITE}/weg"
    assert ("GET", path) in [asked[:2] for asked in application.asked]
    assert not is_in()
    assert not is_in("uwv.test")


@pytest.mark.parametrize(
    "path", ["/midden/uit", "/vers/uit", "/pauze/uit", "/baas/uit"]
)
def test_nobody_proves_anything_in_order_to_log_out(
    clock, anna, application, is_in, path
):
    """Nor does the application hear of it, which shows to whom that page is open."""
    clock.shift(3 * 60)
    anna.follow(f"{SITE}{path}")
    assert anna.url == f"{SITE}/weg"
    assert path not in [asked for _, asked, _ in application.asked]
    assert not is_in()
    assert not is_in("uwv.test")


def test_a_form_of_such_a_page_is_not_kept_until_she_has_proven_it(anna, is_in):
    anna.post(f"{SITE}/midden/uit", site="same-origin", token="x")
    assert anna.url == f"{SITE}/weg"
    assert not is_in()


def test_another_site_s_link_to_such_a_page_asks_her(clock, anna, is_in):
    anna.url = "https://evil.test/"
    anna.follow(f"{SITE}/midden/uit")
    assert "Wilt u uitloggen?" in anna.text
    assert is_in()


def test_app_logout_on_fresh_path_reaches_application_first(anna, application):
    """Her proof is fresh enough."""
    anna.follow(f"{SITE}/vers/uit")
    assert anna.url == f"{SITE}/weg"
    assert application.asked[0][1] == "/vers/uit"


def test_a_stranger_is_not_logged_in_silently_in_order_to_log_out(
    eilogin_federation, application
):
    said = {"protect": "/ optional", "app_logout": "/uit", "silent": "true"}
    apps = {"stad.test": application, "uwv.test": Application()}
    federation = eilogin_federation(apps, options={"stad.test": said})
    browser = federation.browser()
    browser.visit("https://uwv.test/")
    browser.press("Inloggen", username="anna", password="demo-anna")
    browser.follow(f"{SITE}/uit")
    assert browser.trail == [f"{SITE}/uit"]
    assert browser.fetch("https://uwv.test/").status_int == 200


def test_a_script_gets_what_the_application_says(anna, is_in):
    answer = anna.fetch(f"{SITE}/uit")
    assert "logged out of the application" in answer.text
    assert not is_in()


def test_a_script_of_another_site_logs_nobody_out(anna, is_in):
    anna.fetch(f"{SITE}/uit", Sec_Fetch_Site="cross-site")
    assert is_in()


def test_a_store_that_is_down_meanwhile_is_told(anna, application, monkeypatch):
    def down(*_, **__):
        raise StoreUnavailable("somebody has pulled the plug")

    monkeypatch.setattr(ParticipantLogout, "leave", down)
    anna.visit(f"{SITE}/uit")
    assert anna.page.status_int == 503
    assert "Het uitloggen is nog niet klaar" in anna.text
    cookies = anna.page.headers.getall("Set-Cookie")
    assert any("sessionid=; Max-Age=0" in cookie for cookie in cookies)


@pytest.mark.parametrize("header", ["Sec_Purpose", "Purpose"])
def test_a_browser_that_asks_in_advance_asks_again_at_the_click(
    anna, application, is_in, header
):
    """It shows a good answer at the click, and then nobody would be logged out."""
    for address in ("/uit", "/eilogin/logout"):
        answer = anna.fetch(f"{SITE}{address}", **{header: "prefetch;prerender"})
        assert answer.status_int == 503
        assert answer.headers["Cache-Control"] == "no-store"
        assert is_in()
        assert is_in("uwv.test")
    assert "/uit" not in [path for _, path, _ in application.asked]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_methods_that_change_nothing_log_nobody_out(anna, is_in, method):
    anna.fetch(f"{SITE}/uit", method=method)
    assert is_in()


def test_addresses_are_paths_with_a_method_or_without():
    found = (
        LogoutAddress("/uit"),
        LogoutAddress("/a/uit", "POST"),
        LogoutAddress("/caf%C3%A9"),
    )
    assert (
        read_addresses("/uit\n POST /a/uit /caf\N{LATIN SMALL LETTER E WITH ACUTE}")
        == found
    )
    assert read_addresses(found) == found
    assert read_addresses("") == ()


@pytest.mark.parametrize(
    "wrong",
    ["uit", "POST", "/uit POST", "POST GET /uit", "//x/", "/uit?a=b", "post /uit"],
)
def test_other_words_are_none(witness, wrong):
    with pytest.raises(InvalidOptions, match=r"app_logout: .*'/logout' or 'POST /lo"):
        make_logout(witness, {}, app_logout=wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("/weg, /uit", "without commas"),
        ("/weg;", "without commas"),
        ("/eilogin/logout", "below /eilogin/ belong to eilogin"),
        ("POST /eilogin", "below /eilogin/ belong to eilogin"),
    ],
)
def test_rejects_app_logout_that_could_never_match(witness, wrong, told):
    with pytest.raises(InvalidOptions, match=told):
        make_logout(witness, {}, app_logout=wrong)
