"""The logout hint of a browser in the hands of somebody else.

It ends one session, that of the browser from which it came, and does nothing more.
"""

import pytest

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
LOG_OUT = "https://uwv.test/eilogin/logout"
HINT = "__Host-eilogin-logout-hint"


class Visitor:
    """Who logs in at both sites, in a browser of their own."""

    def __init__(self, federation, name):
        self.browser = federation.browser()
        self.browser.visit(UWV)
        self.browser.press("Inloggen", username=name, password=f"demo-{name}")
        self.browser.visit(STAD)

    @property
    def hint(self):
        return self.browser.cookie("uwv.test", HINT)

    def is_in(self, url=STAD):
        return self.browser.fetch(url).status_int == 200


@pytest.fixture
def anna(federation):
    return Visitor(federation, "anna")


@pytest.fixture
def thief(federation):
    """A browser without a session, which stops before the hub is asked."""
    browser = federation.browser()
    browser.stops_before = "/slo"
    return browser


def bring(thief, hint, host="uwv.test"):
    thief.set_cookie(host, HINT, hint)
    thief.visit(f"https://{host}/eilogin/logout")
    return thief


@pytest.mark.parametrize("change", [1, 20, 60, -6])
def test_one_that_was_changed_does_nothing(anna, thief, change):
    hint = anna.hint
    other = "A" if hint[change] != "A" else "B"
    bring(thief, hint[:change] + other + hint[change:][1:])
    assert thief.url == LOG_OUT
    assert anna.is_in()


@pytest.mark.parametrize("text", ["x", "A" * 3000, "eJwDAAAAAAE=", "69" + "x" * 43])
def test_one_that_was_made_up_does_nothing(thief, text):
    bring(thief, text)
    assert thief.url == LOG_OUT


def test_that_of_another_site_does_nothing(anna, thief):
    bring(thief, anna.hint, host="stad.test")
    assert thief.url == "https://stad.test/eilogin/logout"
    assert anna.is_in()


def test_another_sealed_cookie_is_none(federation, thief):
    thief.stops_before = None
    thief.visit(UWV)
    pending = next(
        value
        for name, value in thief.cookies("uwv.test").items()
        if name.startswith("__Host-eilogin-login-")
    )
    bring(thief, pending)
    assert thief.url == LOG_OUT


def test_signs_nobody_in(anna, thief):
    thief.set_cookie("uwv.test", HINT, anna.hint)
    assert thief.fetch(UWV).status_int == 401
    for path in ("/", "/mijn", "/eilogin/session"):
        assert "anna" not in thief.fetch(f"https://uwv.test{path}").text.lower()


def test_tells_nobody_who_it_is_of(federation, anna, thief):
    token = anna.browser.cookie("uwv.test", "__Host-eilogin")
    name = federation.apps["uwv.test"].sessions.find(token).who.name_id
    assert name not in anna.hint
    bring(thief, anna.hint)
    assert name not in thief.url


def test_a_copy_of_it_is_spent_by_the_logout(anna, thief):
    hint = anna.hint
    anna.browser.visit(LOG_OUT)
    bring(thief, hint)
    assert thief.url == LOG_OUT


def test_a_copy_of_it_is_of_use_once(anna, thief, clock):
    hint = anna.hint
    bring(thief, hint)
    assert "/slo?" in thief.url
    thief.forget("uwv.test")
    clock.shift(3 * 60)
    bring(thief, hint)
    assert thief.url == LOG_OUT


def test_a_copy_of_it_is_good_no_longer_than_the_session(anna, thief, clock):
    hint = anna.hint
    clock.shift(2 * 60 * 60)
    bring(thief, hint)
    assert thief.url == LOG_OUT


def test_a_copy_of_before_does_not_end_a_session_of_later(anna, thief, federation):
    hint = anna.hint
    anna.browser.visit(LOG_OUT)
    again = Visitor(federation, "anna")
    bring(thief, hint)
    assert again.is_in(UWV)
    assert again.is_in()


