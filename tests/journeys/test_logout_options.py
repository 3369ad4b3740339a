"""A hub that asks before it logs out everywhere, and one that logs out a browser."""

import re

import pytest

from eilogin.testing import Browser

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
LAND = "https://land.test/mijn"
LOG_OUT = "https://uwv.test/eilogin/logout"
HOSTS = ("uwv.test", "stad.test", "land.test")


@pytest.fixture
def made(clock, eilogin_federation, witness, citizen_at):
    """Anna at all participants, at a hub with some options; and make her elsewhere."""

    def make(**hub_options):
        options = {"acs": "post"}
        federation = eilogin_federation(
            dict.fromkeys(HOSTS, witness),
            options=dict.fromkeys(HOSTS, options),
            hub_options=hub_options,
        )

        def log_in(*urls):
            citizen = citizen_at(federation.browser())
            citizen.log_in(urls[0])
            for url in urls[1:]:
                assert citizen.is_let_in(url)
            return citizen

        return log_in

    return make


class TestConfirmLogout:
    @pytest.fixture
    def asked(self, made):
        anna = made(confirm_logout="true")(UWV, STAD, LAND)
        anna.visit(LOG_OUT)
        return anna

    def test_asks_with_the_services_and_since_when(self, asked, clock):
        text = asked.browser.text
        assert asked.browser.title.startswith("Wilt u overal uitloggen?")
        assert "Bij uwv.test bent u uitgelogd" in text
        assert "stad.test Sinds 10.00 uur land.test Sinds 10.00 uur" in text
        clock.shift(1)
        assert asked.is_let_in(STAD), "nothing has ended but at UWV"
        asked.visit(UWV)
        assert asked.is_asked_for_password, "this browser has logged out there"

    def test_everywhere_is_everywhere(self, asked):
        asked.browser.press("Overal uitloggen")
        assert asked.browser.url.startswith("https://uwv.test/eilogin/slo")
        assert "U bent overal uitgelogd" in asked.browser.text
        for url in (UWV, STAD, LAND):
            asked.visit(url)
            assert asked.is_asked_for_password, url

    def test_only_here_is_only_here(self, asked):
        assert "Dan bent u alleen bij uwv.test uitgelogd" in asked.browser.text
        asked.browser.press("Ingelogd blijven")
        assert asked.browser.url.startswith("https://uwv.test/eilogin/slo")
        assert "U bent uitgelogd" in asked.browser.text
        assert "overal" not in asked.browser.title
        assert "blijft u ingelogd, zoals u hebt gekozen" in asked.browser.text
        assert "niet gelukt" not in asked.browser.text
        for url in (STAD, LAND):
            assert asked.is_let_in(url)

    def test_the_hub_does_not_say_that_she_is_in_where_she_is_out(self, asked, clock):
        asked.browser.press("Ingelogd blijven")
        asked.visit("https://inloggen.test/")
        assert "stad.test" in asked.browser.text
        assert "uwv.test" not in asked.browser.text
        clock.shift(1)
        assert asked.is_let_in(UWV)
        asked.visit("https://inloggen.test/")
        assert "uwv.test" in asked.browser.text

    def test_visitor_without_confirmation_is_logged_out_here_only(self, asked):
        assert asked.browser.cookie("uwv.test", "__Host-eilogin") is None
        assert asked.is_let_in(STAD)

    def test_nothing_is_asked_where_she_is_in_at_one_alone(self, made):
        anna = made(confirm_logout="true")(UWV)
        anna.visit(LOG_OUT)
        assert "U bent overal uitgelogd" in anna.browser.text

    def test_the_page_is_there_again_when_it_is_loaded_anew(self, asked):
        asked.browser.reload()
        assert asked.browser.title.startswith("Wilt u overal uitloggen?")

    def test_a_second_click_says_the_same(self, asked):
        page = asked.browser.url, asked.browser.page
        asked.browser.press("Overal uitloggen")
        said = asked.browser.text
        assert "U bent overal uitgelogd" in said
        asked.browser.url, asked.browser.page = page
        asked.browser.press("Overal uitloggen")
        assert asked.browser.text == said

    def test_by_a_form_too(self, clock, eilogin_federation, witness, citizen_at):
        options = {"acs": "post", "logout_binding": "post"}
        federation = eilogin_federation(
            dict.fromkeys(HOSTS, witness),
            options=dict.fromkeys(HOSTS, options),
            hub_options={"confirm_logout": "true"},
        )
        anna = citizen_at(federation.browser())
        anna.log_in(UWV)
        assert anna.is_let_in(STAD)
        anna.visit(LOG_OUT)
        assert anna.browser.title.startswith("Wilt u overal uitloggen?")
        anna.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" in anna.browser.text
        anna.visit(STAD)
        assert anna.is_asked_for_password

    def test_of_another_site_no_form_counts(self, asked):
        url = asked.browser.url
        page = asked.browser.post(url, site="cross-site", everywhere="1")
        assert page.status_int == 400
        assert asked.is_let_in(STAD)

    def test_one_that_was_kept_too_long_ago_is_over(self, asked, clock):
        clock.shift(3601)
        asked.browser.press("Overal uitloggen")
        assert asked.browser.page.status_int == 400


