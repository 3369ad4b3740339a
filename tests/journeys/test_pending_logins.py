"""A login that takes long, is reloaded, or ends in another browser than it began in."""

from urllib.parse import parse_qs, urlsplit

import pytest

from eilogin.testing.strict_browser import Browser

MINUTE = 60
HOSTS = ("uwv.test", "stad.test")
PAGE = "/mijn?jaar=2026"


@pytest.fixture(params=HOSTS)
def page(request):
    """A page at a participant that takes answers by artifact, or by POST."""
    return f"https://{request.param}{PAGE}"


@pytest.fixture
def asked(clock, anna, page):
    """Anna before the sign-in page, on the way to a page."""
    anna.visit(page)
    assert anna.is_asked_for_password
    return anna


class NoCookies(Browser):
    """A browser that keeps no cookies."""

    def _send(self, request):
        response = super()._send(request)
        self.forget(urlsplit(request.url).hostname)
        return response


class TestTheSignInPage:
    def test_has_an_address_that_holds_no_message(self, asked):
        query = parse_qs(urlsplit(asked.browser.url).query)
        assert set(query) == {"request", "of"}
        assert len(asked.browser.url) < 150

    @pytest.mark.parametrize("seconds", [400, 29 * MINUTE])
    def test_can_be_reloaded_after_some_minutes(self, asked, page, clock, seconds):
        clock.shift(seconds)
        asked.browser.reload()
        assert asked.is_asked_for_password, asked.browser.text
        asked.type_password()
        assert asked.browser.url == page
        assert asked.user

    @pytest.mark.parametrize("minutes", [31, 8 * 60])
    def test_that_is_reloaded_after_its_time_begins_anew(
        self, asked, page, clock, minutes
    ):
        before = asked.browser.url
        clock.shift(minutes * MINUTE)
        asked.browser.reload()
        assert asked.is_asked_for_password, asked.browser.text
        assert asked.browser.url != before
        asked.type_password()
        assert asked.browser.url == page
        assert asked.user

    def test_that_is_filled_in_after_its_time_asks_nothing_more(
        self, asked, page, clock
    ):
        clock.shift(31 * MINUTE)
        asked.type_password()
        assert asked.browser.url == page
        assert asked.user

    def test_can_be_reloaded_after_a_wrong_password(self, asked, page, clock):
        asked.browser.press("Inloggen", username="anna", password="wrong")
        clock.shift(10 * MINUTE)
        asked.browser.reload()
        asked.type_password()
        assert asked.browser.url == page

    def test_begins_anew_in_more_than_one_tab(self, asked, anna, page, clock):
        first = asked.browser.url
        anna.visit("https://land.test/mijn")
        clock.shift(31 * MINUTE)
        anna.visit(first)
        anna.type_password()
        assert anna.browser.url == page
        assert anna.is_let_in("https://land.test/mijn")


class TestAnOldAddressWithAMessage:
    @pytest.fixture
    def old(self, anna, clock, page):
        """The address by which she came to the hub, some minutes later."""
        anna.visit(page)
        clock.shift(6 * MINUTE)
        return next(url for url in anna.browser.trail if "SAMLRequest=" in url)

    def test_begins_anew(self, anna, old, page):
        anna.visit(old)
        assert anna.is_asked_for_password, anna.browser.text
        anna.type_password()
        assert anna.browser.url == page

    def test_begins_anew_in_another_browser_too(self, citizen_of, old, page):
        anna = citizen_of("anna")
        anna.visit(old)
        assert anna.is_asked_for_password, anna.browser.text
        anna.type_password()
        assert anna.browser.url == page.removesuffix(PAGE) + "/"
        assert anna.user


def test_a_login_begins_anew_once_and_no_more(clock, anna, federation):
    """Every AuthnRequest takes six minutes to the hub."""
    hub = federation.apps["inloggen.test"]

    def late(environ, start_response):
        if "SAMLRequest=" in environ["QUERY_STRING"]:
            clock.shift(6 * MINUTE)
        return hub(environ, start_response)

    federation.apps["inloggen.test"] = late
    anna.visit("https://uwv.test/mijn")
    asked = [url for url in anna.browser.trail if "SAMLRequest=" in url]
    assert len(asked) == 2
    assert "Opnieuw proberen helpt niet" in anna.browser.text


class TestAnotherBrowser:
    """The address of the sign-in page is a bookmark, or is sent to somebody."""

    def test_is_led_back_to_the_website_before_a_password(
        self, asked, citizen_of, page
    ):
        anna = citizen_of("anna")
        anna.visit(asked.browser.url)
        assert not anna.is_asked_for_password
        assert "Ga terug naar de website waar u wilde inloggen" in anna.browser.text
        assert "cookie" not in anna.browser.text

    def test_is_led_back_from_the_form_too(self, asked, citizen_of):
        form = asked.browser._tree().find(".//form").get("action")  # noqa: SLF001
        anna = citizen_of("anna")
        anna.visit(form)
        assert not anna.is_asked_for_password
        assert anna.browser.page.status_int == 400

    def test_that_has_the_answer_begins_anew(self, asked, citizen_of, page):
        asked.browser.stops_before = "/eilogin/acs?"
        asked.type_password()
        bram = citizen_of("bram")
        bram.visit(asked.browser.url)
        assert bram.is_asked_for_password, bram.browser.text
        bram.type_password()
        assert bram.browser.url == page.removesuffix(PAGE) + "/"
        assert "bram" in bram.browser.text.lower() or bram.user


class TestABrowserThatKeepsNoCookies:
    @pytest.fixture
    def anna(self, federation, citizen_of):
        return citizen_of("anna", NoCookies(federation))

    def test_is_told_so_before_a_password_is_asked(self, anna, clock, page):
        anna.visit(page)
        assert not anna.is_asked_for_password
        assert "Uw browser bewaart onze cookie niet" in anna.browser.text
        assert "andere browser begonnen" not in anna.browser.text
        assert len(anna.browser.trail) < 6


def test_with_the_profile_of_digid_no_login_begins_anew(
    clock, witness, eilogin_federation, citizen_at
):
    federation = eilogin_federation(
        {"uwv.test": witness},
        hub_options={"profile": "digid"},
        options={"uwv.test": {"profile": "digid"}},
    )
    anna = citizen_at(federation.browser()).visit("https://uwv.test/mijn")
    anna.browser.stops_before = "/eilogin/acs?"
    anna.type_password()
    other = federation.browser()
    other.visit(anna.browser.url)
    assert other.url.startswith("https://uwv.test/eilogin/acs?")
    assert other.page.status_int == 400
