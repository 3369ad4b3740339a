"""A citizen goes between sites of mod_auth_mellon and ours, all behind our hub."""

from urllib.parse import quote

import pytest
from chromium import arrive
from eilogin_sites import HUB, PASSWORD, code

pytestmark = [pytest.mark.real, pytest.mark.any_python]

#: Where mellon wants to know who comes.
MIJN = "/mijn/"
#: Where it does not matter what the hub encrypts.
ONCE = pytest.mark.parametrize("run", ["encrypted"], indirect=True, scope="module")
#: How answers reach a site of mellon's.
KINDS = pytest.mark.parametrize(
    "site", ["mellon", "artifact"], ids=["post", "artifact"]
)


# --- logging in -----------------------------------------------------------------------


@KINDS
def test_a_citizen_logs_in_there_and_is_known_at_all_of_ours(mellon, ours, anna, site):
    anna.log_in(mellon.url(site, MIJN))
    assert "name=[Anna de Proef]" in anna.browser.text
    assert anna.is_let_in(ours.url("uwv")), anna.where
    assert anna.is_let_in(ours.url("stad")), anna.where


@KINDS
def test_a_citizen_logs_in_at_ours_and_is_known_there(mellon, ours, anna, site):
    anna.log_in(ours.url("uwv"))
    name_at_ours = anna.user
    assert anna.is_let_in(mellon.url(site, MIJN)), anna.where
    assert anna.user != name_at_ours


@ONCE
def test_a_page_with_a_long_address_is_where_she_comes_after_logging_in(mellon, anna):
    """mellon puts all of it in RelayState."""
    page = mellon.url("mellon", MIJN) + "?zaak=" + "2026-" * 20
    anna.log_in(page)
    assert "name=[Anna de Proef]" in anna.browser.text


@ONCE
def test_a_logout_there_with_a_long_way_back_ends_ours(mellon, ours, anna):
    anna.log_in(mellon.url("mellon", MIJN))
    assert anna.is_let_in(ours.url("uwv"))
    back = mellon.url("mellon", "/?weg=" + "2026-" * 20)
    anna.visit(mellon.url("mellon", f"/mellon/logout?ReturnTo={quote(back, safe='')}"))
    assert anna.browser.url == back, anna.where
    assert not anna.is_let_in(ours.url("uwv"))


@ONCE
def test_transient_name_id_changes_at_next_login(mellon, anna, elsewhere):
    anna.log_in(mellon.url("mellon", MIJN))
    there = elsewhere(anna).log_in(mellon.url("mellon", MIJN))
    assert there.user != anna.user


@ONCE
def test_persistent_name_id_is_the_same_at_next_login(mellon, anna, elsewhere):
    anna.log_in(mellon.url("lasting", MIJN))
    there = elsewhere(anna).log_in(mellon.url("lasting", MIJN))
    assert there.user == anna.user


def test_email_name_id_identifies_visitor_and_logs_them_out(mellon, ours, anna):
    anna.log_in(mellon.url("mail", MIJN))
    assert anna.user == f"{anna.name}@example.nl"
    assert anna.is_let_in(ours.url("uwv"))
    anna.log_out()
    assert anna.is_logged_out_everywhere, anna.where
    assert anna.visit(mellon.url("mail")).user is None


@ONCE
def test_a_site_there_that_needs_more_certainty_has_a_code_asked(mellon, ours, anna):
    anna.log_in(mellon.url("mellon", MIJN))
    certain = mellon.url("certain", MIJN)
    anna.visit(certain)
    assert "Code" in anna.browser.text, anna.where
    anna.type_code(code())
    assert anna.is_at(certain), anna.where
    assert anna.is_let_in(ours.url("uwv")), anna.where


@ONCE
def test_a_stranger_is_asked_nothing_where_the_site_wants_it_passively(mellon, anna):
    anna.visit(mellon.url("mellon", "/mellon/login?ReturnTo=/mijn/&IsPassive=true"))
    assert not anna.is_asked_for_password
    assert anna.browser.page.status_int == 401


@ONCE
def test_passive_login_signs_in_visitor_with_hub_session(mellon, ours, anna):
    anna.log_in(ours.url("uwv"))
    anna.visit(mellon.url("mellon", "/mellon/login?ReturnTo=/mijn/&IsPassive=true"))
    assert anna.is_at(mellon.url("mellon", MIJN)), anna.where


