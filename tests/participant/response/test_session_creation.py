"""A login that follows upon another one at the same browser."""

import pytest
from webob import Request, Response

UWV, STAD = "https://uwv.test", "https://stad.test"
MINUTE = 60.0


def remembers(environ, start_response):
    """An application that keeps one thing for a visitor, in a cookie of its own."""
    request = Request(environ)
    answer = Response(f"<p>kept=[{request.cookies.get('kept', '')}]</p>")
    if "keep" in request.GET:
        answer.set_cookie("kept", request.GET["keep"], httponly=True)
    return answer(environ, start_response)


@pytest.fixture
def federation(clock, eilogin_federation):
    apps = {"uwv.test": remembers, "stad.test": remembers}
    options = {
        "protect": "/ basis\n/open optional\n/sure midden",
        "bind_address": "enforce",
    }
    return eilogin_federation(apps, options={"uwv.test": options})


@pytest.fixture
def browser(federation):
    """Where anna has something kept for her, and is idle since then."""
    browser = federation.browser()
    log_in(browser)
    browser.visit(f"{UWV}/?keep=hers")
    assert kept_in(browser) == "hers"
    return browser


def log_in(browser, name="anna", path="/"):
    browser.visit(f"{UWV}{path}")
    fields = {"username": name, "password": f"demo-{name}"}
    if "Code" in browser.text:
        fields["code"] = browser.text.partition(f"demo-{name} Code: ")[2][:6]
    browser.press("Inloggen", **fields)
    assert browser.url == f"{UWV}{path}", browser.text


def kept_in(browser):
    browser.visit(f"{UWV}/")
    assert browser.url == f"{UWV}/", browser.text
    return browser.text.partition("kept=[")[2].partition("]")[0]


class TestWhoWasIdle:
    """Her login goes on: what the application has kept in it is hers again."""

    def test_and_logs_in_again_finds_what_was_kept(self, browser, clock):
        clock.shift(16 * MINUTE)
        log_in(browser)
        assert kept_in(browser) == "hers"

    def test_has_proven_nothing_by_it(self, browser, clock):
        log_in(browser, path="/sure")
        clock.shift(16 * MINUTE)
        log_in(browser)
        browser.visit(f"{UWV}/sure")
        assert "Code" in browser.text, "she is asked for what her page needs"

    def test_has_no_longer_than_a_login_lasts(self, browser, clock):
        clock.shift(119 * MINUTE)
        log_in(browser)
        clock.shift(2 * MINUTE)
        browser.visit(f"{UWV}/")
        assert "Wachtwoord" in browser.text

    def test_is_in_one_session_and_not_in_two(self, federation, browser, clock):
        clock.shift(16 * MINUTE)
        log_in(browser)
        sessions = federation.apps["uwv.test"].sessions
        login = sessions.find(browser.cookie("uwv.test", "__Host-eilogin"))
        assert sessions.find_all_of(login.who) == [login]


class TestNothingThatWasKept:
    def test_is_for_another_citizen(self, browser, clock):
        clock.shift(16 * MINUTE)
        log_in(browser, "bram")
        assert kept_in(browser) == ""

    def test_is_there_after_a_logout_elsewhere_meanwhile(self, browser, clock):
        browser.visit(f"{STAD}/")
        clock.shift(10 * MINUTE)
        browser.visit(f"{STAD}/")
        clock.shift(6 * MINUTE)
        browser.visit(f"{STAD}/eilogin/logout")
        log_in(browser)
        assert kept_in(browser) == ""

    def test_is_there_when_her_time_was_over(self, browser, clock):
        clock.shift(121 * MINUTE)
        log_in(browser)
        assert kept_in(browser) == ""

    def test_is_there_for_who_comes_from_another_network(self, browser, clock):
        clock.shift(16 * MINUTE)
        browser.address = "198.51.100.9"
        log_in(browser)
        assert kept_in(browser) == ""

    def test_at_a_higher_level_is_for_who_logs_in_at_a_lower_one(self, browser, clock):
        """Who has her password and not her telephone, at a browser that was left."""
        log_in(browser, path="/sure")
        browser.visit(f"{UWV}/sure?keep=shown-at-midden")
        clock.shift(16 * MINUTE)
        log_in(browser)
        assert kept_in(browser) == ""

    def test_is_for_who_has_copied_the_cookies(self, federation, browser, clock):
        thief = federation.browser()
        for name, value in browser.cookies("uwv.test").items():
            thief.set_cookie("uwv.test", name, value)
        clock.shift(16 * MINUTE)
        thief.visit(f"{UWV}/open")
        assert "kept=[]" in thief.text
        log_in(thief, "bram")
        assert kept_in(thief) == ""
