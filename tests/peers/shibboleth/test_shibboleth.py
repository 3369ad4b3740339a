"""A citizen goes between sites of Shibboleth and ours, all behind our hub."""

import json
import re

import pytest
from chromium import arrive
from eilogin_sites import HUB, PASSWORD, code
from peer_servers import fetch

pytestmark = [pytest.mark.real, pytest.mark.any_python]

#: Where Shibboleth wants to know who comes.
MIJN = "/mijn/"
#: Where it does not matter what the hub encrypts.
ONCE = pytest.mark.parametrize("run", ["encrypted"], indirect=True, scope="module")
#: How answers reach a site of Shibboleth's.
KINDS = pytest.mark.parametrize("site", ["shib", "artifact"], ids=["post", "artifact"])
#: What it says of itself and of this test, and not of what we publish.
_NOT_OF_US = re.compile("SSL/TLS|DEPRECATION|no MetadataProvider|outgoing binding")


def login(path=MIJN, **asked):
    """Where a login begins at which this is asked for."""
    more = "".join(f"&{name}={value}" for name, value in asked.items())
    return f"/Shibboleth.sso/Login?target={path}{more}"


# --- metadata -------------------------------------------------------------------------


def test_shibboleth_loads_hub_metadata_without_warnings(servers):
    started = servers.theirs.log.partition("listener service starting")[0]
    lines = started.splitlines()
    assert [line for line in lines if re.search("loaded XML .*/hub.xml", line)]
    told = [line for line in lines if re.match("WARN|ERROR|CRIT|FATAL", line)]
    assert [line for line in told if not _NOT_OF_US.search(line)] == []


@ONCE
def test_the_hub_is_known_there_by_its_names_in_both_languages(shibboleth, ours):
    (hub,) = json.loads(fetch(shibboleth.url("shib", "/Shibboleth.sso/DiscoFeed")))
    assert hub["entityID"] == ours.url(HUB, "/metadata")
    names = {name["lang"]: name["value"] for name in hub["DisplayNames"]}
    assert names == {"nl": "Inloggen", "en": "Inloggen"}


# --- logging in -----------------------------------------------------------------------


@KINDS
def test_a_citizen_logs_in_there_and_is_known_at_all_of_ours(
    shibboleth, ours, anna, site
):
    anna.log_in(shibboleth.url(site, MIJN))
    assert "name=[Anna de Proef]" in anna.browser.text
    assert anna.is_let_in(ours.url("uwv")), anna.where
    assert anna.is_let_in(ours.url("stad")), anna.where


@KINDS
def test_a_citizen_logs_in_at_ours_and_is_known_there(shibboleth, ours, anna, site):
    anna.log_in(ours.url("uwv"))
    name_at_ours = anna.user
    assert anna.is_let_in(shibboleth.url(site, MIJN)), anna.where
    assert name_at_ours not in anna.user


@ONCE
def test_a_site_there_may_ask_by_post(shibboleth, ours, anna):
    anna.log_in(shibboleth.url("post", MIJN))
    assert anna.questions, anna.where
    assert anna.is_let_in(ours.url("uwv")), anna.where


@ONCE
def test_a_lasting_name_is_hers_at_that_hub_and_that_site_alone(
    shibboleth, ours, anna, elsewhere
):
    anna.log_in(shibboleth.url("shib", MIJN))
    hub, site, name = anna.user.split("!")
    assert hub == ours.url(HUB, "/metadata")
    assert site == shibboleth.url("shib", "/shibboleth")
    there = elsewhere(anna).log_in(shibboleth.url("shib", MIJN))
    assert there.user == anna.user
    assert there.is_let_in(shibboleth.url("artifact", MIJN))
    assert name not in there.user


@ONCE
def test_transient_name_id_changes_at_next_login(shibboleth, anna, elsewhere):
    anna.log_in(shibboleth.url("fleeting", MIJN))
    there = elsewhere(anna).log_in(shibboleth.url("fleeting", MIJN))
    assert "!" not in anna.user
    assert there.user != anna.user


@ONCE
def test_a_site_there_gets_the_attributes_that_it_may_have_by_their_names(
    shibboleth, anna
):
    anna.log_in(shibboleth.url("shib", MIJN))
    assert f"mail=[{anna.name}@example.nl]" in anna.browser.text
    assert anna.is_let_in(shibboleth.url("artifact", MIJN))
    assert "mail=[(none)]" in anna.browser.text


