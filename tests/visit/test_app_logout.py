"""The application's own logout begins ours, when the application has done its part."""

import pytest

from eilogin.errors import InvalidOptions
from eilogin.filters.logout import make_logout
from eilogin.visit.app_logout import Address, addresses

SITE = "https://stad.test"
MINE = f"{SITE}/mijn"


#: What the application says at which address.
ANSWERS = {
    "/to": ("302 Found", [("Location", "/tot-ziens?van=app")]),
    "/near": ("303 See Other", [("Location", "weg#top")]),
    "/whole": ("302 Found", [("Location", f"{SITE}/tot-ziens")]),
    "/away": ("302 Found", [("Location", "https://evil.test/")]),
    "/ours": ("302 Found", [("Location", "/eilogin/logout")]),
    "/wrong": ("403 Forbidden", []),
}


class Application:
    """One with a session cookie of its own, and several ways to log out."""

    def __init__(self):
        #: What it was asked, and whether an answer of it was read and closed.
        self.asked, self.is_closed = [], False
        #: Where it fails while its answer is read.
        self.fails_at = ""

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append((method, path, environ.get("REMOTE_USER", "")))
        status, more = ANSWERS.get(path, ("200 OK", []))
        gone = ("Set-Cookie", "sessionid=; Max-Age=0; Path=/")
        plain = ("Content-Type", "text/html; charset=utf-8")
        start_response(status, [plain, gone, *more])
        return Body(self)


class Body:
    def __init__(self, application):
        self._application = application

    def __iter__(self):
        if self._application.asked[-1][1] == self._application.fails_at:
            raise OSError("the template is gone")
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
        "protect": "/ optional\n/mijn basis",
        "app_logout": "/uit /to /near /whole /away /ours /wrong POST /form",
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


def test_what_fails_while_it_is_read_keeps_nobody_logged_in(
    anna, application, is_in, caplog
):
    application.fails_at = "/uit"
    anna.visit(f"{SITE}/uit")
    assert anna.url == f"{SITE}/weg"
    assert not is_in()
    assert not is_in("uwv.test")
    assert "the application failed while it logged somebody out" in caplog.text
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


def test_where_it_refuses_nobody_is_logged_out(anna, is_in):
    """A form without its token, such as another site makes one."""
    anna.visit(f"{SITE}/wrong")
    assert anna.page.status_int == 403
    assert "logged out of the application" in anna.text
    assert is_in()
    assert is_in("uwv.test")


@pytest.mark.parametrize("how", ["link", "form"])
def test_who_comes_from_another_site_is_asked(anna, application, is_in, how):
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


def test_a_script_gets_what_the_application_says(anna, is_in):
    answer = anna.fetch(f"{SITE}/uit")
    assert "logged out of the application" in answer.text
    assert not is_in()


def test_a_browser_that_asks_in_advance_logs_nobody_out(anna, is_in):
    answer = anna.fetch(f"{SITE}/uit", Sec_Purpose="prefetch")
    assert answer.status_int == 200
    assert is_in()
    assert is_in("uwv.test")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_methods_that_change_nothing_log_nobody_out(anna, is_in, method):
    anna.fetch(f"{SITE}/uit", method=method)
    assert is_in()


def test_addresses_are_paths_with_a_method_or_without():
    found = (Address("/uit"), Address("/a/uit", "POST"), Address("/caf%C3%A9"))
    assert (
        addresses("/uit\n POST /a/uit /caf\N{LATIN SMALL LETTER E WITH ACUTE}") == found
    )
    assert addresses(found) == found
    assert addresses("") == ()


@pytest.mark.parametrize(
    "wrong",
    ["uit", "POST", "/uit POST", "POST GET /uit", "//x/", "/uit?a=b", "post /uit"],
)
def test_other_words_are_none(witness, wrong):
    with pytest.raises(InvalidOptions, match="app_logout"):
        make_logout(witness, {}, app_logout=wrong)
