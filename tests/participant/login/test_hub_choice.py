"""Several hubs: which one is asked, and how a visitor chooses."""

from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hub_speaker import SECOND_HUB as SECOND
from hub_speaker import Chooser, Citizen, changes, entity_changes
from lxml import html
from sloppy import PIXEL

from eilogin.clock import now
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.message_checks import SKEW
from eilogin.saml.metadata import Endpoint, Logo

STAD = "https://stad.test/mijn?a=b"
LOGIN = "https://stad.test/eilogin/login"
DISCOVERY = "https://stad.test/eilogin/discovery"
SERVICE = "https://kies.test/ds"
FIRST = "https://inloggen.test/metadata"
HOUR = 3600
NOT_EVERYWHERE = "Let op: u bent nog niet overal uitgelogd"


@pytest.fixture
def federation(clock, witness, eilogin_federation):
    said = {"acs": "post", "protect": "/midden midden", "second_opinion": "true"}
    return eilogin_federation({"stad.test": witness}, options={"stad.test": said})


@pytest.fixture
def chooser(federation, hub, attacker_key):
    return Chooser(federation, hub, attacker_key)


def links(browser):
    """The links in a page, but the one that cancels."""
    tree = html.document_fromstring(browser.page.text)
    texts = [" ".join(a.text_content().split()) for a in tree.find(".//main").iter("a")]
    return [text for text in texts if text != "Annuleren"]


