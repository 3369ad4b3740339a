"""The page of a cancelled login leads to a place that asks for no login."""

import re
from html import unescape
from urllib.parse import urlsplit

import pytest

UWV = "https://uwv.test"
LAND = "https://land.test"
HUB = "https://inloggen.test/"


def open_from(citizen, page, url):
    """Follow a link on ``page``: a browser names that page in Referer."""
    said = {"Referer": page, "Sec-Fetch-Mode": "navigate"}
    answer = citizen.browser.fetch(url, **said)
    citizen.browser.visit(answer.location)
    assert citizen.is_asked_for_password
    return citizen


def cancel(citizen):
    citizen.browser.press("Annuleren")
    assert "U hebt het inloggen geannuleerd" in citizen.browser.text
    return citizen


def way_back(citizen):
    """The last button of the page: where it leads, and what it says but its name."""
    buttons = re.findall(
        r'class="button quiet" href="([^"]*)">([^<]*)', citizen.browser.page.text
    )
    address, text = map(unescape, buttons[-1])
    site = urlsplit(citizen.browser.url).hostname
    return address, text.removesuffix(f" van {site}")


@pytest.fixture
def options():
    """Options of uwv.test."""
    return {}


@pytest.fixture
def federation(eilogin_federation, options):
    def demanding(environ, start_response):
        """Ask for a level on one page itself, beside the lines of protect."""
        if environ["PATH_INFO"] == "/zelf":
            answer = environ["eilogin.login"].require("midden")
            if answer is not None:
                return answer(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        user = environ.get("REMOTE_USER", "")
        return [f"<p>{environ['PATH_INFO']} user=[{user}]</p>".encode()]

    lines = "/ optional\n/mijn basis\n/percelen midden"
    return eilogin_federation(
        {"uwv.test": demanding, "land.test": demanding},
        options={"uwv.test": options, "land.test": {"protect": lines}},
    )


def test_leads_to_the_page_before(anna):
    open_from(anna, f"{LAND}/nieuws?x=1", f"{LAND}/mijn")
    assert way_back(cancel(anna)) == ("/nieuws?x=1", "Terug")
    anna.browser.click("Terug")
    assert anna.browser.url == f"{LAND}/nieuws?x=1"


def test_leads_to_the_public_page_of_the_site_after_a_bookmark(anna):
    cancel(anna.visit(f"{LAND}/mijn"))
    assert way_back(anna) == ("/", "Naar de website")


def test_leads_to_the_hub_where_the_whole_site_needs_a_login(anna):
    cancel(anna.visit(f"{UWV}/mijn"))
    assert way_back(anna) == (HUB, "Naar inloggen.test")
    anna.browser.click("Naar inloggen.test")
    assert anna.browser.page.status_int == 200
    assert not anna.is_asked_for_password


def test_leads_to_no_page_before_that_needs_a_login_itself(anna):
    open_from(anna, f"{LAND}/mijn/oud", f"{LAND}/mijn")
    assert way_back(cancel(anna)) == ("/", "Naar de website")


def test_remembers_the_page_before_through_a_second_cancel(anna):
    cancel(open_from(anna, f"{LAND}/nieuws", f"{LAND}/mijn"))
    anna.browser.click("Inloggen")
    assert way_back(cancel(anna)) == ("/nieuws", "Terug")


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.test/",
        "//evil.test",
        "/eilogin/logout",
        "/%65ilogin/logout",
        "/x%2525u0041",
    ],
)
def test_leads_to_no_other_place_that_a_link_names(anna, back):
    anna.visit(f"{LAND}/eilogin/login?next=/mijn&back={back}")
    assert way_back(cancel(anna)) == ("/", "Naar de website")


def test_leads_to_no_form_that_waits_for_a_login(anna, clock):
    anna.log_in(f"{LAND}/mijn")
    clock.shift(16 * 60)
    anna.browser.post(f"{LAND}/mijn", site="same-origin", a="b")
    anna.browser.click("Opnieuw inloggen")
    assert way_back(cancel(anna)) == ("/", "Naar de website")