def test_of_one_citizen_ends_nothing_of_another(anna, federation):
    bram = Visitor(federation, "bram")
    bram.browser.forget("uwv.test")
    bring(bram.browser, anna.hint)
    assert bram.is_in()
    assert not anna.is_in()


def test_beside_a_session_is_not_looked_at(anna, federation):
    """Who is logged in logs out, whatever hint comes along."""
    bram = Visitor(federation, "bram")
    bring(bram.browser, anna.hint)
    assert not bram.is_in()
    assert anna.is_in()


@pytest.mark.parametrize("way", ["link", "button"])
def test_is_looked_at_before_the_cookie_of_a_logout_of_before(anna, federation, way):
    """The session cookie is replaced by one whose logout the hub has not answered.

    The visitor means the newest session of this browser, and so does the hint.
    """
    bram, thief = Visitor(federation, "bram"), federation.browser()
    old = anna.browser.cookie("uwv.test", "__Host-eilogin")
    anna.browser.stops_before = "/slo"
    anna.browser.visit(LOG_OUT)
    newest = bram.browser.cookie("uwv.test", "__Host-eilogin")
    thief.set_cookie("uwv.test", "__Host-eilogin", newest)
    assert thief.fetch(UWV).status_int == 200
    bram.browser.set_cookie("uwv.test", "__Host-eilogin", old)
    if way == "link":
        bram.browser.visit(LOG_OUT)
    else:
        bram.browser.visit("https://stad.test/static")
        bram.browser.follow(LOG_OUT)
        bram.browser.press("Overal uitloggen")
    assert thief.fetch(UWV).status_int == 401
    assert not bram.is_in()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_form_of_another_site_uses_it(anna, site):
    anna.browser.set_cookie("uwv.test", "__Host-eilogin", "69" + "x" * 43)
    anna.browser.post(LOG_OUT, site=site)
    assert anna.browser.page.status_int == 403
    assert anna.is_in()


def test_no_link_of_another_site_uses_it(anna):
    anna.browser.set_cookie("uwv.test", "__Host-eilogin", "69" + "x" * 43)
    anna.browser.visit("https://stad.test/static")
    anna.browser.follow(LOG_OUT)
    assert anna.browser.trail == [LOG_OUT]
    assert anna.is_in()


def test_no_page_fetched_in_advance_uses_it(anna):
    anna.browser.set_cookie("uwv.test", "__Host-eilogin", "69" + "x" * 43)
    anna.browser.fetch(LOG_OUT, Sec_Purpose="prefetch")
    assert anna.is_in()


def test_is_kept_from_scripts_and_from_clear_http(federation):
    browser = federation.browser()
    browser.visit(UWV)
    browser.stops_before = UWV
    browser.press("Inloggen", username="anna", password="demo-anna")
    said = [one for one in browser.page.headers.getall("Set-Cookie") if HINT in one]
    assert len(said) == 1
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="):
        assert attribute in said[0]


# --- what the hub says to it ----------------------------------------------------------


def test_the_hub_says_nothing_of_another_browsers_logout(anna, federation):
    """Without the cookie of that browser nobody is told what came of it."""
    hint = anna.browser.cookie("stad.test", HINT)
    anna.browser.visit(LOG_OUT)
    other = federation.browser()
    bring(other, hint, host="stad.test")
    assert "U bent overal uitgelogd" not in other.text


def test_the_hub_says_nothing_of_a_site_that_was_not_part_of_it(anna, federation):
    """A hint of a citizen who was not at that site in the last logout."""
    bram = Visitor(federation, "bram")
    land = "https://land.test/mijn"
    bram.browser.visit(land)
    hint = bram.browser.cookie("land.test", HINT)
    assert hint
    bram.browser.visit(LOG_OUT)
    anna.browser.visit(LOG_OUT)
    bring(anna.browser, hint, host="land.test")
    assert "U bent overal uitgelogd" not in anna.browser.text