@ONCE
def test_a_site_there_that_needs_more_certainty_has_a_code_asked(
    shibboleth, ours, anna, level_class
):
    anna.log_in(shibboleth.url("shib", MIJN))
    assert f"class=[{level_class('basis')}]" in anna.browser.text
    certain = shibboleth.url("certain", MIJN)
    anna.visit(certain)
    assert "Code" in anna.browser.text, anna.where
    anna.type_code(code())
    assert anna.is_at(certain), anna.where
    assert f"class=[{level_class('midden')}]" in anna.browser.text
    assert anna.is_let_in(ours.url("uwv")), anna.where


@ONCE
def test_a_page_there_can_ask_for_exactly_one_class(shibboleth, anna, level_class):
    asked = login(authnContextClassRef=level_class("midden"))
    anna.visit(shibboleth.url("shib", asked)).type_password(code=code())
    assert anna.is_at(shibboleth.url("shib", MIJN)), anna.where
    assert f"class=[{level_class('midden')}]" in anna.browser.text


@ONCE
@KINDS
def test_a_stranger_is_asked_nothing_where_the_site_wants_it_passively(
    shibboleth, anna, site
):
    anna.visit(shibboleth.url(site, login(isPassive="true")))
    assert not anna.is_asked_for_password
    assert "urn:oasis:names:tc:SAML:2.0:status:NoPassive" in anna.browser.text


@ONCE
def test_passive_login_signs_in_visitor_with_hub_session(shibboleth, ours, anna):
    anna.log_in(ours.url("uwv"))
    anna.visit(shibboleth.url("shib", login(isPassive="true")))
    assert anna.is_at(shibboleth.url("shib", MIJN)), anna.where


@ONCE
def test_force_authn_asks_signed_in_visitor_for_password(shibboleth, ours, anna):
    anna.log_in(ours.url("uwv"))
    anna.visit(shibboleth.url("shib", login(forceAuthn="true")))
    assert "opnieuw laten zien wie u bent" in anna.browser.text, anna.where
    anna.type_password()
    assert anna.is_at(shibboleth.url("shib", MIJN)), anna.where


def test_an_answer_is_encrypted_where_the_hub_says_so(shibboleth, anna, run):
    anna.log_in(shibboleth.url("shib", MIJN))
    (answer,) = anna.carried
    assert ("EncryptedAssertion" in answer) == (run == "encrypted")
    assert ("Anna de Proef" in answer) == (run == "clear")


def test_an_answer_is_made_by_the_algorithms_that_the_site_lists_first(
    shibboleth, anna, run
):
    listed = fetch(shibboleth.url("shib", "/Shibboleth.sso/Metadata")).decode()
    anna.log_in(shibboleth.url("shib", MIJN))
    (answer,) = anna.carried
    for element in [
        r"alg:DigestMethod",
        # Before it are those of elliptic keys, which the hub's is not.
        r"alg:SigningMethod(?=[^>]*#rsa)",
        *(["md:EncryptionMethod"] if run == "encrypted" else []),
    ]:
        (first,) = re.findall(f'<{element} Algorithm="(.+?)"', listed)[:1]
        assert f'Algorithm="{first}"' in answer


# --- logging out ----------------------------------------------------------------------


@pytest.mark.parametrize("site", ["fleeting", "redirect", "post", "artifact"])
def test_a_logout_there_ends_ours(shibboleth, ours, anna, site):
    anna.log_in(shibboleth.url(site, MIJN))
    for name in ("uwv", "stad"):
        assert anna.is_let_in(ours.url(name))
    anna.visit(shibboleth.url(site)).log_out()
    # Where it was not to end everywhere it would have said so.
    assert anna.browser.url == shibboleth.url(site), anna.where
    assert anna.user is None
    for name in ("uwv", "stad"):
        assert anna.visit(ours.url(name)).is_asked_for_password, anna.where


def test_a_logout_there_that_waits_for_no_answer_ends_at_the_hub(
    shibboleth, ours, anna
):
    anna.log_in(shibboleth.url("shib", MIJN))
    assert anna.is_let_in(ours.url("uwv"))
    anna.visit(shibboleth.url("shib")).log_out()
    assert anna.is_logged_out_everywhere, anna.where
    assert anna.browser.url.startswith(ours.url(HUB))
    assert anna.visit(ours.url("uwv")).is_asked_for_password
    assert anna.visit(shibboleth.url("shib")).user is None


@ONCE
def test_a_logout_there_over_soap_asks_nothing_of_her_browser(shibboleth, ours, anna):
    anna.log_in(shibboleth.url("artifact", MIJN))
    asked = len(anna.asked)
    anna.log_out()
    assert not [url for url in anna.asked[asked:] if url.startswith(ours.url(HUB))]
    assert anna.visit(ours.url("uwv")).is_asked_for_password