@pytest.mark.parametrize("site", ["mellon", "stad"])
def test_an_answer_is_encrypted_where_the_hub_says_so(mellon, ours, anna, run, site):
    known = {"mellon": mellon.url("mellon", MIJN), "stad": ours.url("stad")}
    anna.log_in(known[site])
    (answer,) = anna.carried
    assert ("EncryptedAssertion" in answer) == (run == "encrypted")
    assert ("Anna de Proef" in answer) == (run == "clear")


# --- logging out ----------------------------------------------------------------------


@KINDS
def test_a_logout_there_ends_ours(mellon, ours, anna, site):
    anna.log_in(mellon.url(site, MIJN))
    for name in ("uwv", "stad"):
        assert anna.is_let_in(ours.url(name))
    anna.visit(mellon.url(site)).log_out()
    assert anna.browser.url == mellon.url(site), anna.where
    assert anna.user is None
    for name in ("uwv", "stad"):
        assert anna.visit(ours.url(name)).is_asked_for_password, anna.where


@pytest.mark.parametrize("name", ["uwv", "stad"])
def test_a_logout_at_ours_ends_a_site_that_only_seems_to_take_soap(
    servers, ours, anna, log, name
):
    mellon = servers.mellon
    anna.log_in(mellon.url("mellon", MIJN))
    assert anna.is_let_in(ours.url(name))
    anna.log_out()
    assert anna.is_logged_out_everywhere, anna.where
    # What it says of a LogoutRequest over SOAP.
    assert "Could not find SAMLRequest field in POST data" in log(servers.theirs)
    assert anna.visit(mellon.url("mellon")).user is None
    assert anna.visit(mellon.url("mellon", MIJN)).is_asked_for_password


def test_a_logout_at_ours_ends_a_site_that_takes_redirects_only(mellon, ours, anna):
    anna.log_in(mellon.url("artifact", MIJN))
    assert anna.is_let_in(ours.url("uwv"))
    anna.log_out()
    assert anna.is_logged_out_everywhere, anna.where
    assert anna.visit(mellon.url("artifact")).user is None


@ONCE
def test_in_a_frame_a_site_that_needs_its_cookie_is_named_as_not_reached(
    mellon, ours, anna
):
    """For that ``logout_in_browser`` has another way: test_one_by_one.py."""
    anna.log_in(mellon.url("careful", MIJN))
    assert anna.is_let_in(ours.url("uwv"))
    anna.log_out()
    assert "careful.localhost" in anna.browser.text, anna.where
    assert "Hier is uitloggen niet gelukt" in anna.browser.text
    assert anna.visit(mellon.url("careful")).user


@ONCE
@pytest.mark.parametrize("site", ["mellon", "artifact"])
def test_a_site_that_lost_its_sessions_is_named_once_as_reached(
    servers, ours, anna, site
):
    """It answers RequestDenied in the frame, and SOAP with a page or not at all."""
    anna.log_in(servers.mellon.url(site, MIJN))
    assert anna.is_let_in(ours.url("uwv"))
    with servers.theirs.down():
        pass
    anna.log_out()
    assert "Deze dienst heeft het niet bevestigd" in anna.browser.text, anna.where
    assert f"{site}.localhost Uitgelogd" not in anna.browser.text
    assert not anna.is_logged_out_everywhere
    anna.log_in(ours.url("uwv"))
    anna.log_out()
    assert anna.is_logged_out_everywhere, anna.where


def test_one_logout_at_ours_ends_several_sites_there(mellon, ours, anna):
    anna.log_in(mellon.url("mellon", MIJN))
    assert anna.is_let_in(mellon.url("artifact", MIJN))
    assert anna.is_let_in(ours.url("uwv"))
    anna.log_out()
    assert anna.is_logged_out_everywhere, anna.where
    for site in ("mellon", "artifact"):
        assert anna.visit(mellon.url(site)).user is None, site


@pytest.mark.parametrize("from_first", [True, False])
def test_a_logout_ends_both_her_sessions_where_she_has_one_lasting_name(
    mellon, ours, anna, elsewhere, from_first
):
    lasting = mellon.url("lasting", MIJN)
    there = elsewhere(anna.log_in(lasting)).log_in(lasting)
    who = anna if from_first else there
    assert who.is_let_in(ours.url("uwv"))
    who.log_out()
    assert who.is_logged_out_everywhere, who.where
    # It looks for a session by name alone, and ends the oldest.
    for each in (anna, there):
        assert each.visit(mellon.url("lasting")).user is None, each.where


