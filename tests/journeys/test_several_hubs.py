"""A site with several hubs: she logs in where she wants to, and stays who she is."""

from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hub_speaker import SECOND_HUB, Chooser, changes, entity_changes, own_changes

from eilogin.federation.local.profiles import DIGID_PROFILE
from eilogin.saml import bindings
from eilogin.saml.metadata import Endpoint

FIRST_HUB = "https://inloggen.test/metadata"
STAD = "https://stad.test/mijn"
LOGIN = "https://stad.test/eilogin/login"
ACS = "https://stad.test/eilogin/acs"
SERVICE = "https://kies.test/ds"
MINUTE = 60


def login_at(hub):
    return f"{LOGIN}?{urlencode({'next': '/mijn', 'hub': hub})}"


@pytest.fixture
def federation(clock, witness, eilogin_federation):
    said = {"acs": "post", "protect": "=/ optional", "unsolicited": "true"}
    return eilogin_federation({"stad.test": witness}, options={"stad.test": said})


class Resident(Chooser):
    """A citizen at a site with two hubs, and what she does there."""

    def chooses(self, name):
        """Go to a hub, by the page where all of them stand; what it is asked."""
        self.browser.visit(f"{LOGIN}?choose=yes&next=/mijn")
        self.browser.click(f"Inloggen met {name}")
        return self.question()

    def logs_in_at(self, place, hub, name="anna"):
        question = self.chooses(place)
        self.bring(hub.answer(question[0], name), question)
        assert self.browser.url == STAD

    def follows_link_on_another_site(self, url):
        self.browser.visit("https://kwaad.test/")
        self.browser.follow(url)

    @property
    def is_asked_where(self):
        return self.browser.title.startswith("Hoe wilt u inloggen?")

    @property
    def is_asked_whether(self):
        return self.browser.title.startswith("Wilt u inloggen bij stad.test?")


@pytest.fixture
def anna(federation, hub, attacker_key):
    anna = Resident(federation, hub, attacker_key)
    federation.apps["kwaad.test"] = federation.apps["kies.test"] = anna.waiting
    return anna


@pytest.fixture
def user(anna, witness):
    """Who the site says that she is, at her next page; None for a stranger."""

    def user():
        anna.browser.visit("https://stad.test/")
        assert anna.browser.url == "https://stad.test/"
        return witness.environ.get("REMOTE_USER", "").partition("!")[0] or None

    return user


# --- a link of another site chooses nothing for her ----------------------------------


def test_a_stranger_who_follows_a_link_to_a_hub_is_asked_where(anna):
    anna.follows_link_on_another_site(login_at(SECOND_HUB))
    assert anna.is_asked_where
    assert not anna.was_asked()
    anna.browser.click("Inloggen met Ander loket")
    anna.answer_of(anna.other)
    assert anna.browser.url == STAD


def test_a_link_to_the_hub_where_she_always_goes_asks_nothing(anna, user):
    anna.logs_in_at("Ander loket", anna.other)
    anna.browser.set_cookie("stad.test", "__Host-eilogin", "")
    assert user() is None
    anna.follows_link_on_another_site(login_at(SECOND_HUB))
    assert anna.hub_asked() == "ander.test"


def test_a_link_of_the_site_itself_leads_to_the_hub_at_once(anna):
    anna.browser.visit("https://stad.test/")
    anna.browser.follow(login_at(SECOND_HUB))
    assert anna.hub_asked() == "ander.test"


def test_another_hub_cannot_cancel_in_her_place(anna, user):
    """It need not be signed: that she cancelled is told for the hub that was asked."""
    question = anna.chooses("inloggen.test")
    anna.bring(anna.other.refusal(question[0]), question)
    assert anna.browser.page.status_int == 400
    assert "geannuleerd" not in anna.browser.text
    anna.bring(anna.hub.answer(question[0], "anna"), question)
    assert user() == "anna"


def test_the_name_of_a_hub_does_not_log_her_out(anna, user):
    """Another site says where it leads to: to our address for that."""
    anna.logs_in_at("inloggen.test", anna.hub)
    anna.follows_link_on_another_site(f"{LOGIN}?choose=yes&next=/eilogin/logout")
    anna.browser.click("Inloggen met inloggen.test")
    assert anna.browser.url == "https://stad.test/"
    assert user() == "anna"