@ONCE
def test_a_logout_over_soap_that_cannot_reach_everybody_says_so(shibboleth, anna):
    anna.log_in(shibboleth.url("redirect", MIJN))
    assert anna.is_let_in(shibboleth.url("artifact", MIJN))
    anna.log_out()
    assert "You remain logged into one or more applications" in anna.browser.text


@ONCE
def test_both_sides_encrypt_name_id_in_logout_requests(shibboleth, ours, anna):
    anna.log_in(shibboleth.url("post", MIJN))
    anna.log_out()
    assert "EncryptedID" in anna.questions[-1]
    assert "NameID>" not in anna.questions[-1]
    anna.log_in(shibboleth.url("post", MIJN))
    anna.visit(ours.url(HUB)).browser.press("Overal uitloggen")
    assert anna.waits().is_logged_out_everywhere, anna.where
    assert anna.visit(shibboleth.url("post")).user is None


@pytest.mark.parametrize("name", ["uwv", "stad"])
@pytest.mark.parametrize("site", ["shib", "artifact", "fleeting"])
def test_a_logout_at_ours_ends_a_site_there_over_soap(
    shibboleth, ours, anna, site, name
):
    anna.log_in(shibboleth.url(site, MIJN))
    assert anna.is_let_in(ours.url(name))
    asked = len(anna.asked)
    anna.log_out()
    assert anna.is_logged_out_everywhere, anna.where
    assert not [url for url in anna.asked[asked:] if "/Shibboleth.sso/" in url]
    assert anna.visit(shibboleth.url(site)).user is None
    assert anna.visit(shibboleth.url(site, MIJN)).is_asked_for_password


@pytest.mark.parametrize("site", ["redirect", "post"])
def test_a_logout_at_ours_ends_a_site_there_that_takes_no_soap(
    shibboleth, ours, anna, site
):
    anna.log_in(shibboleth.url(site, MIJN))
    assert anna.is_let_in(ours.url("uwv"))
    anna.log_out()
    assert anna.is_logged_out_everywhere, anna.where
    told = f"/Shibboleth.sso/SLO/{site.capitalize().replace('Post', 'POST')}"
    assert shibboleth.url(site, told) in anna.asked
    assert anna.visit(shibboleth.url(site)).user is None
    assert anna.visit(shibboleth.url(site, MIJN)).is_asked_for_password


def test_one_logout_at_ours_ends_several_sites_there(shibboleth, ours, anna):
    sites = ("shib", "artifact", "redirect", "post")
    anna.log_in(ours.url("stad"))
    for site in sites:
        assert anna.is_let_in(shibboleth.url(site, MIJN)), anna.where
    anna.visit(ours.url("stad")).log_out()
    assert anna.is_logged_out_everywhere, anna.where
    for site in sites:
        assert anna.visit(shibboleth.url(site)).user is None, site


@ONCE
@pytest.mark.parametrize("site", ["shib", "redirect"])
def test_a_logout_ends_her_sessions_in_both_her_browsers(
    shibboleth, ours, anna, elsewhere, site
):
    known = shibboleth.url(site, MIJN)
    there = elsewhere(anna.log_in(known)).log_in(known)
    assert anna.is_let_in(ours.url("uwv"))
    anna.log_out()
    assert anna.visit(shibboleth.url(site)).user is None
    assert there.visit(shibboleth.url(site)).user is None


@ONCE
def test_a_logout_there_ends_her_session_by_another_name_there(
    shibboleth, ours, anna, elsewhere
):
    """Over SOAP, while it waits for the answer to its own request."""
    fleeting = shibboleth.url("fleeting")
    there = elsewhere(anna.log_in(shibboleth.url("fleeting", MIJN)))
    there.log_in(shibboleth.url("fleeting", MIJN))
    assert there.user != anna.user
    anna.visit(fleeting).log_out()
    assert anna.browser.url == fleeting, anna.where
    for each in (anna, there):
        assert each.visit(fleeting).user is None, each.where


@ONCE
def test_a_site_that_is_down_is_named_to_who_logs_out(servers, ours, anna):
    anna.log_in(servers.shibboleth.url("shib", MIJN))
    assert anna.is_let_in(ours.url("uwv"))
    with servers.apache.down():
        anna.log_out()
    assert "nog niet overal uitgelogd" in anna.browser.text, anna.where
    assert "shib.localhost" in anna.browser.text, anna.where
    assert anna.visit(ours.url("uwv")).is_asked_for_password


@ONCE
def test_a_site_that_lost_its_sessions_is_named_as_reached(servers, ours, anna):
    """Shibd keeps them in memory; afterwards it answers PartialLogout."""
    anna.log_in(servers.shibboleth.url("shib", MIJN))
    assert anna.is_let_in(ours.url("uwv"))
    with servers.theirs.down():
        pass
    anna.log_out()
    assert (
        "Deze dienst heeft het nog niet bevestigd. Wij blijven het proberen."
        in anna.browser.text
    )
    assert "Uitgelogd om" in anna.browser.text, anna.where
    assert not anna.is_logged_out_everywhere


