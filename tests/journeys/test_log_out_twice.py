"""Log out where the session is gone, or once more: the hub knows what there is to end.

A click on "log out" reaches the hub without a session here too, by the logout hint of
the browser (:mod:`eilogin.participant.logout_hint`).
"""

from urllib.parse import urlsplit

import pytest

from eilogin.saml import bindings, messages, safe_xml

UWV, STAD, LAND = (f"https://{name}.test/mijn" for name in ("uwv", "stad", "land"))
LOG_OUT = "https://uwv.test/eilogin/logout"
EVERYWHERE = "U bent overal uitgelogd"
HINT = "__Host-eilogin-logout-hint"


def forget_all_sessions(federation, host):
    """Restart a site whose sessions are in memory."""
    store = federation.apps[host].sessions.store
    store.end_all()


def is_out_everywhere(citizen):
    for url in (UWV, STAD, LAND):
        citizen.visit(url)
        if not citizen.is_asked_for_password:
            return False
    return True


def restart(federation, citizen, clock):
    forget_all_sessions(federation, "uwv.test")


def bring_an_unknown_cookie(federation, citizen, clock):
    citizen.browser.set_cookie("uwv.test", "__Host-eilogin", "69" + "x" * 43)


def lose_the_cookie(federation, citizen, clock):
    held = citizen.browser.cookie("uwv.test", HINT)
    citizen.browser.forget("uwv.test")
    citizen.browser.set_cookie("uwv.test", HINT, held)


def be_idle(federation, citizen, clock):
    clock.shift(20 * 60)


@pytest.fixture(params=[restart, bring_an_unknown_cookie, lose_the_cookie, be_idle])
def gone(request, federation, everywhere, clock):
    """Anna, whose session at UWV is gone, and lives at the hub and elsewhere."""
    request.param(federation, everywhere, clock)
    return everywhere


class TestWithoutASessionHere:
    def test_everything_ends(self, gone):
        gone.visit(LOG_OUT)
        assert EVERYWHERE in gone.browser.text
        assert is_out_everywhere(gone)

    def test_everything_ends_on_the_way_to_another_page(self, gone):
        gone.visit(f"{LOG_OUT}?next=/tot-ziens")
        assert "https://uwv.test/tot-ziens" in gone.browser.trail
        assert is_out_everywhere(gone)

    def test_a_link_of_another_site_asks_first(self, gone):
        gone.visit("https://land.test/")
        gone.browser.follow(LOG_OUT)
        assert gone.browser.trail == [LOG_OUT]
        assert "Wilt u uitloggen?" in gone.browser.text
        gone.browser.press("Overal uitloggen")
        assert EVERYWHERE in gone.browser.text

    def test_a_form_of_another_site_ends_nothing(self, gone):
        gone.browser.post(LOG_OUT, site="cross-site")
        assert gone.browser.page.status_int == 403
        assert gone.browser.trail == [LOG_OUT]


def test_says_so_where_not_all_were_reached(federation, everywhere):
    forget_all_sessions(federation, "uwv.test")
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    assert EVERYWHERE not in everywhere.browser.text
    assert everywhere.browser.url.startswith("https://inloggen.test/slo")


def test_a_session_that_lives_under_another_cookie_ends_too(
    federation, everywhere, clock
):
    held = everywhere.browser.cookies("uwv.test")
    lose_the_cookie(federation, everywhere, clock)
    everywhere.visit(LOG_OUT)
    for name, value in held.items():
        everywhere.browser.set_cookie("uwv.test", name, value)
    everywhere.visit(UWV)
    assert everywhere.is_asked_for_password


def test_the_hint_of_a_session_that_has_ended_names_no_newer_one(everywhere, clock):
    held = everywhere.browser.cookie("uwv.test", HINT)
    everywhere.visit(LOG_OUT)
    clock.shift(30)
    everywhere.log_in(LAND)
    everywhere.browser.set_cookie("uwv.test", HINT, held)
    everywhere.visit(LOG_OUT)
    assert EVERYWHERE not in everywhere.browser.text
    assert everywhere.is_let_in(LAND)


def test_a_stranger_is_led_nowhere(federation):
    browser = federation.browser()
    browser.visit(LOG_OUT)
    assert browser.trail == [LOG_OUT]
    assert "U bent hier niet ingelogd" in browser.text


@pytest.mark.parametrize("minutes", [0, 180])
def test_logout_without_session_offers_button_to_hub(everywhere, minutes, clock):
    """All cookies of this site are gone, or the session is over everywhere."""
    clock.shift(60 * minutes)
    if not minutes:
        everywhere.browser.forget("uwv.test")
    everywhere.visit(LOG_OUT)
    assert "uw hele browser" in everywhere.browser.text
    # Somebody whose session was here may be in at services that the hub can name.
    which = "Bekijk waar u nog ingelogd bent" if minutes else "Naar inloggen.test"
    everywhere.browser.click(which)
    assert everywhere.browser.url == "https://inloggen.test/"
    if not minutes:
        everywhere.browser.press("Overal uitloggen")
        assert EVERYWHERE in everywhere.browser.text
    else:
        assert "U bent niet ingelogd" in everywhere.browser.text


