"""A citizen goes between sites of ours, behind an identity provider on pysaml2."""

import pytest

pytestmark = pytest.mark.real

PASSWORD_ONLY = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
#: By artifact and by POST.
BOTH = pytest.mark.parametrize("site", ["uwv", "stad"], indirect=True)
#: What may be signed of an answer.
SIGNED = pytest.mark.parametrize("signed", ["assertion", "response", "both"])
#: How the identity provider tells participants of a logout.
TOLD = pytest.mark.parametrize("told", ["soap", "redirect", "post"])


# --- logging in -----------------------------------------------------------------------


def test_a_citizen_logs_in_once_and_is_known_at_another_site(site, anna):
    anna.log_in(site.url)
    assert "Anna de Proef" in anna.browser.text
    assert anna.is_let_in(site.other), anna.where
    assert "Anna de Proef" in anna.browser.text


@BOTH
def test_name_id_is_the_same_at_next_login(site, anna, elsewhere):
    anna.log_in(site.url)
    assert elsewhere(anna).log_in(site.url).user == anna.user


@BOTH
@SIGNED
def test_it_does_not_matter_what_of_the_answer_is_signed(site, idp, anna, signed):
    with idp.behaving(sign=signed):
        anna.log_in(site.url)


@BOTH
@SIGNED
def test_an_answer_may_be_encrypted(site, idp, anna, signed):
    with idp.behaving(encrypt="aes256-gcm", sign=signed):
        anna.log_in(site.url)
    assert "Anna de Proef" in anna.browser.text
    assert all("Anna de Proef" not in answer for answer in anna.carried)
    assert anna.log_out().is_logged_out_everywhere, anna.where


@pytest.mark.parametrize(
    ("site", "algorithm"),
    [("uwv", "tripledes-cbc"), ("stad", "aes128-cbc")],
    indirect=["site"],
)
def test_rejects_weak_encryption_and_logs_the_algorithm(
    site, idp, anna, log, algorithm
):
    with idp.behaving(encrypt=algorithm):
        anna.visit(site.url).type_password()
    assert anna.browser.url.startswith(site.acs)
    assert anna.user is None
    assert algorithm in log()


@BOTH
def test_a_public_page_greets_who_is_logged_in_elsewhere(site, anna):
    anna.log_in(site.other)
    assert anna.is_let_in(site.public), anna.where


@BOTH
def test_a_public_page_asks_a_stranger_nothing(site, anna):
    anna.visit(site.public)
    assert anna.browser.url == site.public, anna.where
    assert anna.user is None
    assert anna.log_in(site.url)


@BOTH
def test_a_page_that_needs_more_certainty_gets_it(site, anna):
    anna.log_in(site.url)
    assert "level=[basis]" in anna.browser.text
    anna.visit(site.certain)
    assert "level=[midden]" in anna.browser.text, anna.where


@BOTH
def test_less_certainty_than_was_asked_for_is_not_enough(site, idp, anna):
    with idp.behaving(level=PASSWORD_ONLY):
        anna.visit(site.certain).type_password()
    assert anna.browser.url.startswith(site.acs), anna.where
    assert anna.user is None


# --- logging out ----------------------------------------------------------------------


@TOLD
def test_a_logout_at_one_ends_the_other(site, idp, anna, told):
    anna.log_in(site.other)
    assert anna.is_let_in(site.url)
    with idp.behaving(logout=told):
        anna.log_out()
    assert anna.is_logged_out_everywhere, anna.where
    assert anna.browser.url.startswith(site.url), anna.where
    assert "Niet ingelogd" in anna.visit(idp.url()).browser.text
    for url in (site.url, site.other):
        assert anna.visit(url).is_asked_for_password, anna.where