@pytest.mark.parametrize("acs", ["artifact", "post"])
class TestAReload:
    @pytest.fixture
    def options(self, acs):
        return {"acs": acs, "protect": "/ basis\n/hoog hoog"}

    def test_says_the_same(self, anna, clock):
        cancel(anna.visit(f"{UWV}/mijn?jaar=2026"))
        before = anna.browser.text
        clock.shift(100)
        anna.browser.reload()
        assert anna.browser.text == before
        anna.browser.click("Inloggen")
        anna.type_password()
        assert anna.browser.url == f"{UWV}/mijn?jaar=2026"

    @pytest.mark.parametrize("minutes", [5, 60])
    def test_some_time_later_begins_anew(self, anna, clock, minutes):
        cancel(anna.visit(f"{UWV}/mijn?jaar=2026"))
        clock.shift(60 * minutes)
        anna.browser.reload()
        assert anna.is_asked_for_password, anna.browser.text
        anna.type_password()
        assert anna.browser.url == f"{UWV}/mijn?jaar=2026"

    def test_of_another_failure_says_the_same(self, anna):
        anna.visit(f"{UWV}/hoog")
        first = "U moet inloggen met een extra controle"
        assert first in anna.browser.text
        anna.browser.reload()
        assert first in anna.browser.text


class TestWithAPublicPage:
    @pytest.fixture
    def options(self):
        return {"protect": "/ basis\n/welkom optional", "link": "/welkom"}

    def test_leads_to_the_page_that_the_metadata_names(self, anna):
        cancel(anna.visit(f"{UWV}/mijn"))
        assert way_back(anna) == ("/welkom", "Naar de website")


class TestAStepUp:
    def test_leads_back_to_the_page_where_it_began(self, anna):
        anna.log_in(f"{LAND}/mijn/zaken?nr=7")
        open_from(anna, f"{LAND}/mijn/zaken?nr=7", f"{LAND}/percelen")
        cancel(anna)
        assert "U bent nog ingelogd zoals daarvoor." in anna.browser.text
        assert way_back(anna) == ("/mijn/zaken?nr=7", "Terug")
        anna.browser.click("Terug")
        assert anna.browser.url == f"{LAND}/mijn/zaken?nr=7"
        assert anna.user

    def test_leads_to_no_page_that_asks_for_it_itself(self, anna):
        anna.log_in(f"{UWV}/mijn")
        anna.visit(f"{UWV}/zelf")
        assert way_back(cancel(anna)) == ("/", "Naar de website")
        open_from(anna, f"{UWV}/mijn", f"{UWV}/zelf")
        assert way_back(cancel(anna)) == ("/mijn", "Terug")


class TestAStepUpThatIsExplained:
    @pytest.fixture
    def options(self):
        return {"protect": "/ basis\n/hoger midden", "explain_step_up": "true"}

    def test_leads_back_to_the_page_where_it_began(self, anna):
        anna.log_in(f"{UWV}/mijn")
        said = {"Referer": f"{UWV}/mijn", "Sec-Fetch-Mode": "navigate"}
        anna.browser.page = anna.browser.fetch(f"{UWV}/hoger", **said)
        anna.browser.url = f"{UWV}/hoger"
        anna.browser.click("Ga verder")
        assert way_back(cancel(anna)) == ("/mijn", "Terug")


def test_says_that_the_window_can_be_closed_where_nothing_is_open(anna, federation):
    """The metadata of the hub names no page for visitors."""
    trust = federation.trusts["uwv.test"]
    trust.federation.link_of = lambda *_: ""
    cancel(anna.visit(f"{UWV}/mijn"))
    assert "U kunt dit venster sluiten." in anna.browser.text
    assert "button quiet" not in anna.browser.page.text


class TestTheLogoutPage:
    """It has no button to a page that would ask to sign in again."""

    def test_leads_to_the_public_page_of_the_site(self, anna):
        anna.log_in(f"{LAND}/mijn").visit(f"{LAND}/eilogin/logout")
        anna.browser.click("Naar de website van land.test")
        assert anna.browser.url == f"{LAND}/"
        assert anna.browser.page.status_int == 200

    def test_leads_to_the_hub_where_the_whole_site_needs_a_login(self, anna):
        anna.log_in(f"{UWV}/mijn").visit(f"{UWV}/eilogin/logout")
        assert "U bent overal uitgelogd" in anna.browser.text
        assert "Naar de website" not in anna.browser.text
        page = anna.browser.page
        anna.browser.click("Naar inloggen.test")
        assert not anna.is_asked_for_password
        assert "U bent niet ingelogd" in anna.browser.text
        assert "Bekijk waar u bent uitgelogd" in anna.browser.text
        anna.browser.page = page
        anna.browser.click("Opnieuw inloggen")
        assert anna.is_asked_for_password