@ONCE
def test_a_logout_there_ends_her_session_by_another_name_there(
    mellon, ours, anna, elsewhere
):
    """In a frame of the browser in which it waits for the answer to its own request."""
    there = elsewhere(anna.log_in(mellon.url("mellon", MIJN)))
    there.log_in(mellon.url("mellon", MIJN))
    assert there.user != anna.user
    anna.visit(mellon.url("mellon")).log_out()
    assert anna.browser.url == mellon.url("mellon"), anna.where
    for each in (anna, there):
        assert each.visit(mellon.url("mellon")).user is None, each.where


@ONCE
def test_a_logout_at_the_hub_itself_ends_a_site_that_only_seems_to_take_soap(
    mellon, ours, anna
):
    anna.log_in(mellon.url("mellon", MIJN))
    anna.visit(ours.url(HUB)).browser.press("Overal uitloggen")
    assert anna.waits().is_logged_out_everywhere, anna.where
    assert anna.visit(mellon.url("mellon")).user is None


@ONCE
def test_a_site_that_is_down_is_named_to_who_logs_out(servers, ours, anna):
    where = servers.mellon.url("mellon", MIJN)
    anna.log_in(where)
    assert anna.is_let_in(ours.url("uwv"))
    with servers.theirs.down():
        anna.log_out()
    assert "nog niet overal uitgelogd" in anna.browser.text, anna.where
    assert "mellon.localhost" in anna.browser.text, anna.where
    assert anna.visit(ours.url("uwv")).is_asked_for_password


# --- keys and clocks ------------------------------------------------------------------


@ONCE
def test_the_hub_refuses_what_another_key_has_signed(mellon, ours, anna):
    anna.visit(mellon.url("unknown", MIJN))
    assert anna.browser.url.startswith(ours.url(HUB)), anna.where
    assert anna.browser.page.status_int == 400, anna.where
    assert not anna.is_asked_for_password


@ONCE
def test_mellon_rejects_response_if_it_has_another_hub_key(mellon, anna):
    anna.visit(mellon.url("stale", MIJN)).type_password()
    assert anna.browser.url.startswith(mellon.url("stale", "/mellon/")), anna.where
    assert anna.browser.page.status_int >= 400
    assert anna.visit(mellon.url("stale")).user is None


@ONCE
@pytest.mark.parametrize("seconds", [-50, 50])
def test_a_clock_may_be_off_by_fifty_seconds(mellon, ours, anna, seconds):
    with mellon.clock.shifted(seconds=seconds):
        anna.log_in(mellon.url("mellon", MIJN))
        assert anna.is_let_in(mellon.url("artifact", MIJN)), anna.where
        assert anna.is_let_in(ours.url("uwv"))
        anna.log_out()
        assert anna.is_logged_out_everywhere, anna.where
        assert anna.visit(mellon.url("mellon")).user is None


@ONCE
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_off_by_ten_minutes_is_refused_and_both_times_are_told(
    mellon, ours, anna, told_times, minutes
):
    with mellon.clock.shifted(minutes=minutes):
        anna.visit(mellon.url("mellon", MIJN))
    # It is told RequestDenied, and she is back there.
    assert not anna.browser.url.startswith(ours.url(HUB)), anna.where
    assert anna.browser.page.status_int >= 400
    assert not anna.is_asked_for_password
    theirs, here = told_times()
    assert (theirs - here).total_seconds() == pytest.approx(minutes * 60, abs=30)


# --- in a real browser, with its rules for cookies, scripts, forms and frames ---------


@ONCE
def test_one_login_and_one_logout_for_sites_of_both(mellon, ours, page, new_name):
    page.goto(mellon.url("mellon", "/mijn/"))
    page.locator("[name=username]").fill(new_name())
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=login]").click()
    page.wait_for_url(mellon.url("mellon", "/mijn/"))
    assert "name=[Anna de Proef]" in page.content()
    for url in (mellon.url("artifact", "/mijn/"), ours.url("uwv"), ours.url("stad")):
        arrive(page, url, "user=[")
    page.get_by_role("link", name="Uitloggen").click()
    # The page with frames goes on by itself.
    heading = page.get_by_role("heading", level=1, name="U bent overal uitgelogd")
    heading.wait_for()
    assert page.url.startswith(ours.url("stad"))
    for site in ("mellon", "artifact"):
        page.goto(mellon.url(site))
        assert "user=[(none)]" in page.content(), site
    page.goto(ours.url("uwv"))
    assert page.locator("[name=password]").is_visible()