@BOTH
@TOLD
def test_a_logout_at_the_hub_ends_ours(site, idp, anna, told):
    anna.log_in(site.url)
    assert anna.is_let_in(site.other)
    anna.visit(idp.url())
    with idp.behaving(logout=told):
        anna.browser.press("Overal uitloggen")
    assert "Overal uitgelogd" in anna.browser.text, anna.where
    assert "Hier is uitloggen niet gelukt" not in anna.browser.text
    for url in (site.url, site.other):
        assert anna.visit(url).is_asked_for_password, anna.where


@BOTH
@pytest.mark.parametrize(
    "name_id",
    [
        {},
        {"format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"},
        {"format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"},
        {"format": "https://example.org/formats/badge"},
    ],
    ids=["value-alone", "transient", "email", "badge"],
)
def test_a_logout_names_her_exactly_as_the_hub_did(site, idp, anna, name_id):
    with idp.behaving(name_id=name_id):
        anna.log_in(site.url)
        anna.log_out()
    assert anna.is_logged_out_everywhere, anna.where
    assert anna.visit(site.url).is_asked_for_password, anna.where


def test_a_logout_leaves_what_it_does_not_name(site, anna, elsewhere):
    anna.log_in(site.url)
    there = elsewhere(anna).log_in(site.url)
    anna.log_out()
    assert anna.visit(site.url).is_asked_for_password
    assert there.is_let_in(site.url), there.where


def test_page_reports_incomplete_logout(site, idp, anna):
    anna.log_in(site.url)
    with idp.behaving(missed="http://elsewhere.localhost/metadata"):
        anna.log_out()
    assert not anna.is_logged_out_everywhere
    told = "Bij een of meer andere diensten is uitloggen niet gelukt."
    assert told in anna.browser.text, anna.where
    assert anna.visit(site.url).is_asked_for_password


# --- keys and clocks ------------------------------------------------------------------


@BOTH
def test_rejects_response_signed_with_another_key(site, idp, anna, log):
    with idp.behaving(impostor=True):
        anna.visit(site.url).type_password()
    assert anna.browser.url.startswith(site.acs)
    assert anna.browser.page.status_int == 400, anna.where
    assert anna.user is None
    assert "(signature-untrusted)" in log()


def test_pysaml2_rejects_authn_request_signed_with_another_key(ours, idp, anna):
    anna.visit(ours.url("unknown"))
    assert anna.browser.url.startswith(idp.url("/sso"))
    assert "Geweigerd" in anna.browser.text
    assert not anna.is_asked_for_password


@BOTH
def test_a_logout_that_another_key_has_signed_ends_nothing(site, idp, anna):
    anna.log_in(site.url)
    anna.visit(idp.url())
    with idp.behaving(impostor=True):
        anna.browser.press("Overal uitloggen")
    assert "Hier is uitloggen niet gelukt" in anna.browser.text, anna.where
    assert anna.is_let_in(site.url), anna.where


def test_an_answer_to_a_logout_that_another_key_has_signed_is_not_believed(
    site, idp, anna
):
    anna.log_in(site.url)
    with idp.behaving(impostor=True):
        anna.log_out()
    assert not anna.is_logged_out_everywhere, anna.where
    assert anna.visit(site.url).is_asked_for_password


@BOTH
@pytest.mark.parametrize("seconds", [-50, 50])
def test_a_clock_may_be_off_by_fifty_seconds(site, idp, anna, seconds):
    with idp.clock.shifted(seconds=seconds):
        anna.log_in(site.url).log_out()
    assert anna.is_logged_out_everywhere, anna.where


@BOTH
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_off_by_ten_minutes_is_refused_and_both_times_are_told(
    site, idp, anna, told_times, minutes
):
    with idp.clock.shifted(minutes=minutes):
        anna.visit(site.url).type_password()
    assert anna.browser.url.startswith(site.acs)
    assert anna.browser.page.status_int >= 400, anna.where
    assert anna.user is None
    theirs, here = told_times()
    assert (theirs - here).total_seconds() == pytest.approx(minutes * 60, abs=30)