class TestWithADiscoveryService:
    @pytest.fixture(autouse=True)
    def service(self, anna):
        changes(anna.federation, "stad.test", discovery=SERVICE)

    def way_back(self, anna):
        """Where the service leads her who was sent there, without the hub."""
        return parse_qs(urlsplit(anna.browser.url).query)["return"][0]

    def test_the_hub_that_she_chose_there_is_asked_at_once(self, anna):
        anna.browser.visit("https://stad.test/nieuws")
        assert anna.browser.url.startswith(SERVICE)
        anna.browser.follow(f"{self.way_back(anna)}&{urlencode({'hub': SECOND_HUB})}")
        assert anna.hub_asked() == "ander.test"
        anna.answer_of(anna.other)
        assert anna.browser.url == "https://stad.test/nieuws"

    def test_so_is_that_of_each_of_her_tabs(self, anna):
        ways = []
        for page in ("een", "twee"):
            anna.browser.visit(f"https://stad.test/{page}")
            ways.append(self.way_back(anna))
        for way, page in zip(ways, ("een", "twee"), strict=True):
            anna.browser.visit("https://kies.test/ds")
            anna.browser.follow(f"{way}&{urlencode({'hub': SECOND_HUB})}")
            assert anna.hub_asked() == "ander.test"
            anna.answer_of(anna.other)
            assert anna.browser.url == f"https://stad.test/{page}"
            for name in ("__Host-eilogin", "__Host-eilogin-hub"):
                anna.browser.set_cookie("stad.test", name, "")

    def test_another_site_cannot_answer_in_its_place(self, anna, federation):
        """Though it has sent her there itself, and was there too."""
        other = federation.browser()
        other.visit(STAD)
        its_own = parse_qs(urlsplit(other.url).query)["return"][0]
        anna.browser.visit(STAD)
        for way in ("https://stad.test/eilogin/discovery?next=/mijn", its_own):
            anna.follows_link_on_another_site(f"{way}&{urlencode({'hub': SECOND_HUB})}")
            assert anna.is_asked_where
            assert not anna.was_asked()

    def test_hub_choice_that_took_too_long_asks_for_hub_again(self, anna, clock):
        anna.browser.visit(STAD)
        way = self.way_back(anna)
        clock.shift(60 * MINUTE)
        anna.browser.follow(f"{way}&{urlencode({'hub': SECOND_HUB})}")
        assert anna.is_asked_where


# --- an answer that comes late takes nobody's place unasked --------------------------