def with_query(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


# --- our own page ---------------------------------------------------------------


def test_a_stranger_chooses_and_gets_to_her_page(chooser, witness):
    chooser.browser.visit(STAD)
    assert chooser.browser.title.startswith("Hoe wilt u inloggen?")
    assert "U kunt bij stad.test op meer manieren inloggen" in chooser.browser.text
    assert links(chooser.browser) == [
        "Inloggen met Ander loket",
        "Inloggen met inloggen.test",
    ]
    chooser.browser.click("Inloggen met Ander loket")
    assert chooser.hub_asked() == "ander.test"
    chooser.answer_of(chooser.other)
    assert chooser.browser.url == STAD
    login = witness.environ["eilogin.session"]
    assert login.who.issuer == SECOND


def test_a_hub_without_a_name_is_called_by_its_host(chooser):
    """And not by its entityID, which says nothing to her."""
    entity_changes(chooser.federation, "stad.test", SECOND, names={})
    chooser.browser.visit(STAD)
    assert links(chooser.browser) == [
        "Inloggen met ander.test",
        "Inloggen met inloggen.test",
    ]


def test_a_hub_has_its_logo_beside_its_name(chooser):
    logo = f"data:image/png;base64,{PIXEL}"
    entity_changes(chooser.federation, "stad.test", SECOND, logos=(Logo(logo),))
    chooser.browser.visit(STAD)
    [image] = html.document_fromstring(chooser.browser.page.text).iter("img")
    assert image.get("src") == logo
    assert image.getparent().text_content() == "Inloggen met Ander loket"


def test_the_page_speaks_her_language(chooser):
    chooser.browser.language = "en"
    chooser.browser.visit(STAD)
    assert chooser.browser.title.startswith("How do you want to log in?")
    assert "Log in with Ander loket (en)" in links(chooser.browser)


def test_the_answer_of_the_other_hub_is_refused(chooser, caplog, witness):
    chooser.browser.visit(STAD)
    chooser.browser.click("Inloggen met Ander loket")
    chooser.answer_of(chooser.hub)
    assert chooser.browser.page.status_int == 400
    assert "(peer-unknown):" in caplog.text
    assert f"{FIRST!r} answered an AuthnRequest to {SECOND!r}" in caplog.text
    assert witness.seen == []


def test_her_page_and_her_level_survive_the_choice(chooser):
    chooser.browser.visit("https://stad.test/midden?a=b&c=%C3%A9")
    chooser.browser.click("Inloggen met Ander loket")
    assert chooser.question()[0].level_classes == (DIGID.class_of("midden"),)
    chooser.answer_of(chooser.other, level_class=DIGID.class_of("midden"))
    assert chooser.browser.url == "https://stad.test/midden?a=b&c=%C3%A9"


def test_a_fresh_proof_survives_the_choice(chooser):
    chooser.browser.visit(f"{LOGIN}?next=/&fresh=yes")
    chooser.browser.click("Inloggen met Ander loket")
    assert chooser.question()[0].force_authn


@pytest.mark.parametrize("named", ["https://evil.test/metadata", "x" * 3000, "a\0b"])
def test_a_hub_that_is_none_of_ours_is_not_asked(chooser, caplog, named):
    chooser.browser.visit(f"{LOGIN}?{urlencode({'next': '/', 'hub': named})}")
    assert chooser.browser.title.startswith("Hoe wilt u inloggen?")
    assert "the visitor chose an unknown hub" in caplog.text
    assert max(map(len, caplog.messages)) < 400


def test_a_hub_whose_metadata_has_expired_is_not_shown(chooser, clock, caplog):
    entity_changes(chooser.federation, "stad.test", SECOND, valid_until=now() + 60)
    clock.shift(60 + SKEW + 1)
    chooser.browser.visit(STAD)
    assert links(chooser.browser) == ["Inloggen met inloggen.test"]
    chooser.browser.visit(f"{LOGIN}?{urlencode({'hub': SECOND})}")
    assert "the metadata of" in caplog.text


def test_log_reports_that_metadata_of_every_hub_expired(chooser, clock, caplog):
    clock.shift(500 * 24 * HOUR)
    changes(
        chooser.federation, "stad.test", hub_ids=(FIRST, "https://weg.test/metadata")
    )
    chooser.browser.visit(STAD)
    assert chooser.browser.page.status_int == 400
    assert "the metadata of every hub has expired" in caplog.text


def test_for_a_script_nothing_is_chosen(chooser):
    assert chooser.browser.fetch(LOGIN).status_int == 401


def test_in_a_frame_she_gets_a_link_that_asks_for_the_same(chooser):
    framed = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    page = chooser.browser.fetch(f"{LOGIN}?choose=yes&next=/ander", **framed)
    assert "next=%2Fander&amp;level=basis&amp;choose=yes" in page.text


def test_a_look_at_the_headers_asks_nothing(chooser, call):
    headers = {"Sec-Fetch-Mode": "navigate"}
    assert call("HEAD", LOGIN, **headers).status_int == 200
    query = urlencode({"hub": SECOND})
    answer = call("HEAD", f"{LOGIN}?{query}", **headers)
    assert answer.location == "https://ander.test/sso"
    assert "Set-Cookie" not in answer.headers


# --- remembered -----------------------------------------------------------------


@pytest.fixture
def known(chooser):
    """A citizen who has logged in at the other hub, and out again."""
    chooser.browser.visit(STAD)
    chooser.browser.click("Inloggen met Ander loket")
    chooser.answer_of(chooser.other)
    browser = chooser.browser
    for name in list(browser.cookies("stad.test")):
        if name != "__Host-eilogin-hub":
            browser.set_cookie("stad.test", name, "")
    return chooser


def test_the_hub_of_her_last_login_is_asked_at_once(known):
    known.browser.visit(STAD)
    assert known.hub_asked() == "ander.test"


def test_the_next_day_it_stands_first(known, clock):
    clock.shift(12 * HOUR)
    known.browser.visit(STAD)
    assert links(known.browser) == [
        "Inloggen met Ander loket",
        "Inloggen met inloggen.test",
    ]
    assert "Of op een andere manier" in known.browser.text
    known.browser.click("Inloggen met Ander loket")
    assert known.hub_asked() == "ander.test"


def test_after_a_year_it_is_forgotten(known, clock):
    clock.shift(365 * 24 * HOUR)
    known.browser.visit(STAD)
    assert "Of op een andere manier" not in known.browser.text


def test_she_can_always_choose_anew(known):
    known.browser.visit(f"{LOGIN}?choose=yes")
    assert links(known.browser) == [
        "Inloggen met Ander loket",
        "Inloggen met inloggen.test",
    ]
    known.browser.click("Inloggen met inloggen.test")
    assert known.hub_asked() == "inloggen.test"


def test_signed_in_visitor_can_log_in_at_another_hub(chooser, witness):
    chooser.browser.visit(STAD)
    chooser.browser.click("Inloggen met Ander loket")
    chooser.answer_of(chooser.other)
    chooser.browser.visit(f"{LOGIN}?next=/mijn&choose=yes")
    chooser.browser.click("Inloggen met inloggen.test")
    chooser.answer_of(chooser.hub, name="bob")
    assert witness.environ["eilogin.session"].who.issuer == FIRST


class TestAnotherHubTakesThePlace:
    """She is logged in at one, and logs in at another in the same browser."""

    SWITCH = f"{LOGIN}?{urlencode({'next': '/mijn', 'hub': SECOND})}"

    @pytest.fixture
    def known(self, chooser, federation):
        for hub in (FIRST, SECOND):
            site = hub.removesuffix("/metadata")
            role = replace(
                federation.trusts["stad.test"].hub(hub),
                single_logouts=(Endpoint(bindings.REDIRECT, f"{site}/slo"),),
            )
            entity_changes(federation, "stad.test", hub, identity_provider=role)
        chooser.browser.visit(STAD)
        chooser.browser.click("Inloggen met inloggen.test")
        chooser.answer_of(chooser.hub)
        return chooser

    def logs_out_at(self, chooser, hub):
        """What she reads when the hub says that all know it."""
        browser = chooser.browser
        browser.visit("https://stad.test/eilogin/logout")
        received = bindings.read_redirect(urlsplit(browser.url).query)
        request = messages.read_logout_request(safe_xml.parse(received.octets))
        slo = "https://stad.test/eilogin/slo"
        answer = hub.logout_response(request, slo)
        browser.follow(hub.by_redirect(slo, "SAMLResponse", answer))
        return browser.title

    def test_and_a_link_on_another_site_asks_first(self, known):
        known.browser.visit("https://inloggen.test/")
        known.browser.follow(self.SWITCH)
        assert known.browser.title.startswith("Hoe wilt u inloggen?")
        assert known.hub_asked() is None
        known.browser.click("Inloggen met Ander loket")
        assert known.hub_asked() == "ander.test"

    def test_and_a_link_of_this_site_does_not(self, known):
        known.browser.visit(self.SWITCH)
        assert known.hub_asked() == "ander.test"

    def test_and_a_link_to_her_own_hub_asks_nothing(self, known):
        known.browser.visit("https://inloggen.test/")
        known.browser.follow(
            f"{LOGIN}?{urlencode({'next': '/midden', 'hub': FIRST, 'level': 'midden'})}"
        )
        assert known.hub_asked() == "inloggen.test"

    def test_and_a_logout_then_does_not_say_everywhere(self, known):
        """Nobody told the one that she left."""
        known.browser.visit(self.SWITCH)
        known.answer_of(known.other)
        assert self.logs_out_at(known, known.other).startswith(NOT_EVERYWHERE)
        assert "Bij een of meer andere diensten" in known.browser.text

    def test_and_a_logout_says_so_too_after_a_step_up(self, known, clock):
        known.browser.visit(self.SWITCH)
        known.answer_of(known.other)
        clock.shift(1)
        known.browser.visit("https://stad.test/midden")
        known.answer_of(known.other, level_class=DIGID.class_of("midden"))
        assert self.logs_out_at(known, known.other).startswith(NOT_EVERYWHERE)

    def test_and_back_again_only_the_other_one_is_left(self, known, clock):
        known.browser.visit(self.SWITCH)
        known.answer_of(known.other)
        clock.shift(1)
        known.browser.visit(self.SWITCH.replace("ander.test", "inloggen.test"))
        known.answer_of(known.hub)
        token = known.browser.cookie("stad.test", "__Host-eilogin")
        login = known.federation.apps["stad.test"].sessions.find(token)
        assert (login.who.issuer, login.left) == (FIRST, (SECOND,))

    def test_logout_succeeds_if_no_other_hub_replaced_session(self, known):
        assert self.logs_out_at(known, known.hub).startswith("U bent overal uitgelogd")


class TestAHubThatIsGone:
    """Who was logged in by it is a stranger, and can log out all the same."""

    @pytest.fixture
    def left_over(self, chooser):
        chooser.browser.visit(STAD)
        chooser.browser.click("Inloggen met Ander loket")
        chooser.answer_of(chooser.other)
        changes(chooser.federation, "stad.test", hub_ids=(FIRST,))
        return chooser

    def test_logs_nobody_in_any_more(self, left_over, witness):
        left_over.browser.visit(STAD)
        assert left_over.hub_asked() == "inloggen.test"
        assert len(witness.seen) == 1

    def test_is_no_reason_to_stay_logged_in(self, left_over):
        token = left_over.browser.cookie("stad.test", "__Host-eilogin")
        left_over.browser.visit("https://stad.test/eilogin/logout")
        assert "alleen bij deze dienst uitgelogd" in left_over.browser.text
        sessions = left_over.federation.apps["stad.test"].sessions
        assert sessions.find_beyond_idle(token) is None

    def test_leaves_the_others_their_logout(self, chooser, clock):
        """The page with a button names where its form may lead."""
        chooser.browser.visit(STAD)
        chooser.browser.click("Inloggen met inloggen.test")
        chooser.answer_of(chooser.hub)
        entity_changes(
            chooser.federation, "stad.test", SECOND, valid_until=now() + HOUR
        )
        clock.shift(HOUR + SKEW + 1)
        answer = chooser.browser.fetch(
            "https://stad.test/eilogin/logout",
            **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        )
        assert answer.status_int == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "form-action 'self' https://inloggen.test" in policy


def test_two_hubs_can_name_nobody_alike(chooser, witness):
    """The application would take the one for the other."""
    users = []
    for name, hub in (("inloggen.test", chooser.hub), ("Ander loket", chooser.other)):
        chooser.browser = chooser.federation.browser()
        chooser.browser.visit(STAD)
        chooser.browser.click(f"Inloggen met {name}")
        chooser.answer_of(hub, name="anna")
        users.append(witness.environ["REMOTE_USER"])
        assert witness.environ["eilogin.session"].subject == users[-1]
    assert users == [f"anna!unspecified!{FIRST}", f"anna!unspecified!{SECOND}"]


def test_a_choice_that_led_to_no_login_is_not_remembered(chooser):
    chooser.browser.visit(STAD)
    chooser.browser.click("Inloggen met Ander loket")
    chooser.cancels_at(chooser.other)
    assert "U hebt het inloggen geannuleerd" in chooser.browser.text
    assert chooser.browser.cookie("stad.test", "__Host-eilogin-hub") is None
    chooser.browser.click("Inloggen")
    assert chooser.hub_asked() == "ander.test"
    chooser.cancels_at(chooser.other)
    chooser.browser.click("Op een andere manier inloggen")
    chooser.browser.click("Inloggen met inloggen.test")
    assert chooser.hub_asked() == "inloggen.test"


def test_with_one_hub_there_is_nothing_to_choose(federation, hub):
    citizen = Citizen(federation, hub)
    citizen.browser.visit(f"{LOGIN}?next=/mijn&choose=yes")
    citizen.cancels_at(citizen.hub)
    assert links(citizen.browser) == ["Inloggen", "Naar inloggen.test"]
    citizen.browser.click("Inloggen")
    assert citizen.was_asked()
    assert "hub=" not in citizen.browser.trail[0]


@pytest.mark.parametrize("value", ["x", "f" * 24, "0" * 16 + "6" * 9, ""])
def test_invented_hub_cookie_chooses_no_hub(chooser, value):
    chooser.browser.set_cookie("stad.test", "__Host-eilogin-hub", value)
    chooser.browser.visit(STAD)
    assert chooser.browser.title.startswith("Hoe wilt u inloggen?")


# --- who is logged in is asked about where she is known -------------------------


def test_a_step_up_goes_to_the_hub_that_knows_her(chooser):
    chooser.browser.visit(STAD)
    chooser.browser.click("Inloggen met Ander loket")
    chooser.answer_of(chooser.other)
    chooser.browser.set_cookie("stad.test", "__Host-eilogin-hub", "")
    chooser.browser.visit("https://stad.test/midden")
    assert chooser.hub_asked() == "ander.test"


def test_a_keep_alive_goes_to_the_hub_that_knows_her(chooser, clock):
    chooser.browser.visit(STAD)
    chooser.browser.click("Inloggen met Ander loket")
    chooser.answer_of(chooser.other)
    clock.shift(600)
    chooser.browser.visit(STAD)
    assert chooser.hub_asked() == "ander.test"
    assert chooser.question()[0].is_passive


# --- a discovery service --------------------------------------------------------


@pytest.fixture
def with_service(chooser):
    changes(chooser.federation, "stad.test", discovery=SERVICE)
    chooser.federation.apps["kies.test"] = chooser.waiting
    return chooser


def test_a_discovery_service_is_told_who_asks_and_where_to_answer(with_service):
    with_service.browser.visit(STAD)
    url = with_service.browser.url
    assert url.startswith(f"{SERVICE}?")
    told = with_query(url)
    assert told["entityID"] == "https://stad.test/eilogin/metadata"
    assert told["returnIDParam"] == "hub"
    assert told["return"].partition("?")[0] == DISCOVERY


def test_its_address_may_have_a_query(with_service):
    service = f"{SERVICE}?lang=nl"
    changes(with_service.federation, "stad.test", discovery=service)
    with_service.browser.visit(STAD)
    assert with_service.browser.url.startswith(f"{service}&entityID=")


def test_the_hub_that_it_names_is_asked(with_service, witness):
    with_service.browser.visit(STAD)
    back = with_query(with_service.browser.url)["return"]
    with_service.browser.follow(f"{back}&{urlencode({'hub': SECOND})}")
    assert with_service.hub_asked() == "ander.test"
    with_service.answer_of(with_service.other)
    assert with_service.browser.url == STAD


@pytest.mark.parametrize("more", ["", "&hub=https://evil.test/metadata", "&hub="])
def test_discovery_answer_without_known_hub_shows_own_choice_page(with_service, more):
    with_service.browser.visit(STAD)
    back = with_query(with_service.browser.url)["return"]
    with_service.browser.follow(back + more)
    assert with_service.browser.title.startswith("Hoe wilt u inloggen?")
    with_service.browser.click("Inloggen met Ander loket")
    with_service.answer_of(with_service.other)
    assert with_service.browser.url == STAD


@pytest.mark.parametrize("planted", ["x", "x&hub=y", "x" * 23, "-" * 21 + "="])
def test_invented_discovery_cookie_is_not_sent_to_discovery_service(
    with_service, planted
):
    browser = with_service.browser
    browser.set_cookie("stad.test", "__Host-eilogin-discovery", planted)
    browser.visit(STAD)
    sent = with_query(with_query(browser.url)["return"])["sent"]
    assert sent != planted
    assert browser.cookie("stad.test", "__Host-eilogin-discovery") == sent


@pytest.mark.parametrize("sent", ["", "&sent=", "&sent=x", "&sent=%C3%A9"])
def test_discovery_answer_without_matching_state_asks_for_hub(with_service, sent):
    with_service.browser.visit(STAD)
    with_service.browser.follow(f"{DISCOVERY}?{urlencode({'hub': SECOND})}{sent}")
    assert with_service.browser.title.startswith("Hoe wilt u inloggen?")


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test", "/\\evil"])
def test_it_leads_to_no_other_site(with_service, target):
    query = urlencode({"next": target, "hub": SECOND})
    with_service.browser.visit(f"{DISCOVERY}?{query}")
    with_service.answer_of(with_service.other)
    assert with_service.browser.url == "https://stad.test/"


def test_a_link_to_the_login_address_goes_by_the_service(with_service):
    with_service.browser.visit(f"{LOGIN}?next=/mijn&level=midden&fresh=yes")
    told = with_query(with_service.browser.url)
    back = with_query(told["return"])
    assert len(back.pop("sent")) == 22
    assert back == {"next": "/mijn", "level": "midden", "fresh": "yes"}


def test_our_own_page_can_be_asked_for_all_the_same(with_service):
    with_service.browser.visit(f"{LOGIN}?choose=yes")
    assert with_service.browser.title.startswith("Hoe wilt u inloggen?")


class TestWhoCanOnlyBeAskedSilently:
    @pytest.fixture
    def app(self):
        def app(environ, start_response):
            answer = environ["eilogin.login"].require("basis", passive=True)
            if answer is not None:
                return answer(environ, start_response)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [environ.get("REMOTE_USER", "nobody").encode()]

        return app

    @pytest.fixture
    def federation(self, clock, app, eilogin_federation):
        said = {"acs": "post", "protect": "/ optional"}
        return eilogin_federation({"stad.test": app}, options={"stad.test": said})

    def test_is_let_be_where_she_would_have_to_choose(self, chooser):
        chooser.browser.visit(STAD)
        assert chooser.browser.page.text == "nobody"
        assert chooser.browser.trail == [STAD]


# --- where a hub has not told enough of her -------------------------------------------


class TestWhoLacksAnAttribute:
    @pytest.fixture
    def federation(self, clock, witness, eilogin_federation):
        said = {"acs": "post", "require_attributes": "mail"}
        return eilogin_federation({"stad.test": witness}, options={"stad.test": said})

    def test_may_choose_another_hub_which_asks_who_she_is(self, chooser):
        chooser.browser.visit(STAD)
        chooser.browser.click("Inloggen met Ander loket")
        chooser.answer_of(chooser.other)
        assert "Wat ontbreekt: mail" in chooser.browser.text
        chooser.browser.click("Inloggen als iemand anders")
        assert links(chooser.browser) == [
            "Inloggen met Ander loket",
            "Inloggen met inloggen.test",
        ]
        chooser.browser.click("Inloggen met inloggen.test")
        assert chooser.hub_asked() == "inloggen.test"
        assert chooser.question()[0].force_authn