def test_the_hint_goes_with_the_logout(everywhere):
    assert everywhere.browser.cookie("uwv.test", HINT)
    everywhere.visit(LOG_OUT)
    assert everywhere.browser.cookie("uwv.test", HINT) is None


def test_the_hint_ends_with_the_session(federation, everywhere, clock):
    clock.shift(2 * 60 * 60)
    everywhere.visit(LOG_OUT)
    assert everywhere.browser.trail == [LOG_OUT]


# --- once more ------------------------------------------------------------------------


class TestASecondLogout:
    """After "you are logged out everywhere" in another tab."""

    @pytest.fixture
    def out(self, everywhere):
        everywhere.visit(LOG_OUT)
        assert EVERYWHERE in everywhere.browser.text
        return everywhere

    def test_elsewhere_says_the_same(self, out, clock):
        clock.shift(30)
        out.visit("https://stad.test/eilogin/logout")
        assert EVERYWHERE in out.browser.text

    def test_elsewhere_leads_on_to_the_page(self, out, clock):
        clock.shift(30)
        out.visit("https://stad.test/eilogin/logout?next=/tot-ziens")
        assert "https://stad.test/tot-ziens" in out.browser.trail

    def test_at_the_same_site_says_when_it_was_done(self, out, clock):
        clock.shift(30)
        out.visit(LOG_OUT)
        assert "In deze browser is om 10.00 uur overal uitgelogd." in out.browser.text
        assert "uw hele browser" not in out.browser.text

    def test_says_what_the_first_could_not_reach(self, federation, everywhere, clock):
        federation.down.add("land.test")
        everywhere.visit(LOG_OUT)
        federation.down.clear()
        everywhere.visit("https://stad.test/eilogin/logout")
        assert EVERYWHERE not in everywhere.browser.text
        assert "Bij een of meer andere diensten" in everywhere.browser.text

    def test_says_nothing_of_a_login_since(self, out, clock):
        """The hub has her anew: it does not say that she is out."""
        clock.shift(30)
        held = out.browser.cookie("stad.test", HINT)
        out.log_in(LAND)
        out.browser.set_cookie("stad.test", HINT, held)
        out.visit("https://stad.test/eilogin/logout")
        assert EVERYWHERE not in out.browser.text

    def test_says_nothing_of_a_session_that_ended_in_another_browser(
        self, out, federation, citizen_of, clock
    ):
        """The second one was ended on the phone, and that has not reached all."""
        clock.shift(30)
        out.log_in(STAD)
        assert out.is_let_in(LAND)
        phone = citizen_of("anna").log_in(UWV)
        federation.down.add("land.test")
        phone.visit(LOG_OUT)
        federation.down.clear()
        out.visit("https://stad.test/eilogin/logout")
        assert EVERYWHERE not in out.browser.text

    def test_at_the_hub_leads_to_the_receipt(self, everywhere):
        hub = "https://inloggen.test"
        everywhere.visit(f"{hub}/")
        held = everywhere.browser.page
        everywhere.browser.press("Overal uitloggen")
        assert EVERYWHERE in everywhere.browser.text
        everywhere.browser.page, everywhere.browser.url = held, f"{hub}/"
        everywhere.browser.press("Overal uitloggen")
        assert everywhere.browser.url == f"{hub}/logout"
        assert EVERYWHERE in everywhere.browser.text

    def test_says_no_everywhere_while_another_logout_of_hers_is_open(
        self, out, federation, citizen_of, clock
    ):
        clock.shift(5)
        other = citizen_of("anna").log_in(STAD)
        federation.down.add("stad.test")
        other.visit("https://inloggen.test/")
        other.browser.press("Overal uitloggen")
        assert EVERYWHERE not in other.browser.text
        out.visit("https://land.test/eilogin/logout")
        assert EVERYWHERE not in out.browser.text

    def test_in_another_browser_is_not_told_of_the_first(self, out, federation):
        held = out.browser.cookie("stad.test", HINT)
        other = federation.browser()
        other.set_cookie("stad.test", HINT, held)
        other.visit("https://stad.test/eilogin/logout")
        assert EVERYWHERE not in other.text


def request_in(url):
    octets = bindings.read_redirect(urlsplit(url).query).octets
    return messages.read_logout_request(safe_xml.parse(octets))


def test_a_double_click_sends_one_message(federation, everywhere):
    forget_all_sessions(federation, "uwv.test")
    held = everywhere.browser.cookies("uwv.test")
    everywhere.browser.stops_before = "/slo"
    everywhere.visit(LOG_OUT)
    first = request_in(everywhere.browser.url)
    for name, value in held.items():
        everywhere.browser.set_cookie("uwv.test", name, value)
    everywhere.visit(LOG_OUT)
    assert request_in(everywhere.browser.url) == first