class TestAHubThatAnswersLate:
    """She chose it, thought better of it, and logged in at the other one."""

    @pytest.fixture
    def question(self, anna, user, clock):
        question = anna.chooses("Ander loket")
        anna.logs_in_at("inloggen.test", anna.hub)
        assert user() == "anna"
        clock.shift(5 * MINUTE)
        return question

    def answers(self, anna, question):
        anna.bring(anna.other.answer(question[0], "mallory"), question)

    def test_asks_her_whether_she_wants_that(self, anna, question):
        self.answers(anna, question)
        assert anna.is_asked_whether
        assert "Ander loket heeft u hierheen gestuurd" in anna.browser.text
        assert "U bent al ingelogd" in anna.browser.text

    def test_leaves_her_who_she_is(self, anna, question, user):
        self.answers(anna, question)
        assert user() == "anna"

    def test_and_so_it_stays_where_she_says_no(self, anna, question, user):
        self.answers(anna, question)
        anna.browser.click("Niet inloggen")
        assert anna.browser.url == "https://stad.test/"
        assert user() == "anna"

    def test_logs_her_in_where_she_says_yes(self, anna, question, user):
        self.answers(anna, question)
        anna.browser.press("Inloggen")
        assert anna.browser.url == STAD
        assert user() == "mallory"

    def test_asks_the_same_when_she_looks_again(self, anna, question, user):
        self.answers(anna, question)
        anna.browser.reload()
        assert anna.is_asked_whether
        anna.browser.press("Inloggen")
        assert user() == "mallory"

    def test_and_a_double_click_does_no_harm(self, anna, question, user):
        self.answers(anna, question)
        page, url = anna.browser.page, anna.browser.url
        anna.browser.press("Inloggen")
        anna.browser.page, anna.browser.url = page, url
        anna.browser.press("Inloggen")
        assert anna.browser.url == STAD
        assert user() == "mallory"

    def test_waits_for_her_word_two_minutes(self, anna, question, user, clock):
        self.answers(anna, question)
        clock.shift(2 * MINUTE)
        anna.browser.press("Inloggen")
        assert anna.browser.title.startswith("U bent ingelogd bij")
        assert user() == "anna"

    def test_cannot_say_yes_in_her_place(self, anna, question, user):
        self.answers(anna, question)
        key = anna.browser.url.partition("answer=")[2]
        anna.browser.post(ACS, site="cross-site", answer=key)
        assert anna.browser.page.status_int == 403
        assert user() == "anna"

    @pytest.fixture
    def by_artifact(self, anna, question):
        """The address at which an artifact for an answer to her question is brought."""
        role = replace(
            anna.federation.trusts["stad.test"].hub(SECOND_HUB),
            artifact_resolutions=(
                Endpoint(bindings.SOAP, "https://ander.test/artifact", index=0),
            ),
        )
        entity_changes(anna.federation, "stad.test", SECOND_HUB, identity_provider=role)
        anna.federation.apps["ander.test"] = anna.other

        def address(name):
            anna.other.carried = anna.other.answer(question[0], name)
            return bindings.artifact_url(ACS, anna.other.artifact(), question[1])

        return address

    def test_asks_her_too_where_it_answers_by_artifact(self, anna, by_artifact, user):
        anna.browser.visit(by_artifact("mallory"))
        anna.other.carried = None
        assert anna.is_asked_whether
        anna.browser.reload()
        assert anna.is_asked_whether, "though the artifact is used up"
        page, url = anna.browser.page, anna.browser.url
        assert user() == "anna"
        anna.browser.page, anna.browser.url = page, url
        anna.browser.press("Inloggen")
        assert user() == "mallory"

    def test_ends_her_session_where_it_is_digid(self, anna, by_artifact):
        """DigiD asks nobody whether she is somebody else (DigiD 2.2)."""
        own_changes(anna.federation, "stad.test", profile=DIGID_PROFILE)
        anna.browser.visit(by_artifact("s00000000:900000016"))
        assert anna.browser.title.startswith("U bent uitgelogd")


def test_visitor_can_switch_hub_without_confirmation(anna, user):
    anna.logs_in_at("inloggen.test", anna.hub)
    anna.logs_in_at("Ander loket", anna.other, name="bob")
    assert user() == "bob"


def test_logins_at_two_hubs_in_two_tabs_ask_for_confirmation(anna, user):
    one, other = anna.chooses("inloggen.test"), anna.chooses("Ander loket")
    anna.bring(anna.hub.answer(one[0]), one)
    anna.bring(anna.other.answer(other[0], "bob"), other)
    assert anna.is_asked_whether
    anna.browser.press("Inloggen")
    assert user() == "bob"


def test_late_answer_after_newer_login_asks_for_confirmation(anna, user, clock):
    """It was meant for the login of before."""
    anna.logs_in_at("inloggen.test", anna.hub)
    question = anna.chooses("Ander loket")
    anna.browser.set_cookie("stad.test", "__Host-eilogin", "")
    clock.shift(1)
    anna.logs_in_at("inloggen.test", anna.hub)
    anna.bring(anna.other.answer(question[0], "mallory"), question)
    assert anna.is_asked_whether


def test_a_step_up_meanwhile_is_the_same_login(anna, user, clock):
    anna.logs_in_at("inloggen.test", anna.hub)
    question = anna.chooses("Ander loket")
    clock.shift(1)
    anna.browser.visit(f"{LOGIN}?next=/mijn&fresh=yes")
    anna.answer_of(anna.hub)
    anna.bring(anna.other.answer(question[0], "bob"), question)
    assert anna.browser.url == STAD
    assert user() == "bob"


def test_a_silent_answer_that_comes_late_changes_nothing(anna, user, clock):
    """A keep-alive in one tab, while she logs in elsewhere in another one."""
    anna.logs_in_at("inloggen.test", anna.hub)
    clock.shift(10 * MINUTE)
    anna.browser.visit("https://stad.test/nieuws")
    silent = anna.question()
    assert silent[0].is_passive
    anna.logs_in_at("Ander loket", anna.other, name="bob")
    anna.bring(anna.hub.answer(silent[0]), silent)
    assert anna.browser.url == "https://stad.test/nieuws"
    assert user() == "bob"
