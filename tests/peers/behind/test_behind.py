"""A citizen goes between a municipality's sites, behind its hub, behind pysaml2's."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from chromium import arrive
from eilogin_sites import HUB, PASSWORD
from peer_servers import LOOPBACK

pytestmark = pytest.mark.real

PASSWORD_ONLY = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
#: Where it does not matter how our hub is connected with the one above it.
ONCE = pytest.mark.parametrize(
    "run", ["through-browser"], indirect=True, scope="module"
)
#: How the identity provider tells our hub of a logout.
TOLD = pytest.mark.parametrize("told", ["soap", "redirect", "post"])
#: What a site says to whom it is not sure of.
NOT_EVERYWHERE = "Bij een of meer andere diensten is uitloggen niet gelukt."


def until(citizen):
    """Until when the site that she looks at knows her."""
    return datetime.fromisoformat(
        re.search(r"until=\[(.+?)\]", citizen.browser.text)[1]
    )


# --- logging in -----------------------------------------------------------------------


def test_one_login_above_is_one_at_all_sites_of_the_municipality(anna, idp, zorg, werk):
    anna.visit(zorg)
    assert anna.browser.url.startswith(idp.url("/sso")), anna.where
    anna.type_password()
    assert anna.is_at(zorg), anna.where
    assert "Anna de Proef" in anna.browser.text
    assert anna.is_let_in(werk), anna.where
    assert "Anna de Proef" in anna.browser.text


@ONCE
def test_each_site_knows_her_by_a_name_of_its_own_and_always_by_that(
    everywhere, elsewhere, zorg, werk
):
    at_zorg, at_werk = (everywhere.visit(url).user for url in (zorg, werk))
    assert at_zorg != at_werk
    assert elsewhere(everywhere).log_in(zorg).user == at_zorg


def test_upstream_session_survives_loss_of_hub_cookies(everywhere, idp, ours, werk):
    everywhere.browser.forget(f"{HUB}{LOOPBACK}")
    assert everywhere.is_let_in(werk)


@ONCE
def test_a_login_is_not_passed_on_to_anybody_else(anna, ours, idp, log):
    anna.visit(ours.url("derde"))
    assert anna.browser.url.startswith(ours.url("derde", "/eilogin/acs")), anna.where
    assert anna.browser.page.status_int >= 400
    assert idp.url("/sso") not in anna.asked
    said = f"{ours.url('derde', '/eilogin/metadata')} gets no login: passed_on_to"
    assert said in log()


@ONCE
def test_nor_is_that_of_who_is_logged_in_at_a_site_that_may_have_it(everywhere, ours):
    everywhere.visit(ours.url("derde"))
    assert everywhere.user is None
    assert everywhere.browser.url.startswith(ours.url("derde", "/eilogin/acs"))


# --- what a site asks, is asked above -------------------------------------------------


def test_a_page_that_needs_more_certainty_gets_it_from_above(everywhere, ours, idp):
    assert "level=[basis]" in everywhere.browser.text
    everywhere.asked.clear()
    certain = ours.url("werk", "/zeker")
    assert everywhere.is_let_in(certain), everywhere.where
    assert "level=[midden]" in everywhere.browser.text
    assert idp.url("/sso") in everywhere.asked


@ONCE
def test_less_certainty_than_was_asked_for_is_not_enough(anna, ours, idp):
    with idp.behaving(level=PASSWORD_ONLY):
        anna.visit(ours.url("zorg", "/zeker")).type_password()
    assert anna.user is None
    assert anna.browser.page.status_int >= 400, anna.where


@ONCE
def test_stale_authentication_is_renewed_at_upstream_identity_provider(
    anna, ours, idp, zorg
):
    with idp.behaving(ago=300):
        anna.log_in(zorg)
    fresh = ours.url("werk", "/vers")
    anna.visit(fresh)
    assert anna.browser.url.startswith(idp.url("/sso")), anna.where
    anna.type_password()
    assert anna.is_at(fresh), anna.where


def test_a_public_page_asks_a_stranger_nothing(anna, ours, idp):
    public = ours.url("zorg", "/openbaar")
    anna.visit(public)
    assert anna.browser.url == public, anna.where
    assert anna.user is None
    # It was asked above, which has nothing to say of her.
    assert idp.url("/sso") in anna.asked


@ONCE
def test_a_public_page_greets_who_is_known_above_only(anna, ours, werk):
    anna.log_in(werk)
    anna.browser.forget(f"{HUB}{LOOPBACK}")
    assert anna.is_let_in(ours.url("zorg", "/openbaar")), anna.where


# --- how long -------------------------------------------------------------------------


@ONCE
def test_no_login_lasts_longer_than_the_one_above(anna, idp, zorg, werk):
    with idp.behaving(lasts=600):
        anna.log_in(zorg)
    latest = datetime.now(UTC) + timedelta(seconds=600)
    assert until(anna) <= latest
    assert anna.is_let_in(werk)
    assert latest - timedelta(minutes=1) < until(anna) <= latest


# --- logging out below ----------------------------------------------------------------


def test_a_logout_at_one_site_ends_the_other_and_the_login_above(
    everywhere, idp, zorg, werk
):
    everywhere.visit(zorg).log_out()
    assert everywhere.is_logged_out_everywhere, everywhere.where
    assert everywhere.browser.url.startswith(zorg), everywhere.where
    assert "Niet ingelogd" in everywhere.visit(idp.url()).browser.text
    for url in (zorg, werk):
        assert everywhere.visit(url).is_asked_for_password, everywhere.where


def test_a_logout_from_server_to_server_goes_up_where_above_takes_such_a_one(
    everywhere, run, zorg, werk
):
    everywhere.visit(werk).log_out()
    assert everywhere.browser.url.startswith(werk), everywhere.where
    if run == "back-channel":
        assert everywhere.is_logged_out_everywhere, everywhere.where
        assert everywhere.visit(zorg).is_asked_for_password, everywhere.where
    else:
        assert NOT_EVERYWHERE in everywhere.browser.text, everywhere.where


def test_a_logout_at_the_hub_ends_all_below_and_above(
    everywhere, ours, idp, zorg, werk
):
    everywhere.visit(ours.url(HUB)).browser.press("Overal uitloggen")
    assert everywhere.is_logged_out_everywhere, everywhere.where
    assert "Niet ingelogd" in everywhere.visit(idp.url()).browser.text
    for url in (zorg, werk):
        assert everywhere.visit(url).is_asked_for_password, everywhere.where


@ONCE
def test_a_logout_reaches_a_site_through_the_browser_if_need_be(
    everywhere, idp, zorg, ver
):
    assert everywhere.is_let_in(ver)
    everywhere.visit(zorg).log_out()
    assert everywhere.is_logged_out_everywhere, everywhere.where
    assert "Niet ingelogd" in everywhere.visit(idp.url()).browser.text
    assert everywhere.visit(ver).is_asked_for_password, everywhere.where


@pytest.mark.parametrize(
    "otherwise",
    [{"missed": "http://elders.localhost/"}, {"fails": True}, {"impostor": True}],
    ids=["partial", "failed", "not-its-signature"],
)
def test_page_reports_incomplete_upstream_logout(
    everywhere, idp, zorg, werk, otherwise
):
    with idp.behaving(**otherwise):
        everywhere.visit(zorg).log_out()
    assert not everywhere.is_logged_out_everywhere
    assert NOT_EVERYWHERE in everywhere.browser.text, everywhere.where
    for url in (zorg, werk):
        assert everywhere.visit(url).is_asked_for_password, everywhere.where


def test_all_below_have_ended_though_nobody_answers_above(
    servers, everywhere, run, zorg, werk
):
    with servers.theirs.down():
        everywhere.visit(zorg).log_out()
        assert not everywhere.is_logged_out_everywhere
        if run == "back-channel":
            assert NOT_EVERYWHERE in everywhere.browser.text, everywhere.where
    for url in (zorg, werk):
        assert everywhere.visit(url).is_asked_for_password, everywhere.where


# --- logging out above ----------------------------------------------------------------


@TOLD
@ONCE
def test_a_logout_above_ends_all_below(everywhere, idp, zorg, werk, told):
    everywhere.visit(idp.url())
    with idp.behaving(logout=told):
        everywhere.browser.press("Overal uitloggen")
    assert "Overal uitgelogd" in everywhere.browser.text, everywhere.where
    assert "Hier is uitloggen niet gelukt" not in everywhere.browser.text
    for url in (zorg, werk):
        assert everywhere.visit(url).is_asked_for_password, everywhere.where


@pytest.mark.parametrize("told", ["redirect", "post"])
@ONCE
def test_a_logout_above_in_the_browser_reaches_a_site_that_needs_it(
    everywhere, idp, ver, told
):
    assert everywhere.is_let_in(ver)
    everywhere.visit(idp.url())
    with idp.behaving(logout=told):
        everywhere.browser.press("Overal uitloggen")
        everywhere.browser.open_frames()
        everywhere.browser.click("Ga verder")
    assert "Overal uitgelogd" in everywhere.browser.text, everywhere.where
    assert "Hier is uitloggen niet gelukt" not in everywhere.browser.text
    assert everywhere.visit(ver).is_asked_for_password, everywhere.where


@TOLD
@ONCE
def test_a_logout_above_that_does_not_reach_all_below_is_no_success(
    everywhere, ours, idp, ver, told
):
    assert everywhere.is_let_in(ver)
    everywhere.visit(idp.url())
    with idp.behaving(logout=told):
        everywhere.browser.press("Overal uitloggen")
        if told != "soap":
            # Its frame shows nothing.
            everywhere.browser.click("Ga verder")
    said = f"Hier is uitloggen niet gelukt: {ours.url(HUB, '/eilogin/metadata')}"
    assert said in everywhere.browser.text, everywhere.where
    assert everywhere.visit(ours.url("zorg")).is_asked_for_password, everywhere.where


@ONCE
def test_a_logout_above_that_another_key_has_signed_ends_nothing(
    everywhere, idp, zorg, werk
):
    everywhere.visit(idp.url())
    with idp.behaving(impostor=True):
        everywhere.browser.press("Overal uitloggen")
    assert "Hier is uitloggen niet gelukt" in everywhere.browser.text, everywhere.where
    for url in (zorg, werk):
        assert everywhere.is_let_in(url), everywhere.where


@ONCE
def test_a_logout_ends_her_other_browser_too(everywhere, elsewhere, zorg):
    there = elsewhere(everywhere).log_in(zorg)
    everywhere.visit(zorg).log_out()
    assert everywhere.is_logged_out_everywhere, everywhere.where
    # Known above, where it has a login of its own, and asked anew all the same.
    assert there.visit(zorg).is_asked_for_password, there.where


# --- in a real browser, with its rules for cookies, scripts, forms and frames ---------


def type_password(page, name):
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=login]").click()


@ONCE
def test_logins_and_a_logout_go_up_and_come_back(ours, idp, page, new_name):
    zorg, werk, ver = (ours.url(site) for site in ("zorg", "werk", "ver"))
    name, fresh = new_name(), ours.url("werk", "/vers")
    page.goto(ver)
    with idp.behaving(ago=300):
        type_password(page, name)
        page.wait_for_url(ver)
    # Known at the hub, and then asked above: one page leads to the other.
    page.goto(fresh)
    type_password(page, name)
    page.wait_for_url(fresh)
    arrive(page, zorg, "user=[")
    page.get_by_role("link", name="Uitloggen").click()
    # One site is told in a frame, and that page goes on by itself.
    heading = page.get_by_role("heading", level=1, name="U bent overal uitgelogd")
    heading.wait_for()
    assert page.url.startswith(zorg)
    page.goto(idp.url())
    assert "Niet ingelogd" in page.content()
    for url in (werk, ver):
        page.goto(url)
        assert page.locator("[name=password]").is_visible(), url


#: Has the button of the page above lead a frame of that page, as some products do.
IN_A_FRAME = """() => {
    const frame = document.createElement("iframe");
    frame.name = "logout";
    document.body.append(frame);
    for (const form of document.forms) { form.target = "logout"; }
}"""


@pytest.mark.parametrize("is_framed", [False, True], ids=["window", "frame"])
@ONCE
def test_a_logout_above_leads_through_a_site_that_needs_the_browser(
    ours, idp, page, new_name, is_framed
):
    """In frames of our page, which goes on by itself; in a frame no cookie comes."""
    zorg, ver = (ours.url(site) for site in ("zorg", "ver"))
    page.goto(ver)
    type_password(page, new_name())
    page.wait_for_url(ver)
    arrive(page, zorg, "user=[")
    page.goto(idp.url())
    if is_framed:
        page.evaluate(IN_A_FRAME)
    with idp.behaving(logout="redirect"):
        page.get_by_role("button", name="Overal uitloggen").click()
        shown = page.frame_locator("iframe[name=logout]") if is_framed else page
        shown.get_by_text("Overal uitgelogd").wait_for()
    assert shown.get_by_text("Hier is uitloggen niet gelukt").count() == 0
    for url in (zorg, ver):
        page.goto(url)
        assert page.locator("[name=password]").is_visible(), url