class TestLogoutScope:
    def test_of_a_browser_leaves_her_other_ones_alone(self, made):
        log_in = made(logout_scope="browser")
        anna, elsewhere = log_in(UWV, STAD), log_in(UWV, LAND)
        anna.visit(LOG_OUT)
        assert "U bent overal uitgelogd" in anna.browser.text
        anna.visit(STAD)
        assert anna.is_asked_for_password
        for url in (UWV, LAND):
            assert elsewhere.is_let_in(url)

    def test_of_a_citizen_does_not(self, made):
        log_in = made()
        anna, elsewhere = log_in(UWV, STAD), log_in(UWV, LAND)
        anna.visit(LOG_OUT)
        elsewhere.visit(LAND)
        assert elsewhere.is_asked_for_password

    def test_holds_for_the_button_of_the_hub(self, made):
        log_in = made(logout_scope="browser")
        anna, elsewhere = log_in(UWV, STAD), log_in(UWV, LAND)
        anna.visit("https://inloggen.test/")
        anna.browser.press("Overal uitloggen")
        for url in (UWV, STAD):
            anna.visit(url)
            assert anna.is_asked_for_password
        for url in (UWV, LAND):
            assert elsewhere.is_let_in(url)


class TestShowSession:
    """Somebody is logged in already, and who is there may be another one."""

    @pytest.fixture
    def shown(self, made):
        anna = made(show_session="true")(UWV)
        anna.visit(STAD)
        return anna

    def test_names_where_and_since_when(self, shown):
        assert shown.browser.title.startswith("U bent al ingelogd")
        text = shown.browser.text
        assert (
            "U bent al ingelogd sinds 10.00 uur. Wilt u verder naar stad.test?" in text
        )
        assert "uwv.test Sinds 10.00 uur" in text
        assert "Dat kan tot 10.15 uur" in text

    def test_she_goes_on(self, shown):
        shown.browser.press("Ga verder")
        assert shown.browser.url == STAD
        assert shown.is_let_in(STAD)

    def test_to_where_she_is_in_she_goes_without_it(self, shown):
        shown.browser.press("Ga verder")
        shown.browser.forget("uwv.test")
        assert shown.is_let_in(UWV)

    def test_visitor_can_log_out_another_person_everywhere(self, shown, citizen_at):
        assert "Wij loggen deze persoon overal uit" in shown.browser.text
        shown.browser.press("Dit ben ik niet: log overal uit")
        bram = citizen_at(shown.browser, "bram")
        assert bram.is_asked_for_password
        bram.type_password()
        assert bram.browser.url == STAD
        bram.visit(UWV)
        assert bram.browser.title.startswith("U bent al ingelogd"), "she is not anna"
        assert "stad.test Sinds" in bram.browser.text

    def test_login_page_explains_logout_of_another_person_only_once(self, shown):
        said = "U bent uitgelogd. Log nu in met uw eigen gegevens."
        shown.browser.press("Dit ben ik niet: log overal uit")
        assert said in shown.browser.text
        asked = shown.browser.url
        for url in (LAND, "https://inloggen.test/login"):
            shown.visit(url)
            assert shown.is_asked_for_password
            assert said not in shown.browser.text
        shown.visit(asked)
        assert said in shown.browser.text, "it is that very login still"
        shown.browser.press("Inloggen", username="anna", password="wrong")
        assert "Inloggen is niet gelukt." in shown.browser.text
        assert said not in shown.browser.text

    def test_no_link_says_that_in_another_browser(self, made):
        log_in = made(show_session="true")
        mallory, bram = log_in(UWV), log_in(UWV)
        mallory.visit(STAD)
        mallory.browser.press("Dit ben ik niet: log overal uit")
        assert (
            "U bent uitgelogd. Log nu in met uw eigen gegevens." in mallory.browser.text
        )
        bram.browser.forget("inloggen.test")
        bram.browser.follow(mallory.browser.url)
        assert bram.browser.page.status_int == 400
        assert not bram.is_asked_for_password
        assert "U bent uitgelogd" not in bram.browser.text

    def test_it_may_take_her_too_long(self, shown, clock):
        clock.shift(16 * 60)
        shown.browser.press("Ga verder")
        assert shown.is_asked_for_password

    def test_it_does_not_count_from_another_site(self, shown):
        answer = shown.browser.post(
            shown.browser.url, site="cross-site", **{"go-on": "1"}
        )
        assert answer.status_int == 403


class TestTheAddressOfAQuestion:
    """It stands in logs and histories, and must not log anybody out by itself."""

    @pytest.fixture
    def asked(self, made):
        anna = made(confirm_logout="true")(UWV, STAD, LAND)
        anna.visit(LOG_OUT)
        form = re.search(r'action="([^"]+)"', anna.browser.page.text)
        return anna, form[1]

    def test_does_nothing_in_another_browser(self, asked):
        anna, address = asked
        stranger = Browser(anna.browser.app)
        stranger.visit(address)
        assert stranger.page.status_int == 400
        assert anna.is_let_in(STAD)

    def test_is_answered_by_a_click_whatever_she_has_proven_since(self, asked, clock):
        """A step-up in another tab, say."""
        anna, _ = asked
        page = anna.browser.url, anna.browser.page
        clock.shift(100)
        anna.visit("https://inloggen.test/login?level=midden")
        anna.type_password(anna.code)
        anna.browser.url, anna.browser.page = page
        anna.browser.press("Overal uitloggen")
        anna.visit(STAD)
        assert anna.is_asked_for_password

    def test_does_nothing_more_when_she_has_said_only_here(self, asked):
        anna, address = asked
        anna.browser.press("Ingelogd blijven")
        anna.visit(address)
        assert anna.is_let_in(STAD)

    def test_does_not_end_what_came_after_it(self, asked, clock):
        anna, address = asked
        anna.browser.press("Overal uitloggen")
        clock.shift(400)
        anna.log_in(STAD)
        anna.visit(address)
        assert anna.is_let_in(STAD)
