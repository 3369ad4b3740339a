"""After some time without activity the sign-in page says why a visitor sees it."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from hub_speaker import hub_changes
from lxml import etree

from eilogin.saml import bindings, safe_xml

MINUTE = 60
UWV, STAD = "https://uwv.test/mijn", "https://stad.test/mijn"
HUB = "https://inloggen.test"
WHY = "U bent uitgelogd, omdat u 15 minuten niets hebt gedaan."


def asked_of_hub(anna):
    """The AuthnRequest that the browser brought to the hub last, as XML."""
    url = next(url for url in anna.browser.trail if "SAMLRequest=" in url)
    return safe_xml.parse(bindings.read_redirect(urlsplit(url).query).octets)


@pytest.mark.parametrize("url", [UWV, STAD])
def test_a_navigation_after_idle_time_says_why(clock, anna, url):
    anna.log_in(url)
    clock.shift(16 * MINUTE)
    anna.visit(url)
    assert anna.is_asked_for_password
    assert WHY in anna.browser.text
    anna.browser.reload()
    assert WHY in anna.browser.text
    anna.type_password()
    assert anna.browser.url == url
    assert anna.user


def test_says_so_in_english(clock, anna):
    anna.log_in(UWV)
    clock.shift(16 * MINUTE)
    anna.browser.language = "en"
    anna.visit(UWV)
    assert "because you were inactive for 15 minutes" in anna.browser.text


def test_the_sign_in_page_says_the_limits_of_its_hub(
    clock, witness, eilogin_federation, citizen_at
):
    federation = eilogin_federation(
        dict.fromkeys(("uwv.test", "stad.test"), witness),
        hub_options={"idle": "5m", "max_session": "3h"},
    )
    anna = citizen_at(federation.browser()).visit(UWV)
    assert anna.is_asked_for_password
    assert "na 3 uur, of als u 5 minuten niets doet" in anna.browser.text


def test_a_wrong_password_is_said_in_its_place(clock, anna):
    anna.log_in(UWV)
    clock.shift(16 * MINUTE)
    anna.visit(UWV)
    anna.browser.press("Inloggen", username="anna", password="wrong")
    assert WHY not in anna.browser.text
    assert "Inloggen is niet gelukt" in anna.browser.text


def test_nobody_is_told_who_was_not_idle(clock, anna):
    anna.visit(UWV)
    assert WHY not in anna.browser.text
    anna.type_password()
    anna.visit("https://uwv.test/eilogin/logout")
    anna.visit(UWV)
    assert anna.is_asked_for_password
    assert WHY not in anna.browser.text


def test_nobody_is_told_whom_the_hub_still_knows(clock, anna):
    """The visitor worked at another site: the login goes on without a page."""
    anna.log_in(UWV)
    clock.shift(14 * MINUTE)
    anna.visit(STAD)
    clock.shift(2 * MINUTE)
    assert anna.is_let_in(UWV)


def test_our_own_hub_is_told_the_limit(clock, anna):
    anna.log_in(UWV)
    clock.shift(16 * MINUTE)
    anna.visit(UWV)
    assert (
        asked_of_hub(anna).find(f".//{safe_xml.q('act:Ended')}").get("Limit") == "900"
    )


def test_a_hub_of_another_make_is_told_nothing(clock, anna, federation):
    anna.log_in(UWV)
    hub_changes(federation, "uwv.test", activity_services=())
    clock.shift(16 * MINUTE)
    anna.visit(UWV)
    assert asked_of_hub(anna).find(safe_xml.q("samlp:Extensions")) is None


def test_the_page_promises_no_more_than_it_keeps(anna):
    anna.visit(UWV)
    assert (
        "U moet opnieuw inloggen na 2 uur, of als u 15 minuten niets doet."
        in anna.browser.text
    )
    anna.type_password()
    anna.visit(f"{HUB}/")
    assert "Als u 15 minuten niets doet, moet u opnieuw inloggen." in anna.browser.text


def test_nothing_of_it_is_in_an_address_that_is_shown(clock, anna):
    anna.log_in(UWV)
    clock.shift(16 * MINUTE)
    anna.visit(UWV)
    assert set(parse_qs(urlsplit(anna.browser.url).query)) == {"request", "of"}
    assert not re.search("idle|900", anna.browser.url)


def test_a_request_with_a_reason_follows_the_schema(clock, anna):
    anna.log_in(UWV)
    clock.shift(16 * MINUTE)
    anna.visit(UWV)
    request = asked_of_hub(anna)
    safe_xml.validate(request, "protocol")
    assert etree.QName(request[1]).localname == "Extensions"