# --- keys and clocks ------------------------------------------------------------------


@ONCE
def test_the_hub_refuses_what_another_key_has_signed(shibboleth, ours, anna):
    anna.visit(shibboleth.url("unknown", MIJN))
    assert anna.browser.url.startswith(ours.url(HUB)), anna.where
    assert anna.browser.page.status_int == 400, anna.where
    assert not anna.is_asked_for_password


def test_shibboleth_rejects_response_if_it_has_another_hub_key(shibboleth, anna):
    anna.visit(shibboleth.url("stale", MIJN)).type_password()
    assert "signature could not be verified" in anna.browser.text, anna.where
    assert anna.visit(shibboleth.url("stale")).user is None


@ONCE
@pytest.mark.parametrize("seconds", [-50, 50])
def test_a_clock_may_be_off_by_fifty_seconds(shibboleth, ours, anna, seconds):
    with shibboleth.clock.shifted(seconds=seconds):
        anna.log_in(shibboleth.url("redirect", MIJN))
        for site in ("shib", "artifact"):
            assert anna.is_let_in(shibboleth.url(site, MIJN)), anna.where
        assert anna.is_let_in(ours.url("uwv"))
        anna.log_out()
        assert anna.is_logged_out_everywhere, anna.where
        for site in ("redirect", "shib", "artifact"):
            assert anna.visit(shibboleth.url(site)).user is None, site
        anna.log_in(shibboleth.url("redirect", MIJN)).log_out()
        assert anna.browser.url == shibboleth.url("redirect"), anna.where


@ONCE
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_off_by_ten_minutes_is_refused_and_both_times_are_told(
    shibboleth, ours, anna, told_times, minutes
):
    with shibboleth.clock.shifted(minutes=minutes):
        anna.visit(shibboleth.url("shib", MIJN))
    # It is told RequestDenied, and she is back there.
    assert not anna.browser.url.startswith(ours.url(HUB)), anna.where
    assert anna.browser.page.status_int >= 400
    assert not anna.is_asked_for_password
    theirs, here = told_times()
    assert (theirs - here).total_seconds() == pytest.approx(minutes * 60, abs=30)


@ONCE
@pytest.mark.parametrize(
    ("minutes", "told"), [(-10, "issued in the future"), (10, "expired")]
)
def test_an_answer_that_is_off_by_ten_minutes_is_refused_there(
    shibboleth, anna, minutes, told
):
    anna.visit(shibboleth.url("shib", MIJN))
    with shibboleth.clock.shifted(minutes=minutes):
        anna.type_password()
        assert told in anna.browser.text, anna.where
        assert anna.browser.page.status_int == 500
        assert anna.visit(shibboleth.url("shib")).user is None


@ONCE
@pytest.mark.parametrize("minutes", [-10, 10])
def test_an_answer_is_not_given_to_a_clock_that_is_off_by_ten_minutes(
    shibboleth, anna, told_times, minutes
):
    anna.visit(shibboleth.url("artifact", MIJN))
    with shibboleth.clock.shifted(minutes=minutes):
        anna.type_password()
        assert "Unable to resolve artifact" in anna.browser.text, anna.where
        assert anna.visit(shibboleth.url("artifact")).user is None
    theirs, here = told_times()
    assert (theirs - here).total_seconds() == pytest.approx(minutes * 60, abs=30)


# --- in a real browser, with its rules for cookies, scripts, forms and frames ---------


@ONCE
def test_one_login_and_one_logout_for_sites_of_both(shibboleth, ours, page, new_name):
    sites = ("shib", "artifact", "redirect", "post")
    page.goto(shibboleth.url("shib", MIJN))
    page.locator("[name=username]").fill(new_name())
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=login]").click()
    page.wait_for_url(shibboleth.url("shib", MIJN))
    assert "name=[Anna de Proef]" in page.content()
    known = [shibboleth.url(site, MIJN) for site in sites[1:]]
    for url in (*known, ours.url("uwv"), ours.url("stad")):
        arrive(page, url, "user=[")
    page.get_by_role("link", name="Uitloggen").click()
    # The page with frames goes on by itself.
    heading = page.get_by_role("heading", level=1, name="U bent overal uitgelogd")
    heading.wait_for()
    assert page.url.startswith(ours.url("stad"))
    for site in sites:
        page.goto(shibboleth.url(site))
        assert "Anna de Proef" not in page.content(), site
    page.goto(ours.url("uwv"))
    assert page.locator("[name=password]").is_visible()
