"""The filter that asks for a login, and receives it."""

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from wsgiref.validate import validator

import pytest
from webtest import TestApp as Client

from eilogin.clock import now
from eilogin.config import read
from eilogin.errors import InvalidOptions, StoreUnavailable
from eilogin.filters.login import LoginFilter, make_login
from eilogin.filters.login_options import LoginOptions
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.assurance_levels import DIGID
from eilogin.web import environ as env

STAD = "https://stad.test/mijn"
LAND = "https://land.test/mijn"
ACS = "https://stad.test/eilogin/acs"
MINUTE = 60


class Citizen:
    """A browser, and a hub that answers what the test says."""

    def __init__(self, browser, hub, asked):
        self.browser, self.hub, self.asked = browser, hub, asked

    def begin(self, url=STAD):
        """Go to a page up to the hub; the AuthnRequest and its RelayState."""
        self.browser.visit(url)
        return self.question()

    def question(self):
        return self.asked(next(u for u in self.browser.trail if "SAMLRequest=" in u))

    def bring(self, element, question):
        request, handle = question
        octets = safe_xml.serialize(element)
        fields = bindings.post_fields("SAMLResponse", octets, handle)
        self.browser.post(request.acs_url, site="cross-site", **fields)

    def log_in(self, url=STAD, **said):
        question = self.begin(url)
        self.bring(self.hub.answer(question[0], **said), question)
        assert self.browser.url == url, self.browser.text

    def was_asked(self):
        """Whether the last step went by the hub."""
        return any("SAMLRequest=" in url for url in self.browser.trail)


def waiting(environ, start_response):
    """A hub's page that does nothing until the test answers."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"one moment"]


@pytest.fixture
def citizen_of(hub, asked):
    """A new citizen of a federation, in which the test speaks for the hub."""

    def make(federation):
        federation.apps["inloggen.test"] = waiting
        return Citizen(federation.browser(), hub, asked)

    return make


@pytest.fixture
def citizen(federation, citizen_of):
    return citizen_of(federation)


def reference_on(browser):
    return re.search(r"[2-9A-Z]{3}-[2-9A-Z]{3}", browser.text)[0]


# --- who is asked for a login ---------------------------------------------------


class TestAStranger:
    @pytest.mark.parametrize("path", ["/", "/static/style.css"])
    def test_sees_pages_that_need_no_login(self, citizen, witness, path):
        citizen.browser.visit(f"https://land.test{path}")
        assert citizen.browser.page.status_int == 200
        assert witness.environ[env.SESSION] is None

    @pytest.mark.parametrize(
        ("url", "level"),
        [
            (STAD, "basis"),
            (LAND, "basis"),
            ("https://land.test/percelen", "midden"),
            ("https://land.test/percelen/1?x=y", "midden"),
        ],
    )
    def test_is_sent_to_the_hub_with_what_the_page_needs(
        self, citizen, federation, url, level
    ):
        request, handle = citizen.begin(url)
        site = f"https://{urlsplit(url).hostname}/eilogin"
        assert request.issuer == f"{site}/metadata"
        assert request.destination == "https://inloggen.test/sso"
        assert request.acs_url == f"{site}/acs"
        assert request.protocol_binding == bindings.POST
        assert request.comparison == "minimum"
        assert request.level_classes == (DIGID.class_of(level),)
        assert not request.force_authn
        assert not request.is_passive
        assert len(handle.encode()) <= 80
        assert urlsplit(url).path not in handle

    def test_is_asked_by_artifact_where_that_is_wanted(self, citizen):
        request, _ = citizen.begin("https://uwv.test/")
        assert request.protocol_binding == bindings.ARTIFACT

    def test_with_a_form_gets_a_page_and_a_link(self, citizen, witness):
        citizen.browser.post(STAD, text="bezwaar")
        assert citizen.browser.page.status_int == 403
        assert witness.seen == []
        citizen.browser.click("Open een nieuw tabblad om in te loggen")
        assert citizen.was_asked()

    def test_with_a_script_gets_json(self, citizen, witness):
        answer = citizen.browser.fetch("https://land.test/percelen")
        assert answer.status_int == 401
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json["reason"] == "login-needed"
        assert answer.json["level"] == "midden"
        query = parse_qs(urlsplit(answer.json["login_url"]).query)
        assert query == {"next": ["/"], "level": ["midden"]}
        assert witness.seen == []

    def test_finds_no_page_by_a_path_with_two_meanings(self, citizen, witness, caplog):
        citizen.browser.visit("https://land.test/static/..%2fpercelen")
        assert citizen.browser.page.status_int == 400
        assert reference_on(citizen.browser) in caplog.text
        assert witness.seen == []

    def test_has_no_more_than_five_logins_under_way(self, citizen, federation, clock):
        handles = []
        for _ in range(7):
            handles.append(citizen.begin()[1])
            clock.shift(0.01)
        held = [
            citizen.browser.cookie("stad.test", f"__Host-eilogin-login-{handle}")
            for handle in handles
        ]
        assert [cookie is not None for cookie in held] == [False] * 2 + [True] * 5


class TestTheLoginAddress:
    LOGIN = "https://land.test/eilogin/login"

    @pytest.mark.parametrize(
        ("query", "level", "target"),
        [
            ("", "basis", "/"),
            ("?next=/mijn%3Fa%3Db", "basis", "/mijn?a=b"),
            ("?next=/mijn&level=midden", "midden", "/mijn"),
            ("?next=/mijn&level=keizer", "basis", "/mijn"),
            ("?next=https://evil.test/", "basis", "/"),
            ("?next=//evil.test", "basis", "/"),
        ],
    )
    def test_asks_for_a_level_and_leads_on(self, citizen, query, level, target):
        question = citizen.begin(self.LOGIN + query)
        assert question[0].level_classes == (DIGID.class_of(level),)
        answer = citizen.hub.answer(question[0], level_class=DIGID.class_of(level))
        citizen.bring(answer, question)
        assert citizen.browser.url == f"https://land.test{target}"

    def test_leads_on_at_once_who_is_logged_in(self, citizen):
        citizen.log_in(LAND)
        citizen.browser.visit(f"{self.LOGIN}?next=/ander")
        assert citizen.browser.url == "https://land.test/ander"
        assert not citizen.was_asked()

    def test_asks_who_is_logged_in_for_more(self, citizen):
        citizen.log_in(LAND)
        citizen.browser.visit(f"{self.LOGIN}?next=/ander&level=midden")
        assert citizen.was_asked()


# --- what the application may ask ------------------------------------------------


class Demanding:
    """An application that asks for a login itself, by ``eilogin.login``."""

    def __init__(self):
        self.demand = ("basis", {})

    def __call__(self, environ, start_response):
        level, how = self.demand
        answer = environ[env.LOGIN].require(level, **how)
        if answer is not None:
            return answer(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ.get("REMOTE_USER", "nobody").encode()]


class TestTheCall:
    @pytest.fixture
    def app(self):
        return Demanding()

    @pytest.fixture
    def citizen(self, eilogin_federation, app, citizen_of):
        federation = eilogin_federation(
            {"stad.test": app}, options={"stad.test": {"acs": "post",
                                                       "protect": "/ optional"}}
        )  # fmt: skip
        return citizen_of(federation)

    def test_lets_in_who_is_logged_in_at_the_level(self, citizen):
        citizen.log_in()
        citizen.browser.visit(STAD)
        assert citizen.browser.page.text == "anna"
        assert not citizen.was_asked()

    @pytest.mark.parametrize(
        ("level", "how"),
        [("midden", {}), ("basis", {"force": True}), ("hoog", {"force": True})],
    )
    def test_asks_the_hub_for_what_is_not_there(self, citizen, app, level, how):
        citizen.log_in()
        app.demand = (level, how)
        request, _ = citizen.begin()
        assert request.level_classes == (DIGID.class_of(level),)
        assert request.force_authn == ("force" in how)

    def test_asks_passively_once_and_then_lets_be(self, citizen, app):
        app.demand = ("basis", {"passive": True})
        question = citizen.begin()
        assert question[0].is_passive
        citizen.bring(citizen.hub.refusal(question[0], messages.NO_PASSIVE), question)
        assert citizen.browser.url == STAD
        assert citizen.browser.page.text == "nobody"
        citizen.browser.reload()
        assert not citizen.was_asked()

    def test_lets_be_in_a_frame_who_can_only_be_asked_passively(self, citizen, app):
        app.demand = ("basis", {"passive": True})
        framed = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
        assert citizen.browser.fetch(STAD, **framed).text == "nobody"
        assert citizen.browser.cookies("stad.test") == {}

    def test_asks_passively_again_after_a_while(self, citizen, app, clock):
        app.demand = ("basis", {"passive": True})
        question = citizen.begin()
        citizen.bring(citizen.hub.refusal(question[0], messages.NO_PASSIVE), question)
        clock.shift(10 * MINUTE)
        citizen.browser.visit(STAD)
        assert citizen.was_asked()

    def test_takes_no_old_proof_where_a_fresh_one_was_asked_for(
        self, citizen, app, clock, caplog
    ):
        app.demand = ("basis", {"force": True})
        question = citizen.begin()
        old = citizen.hub.answer(
            question[0], authn_instant=question[0].issued - 2 * MINUTE
        )
        citizen.bring(old, question)
        assert citizen.browser.page.status_int == 403
        assert "(proof-too-old)" in caplog.text

    @pytest.mark.parametrize("background", [False, True])
    def test_answers_as_the_guard_does_while_the_store_is_down(
        self, eilogin_federation, citizen_of, monkeypatch, background
    ):
        """An application sends what it gets, and raises nothing."""

        class Asking(Demanding):
            logins = []  # noqa: RUF012 - of this test

            def __call__(self, environ, start_response):
                self.logins.append(environ[env.LOGIN].login)
                return super().__call__(environ, start_response)

        options = {"acs": "post", "store_down": "optional", "protect": "/mijn basis\n"
                   "/vrij optional"}  # fmt: skip
        federation = eilogin_federation(
            {"stad.test": Asking()}, options={"stad.test": options}
        )
        citizen = citizen_of(federation)
        citizen.log_in()

        def fail(*_, **__):
            raise StoreUnavailable("it does not answer")

        monkeypatch.setattr(federation.apps["stad.test"].sessions.store, "read", fail)
        Asking.logins.clear()
        pages = {}
        for path in ("/mijn", "/vrij"):
            url = f"https://stad.test{path}"
            if background:
                pages[path] = citizen.browser.fetch(url, **{"Sec-Fetch-Mode": "cors"})
            else:
                citizen.browser.visit(url)
                pages[path] = citizen.browser.page
        assert Asking.logins == [None], "the guard answers at /mijn"
        guards, asked = pages.values()
        assert asked.status_int == guards.status_int == 503
        assert asked.headers["Retry-After"] == guards.headers["Retry-After"]
        assert "Strict-Transport-Security" in asked.headers
        told = [re.sub(r"[2-9A-Z]{3}-[2-9A-Z]{3}|(/|%2F)(mijn|vrij)", "", page.text)
                for page in (guards, asked)]  # fmt: skip
        assert told[0] == told[1]

    @pytest.mark.parametrize(
        ("level", "told"),
        [
            ("Midden", "found the level 'Midden'; expected 'basis', .*'midden'?"),
            ("hoger", "found the level 'hoger'; expected .* did you mean 'hoog'?"),
            (None, "found the level None; expected 'basis'"),
            ("", "found the level ''; expected 'basis'"),
        ],
    )
    def test_says_what_a_level_is(self, citizen, app, level, told):
        app.demand = (level, {})
        with pytest.raises(ValueError, match=told):
            citizen.browser.visit(STAD)


# --- the hub's answer -----------------------------------------------------------


class TestAnAnswer:
    @pytest.mark.parametrize("url", ["https://land.test/percelen?a=b"])
    @pytest.mark.parametrize("level", ["midden", "substantieel", "hoog"])
    def test_at_the_level_or_higher_logs_in(self, citizen, witness, url, level):
        citizen.log_in(url, level_class=DIGID.class_of(level))
        assert witness.environ[env.SESSION].level == level

    @pytest.mark.parametrize("level_class", [DIGID.class_of("basis"), "urn:unknown"])
    def test_below_the_level_lets_nobody_in(
        self, citizen, witness, caplog, level_class
    ):
        question = citizen.begin("https://land.test/percelen")
        answer = citizen.hub.answer(question[0], level_class=level_class)
        citizen.bring(answer, question)
        assert citizen.browser.page.status_int == 403
        assert "(level-too-low)" in caplog.text
        assert witness.seen == []

    def test_is_what_the_application_then_finds(self, citizen, witness, clock):
        citizen.log_in(name="q7", attributes={"name": ["Anna", "A."]})
        login = witness.environ[env.SESSION]
        assert login.subject == "q7"
        assert login.attributes == {"name": ["Anna", "A."]}
        assert login.session_index == "_s1"
        assert login.who.issuer == citizen.hub.entity_id
        assert login.who.audience == "https://stad.test/eilogin/metadata"
        assert login.ends - login.started == 120 * MINUTE

    def test_that_says_no_end_gives_a_session_that_ends_all_the_same(
        self, citizen, witness
    ):
        citizen.log_in(session_ends=None, session_index=None)
        login = witness.environ[env.SESSION]
        assert login.ends - login.started == 120 * MINUTE

    @pytest.mark.parametrize("level", ["basis", "midden"])
    def test_that_says_no_end_begins_nothing_anew_for_who_was_idle_here(
        self, citizen, witness, clock, level
    ):
        citizen.log_in(session_ends=None, level_class=DIGID.class_of(level))
        ends = witness.environ[env.SESSION].ends
        clock.shift(20 * MINUTE)
        citizen.log_in(session_ends=None)
        assert witness.environ[env.SESSION].level == "basis"
        assert witness.environ[env.SESSION].ends == ends

    def test_says_for_how_long_the_session_lasts_at_most(self, citizen, clock):
        question = citizen.begin()
        ends = question[0].issued + 5 * MINUTE
        citizen.bring(citizen.hub.answer(question[0], session_ends=ends), question)
        clock.shift(5 * MINUTE - 1)
        citizen.browser.visit(STAD)
        assert not citizen.was_asked()
        clock.shift(2)
        citizen.browser.visit(STAD)
        assert citizen.was_asked()

    def test_gives_a_cookie_that_nobody_chose(self, citizen, federation):
        citizen.browser.set_cookie("stad.test", "__Host-eilogin", "a" * 45)
        citizen.log_in()
        cookie = citizen.browser.cookie("stad.test", "__Host-eilogin")
        assert cookie != "a" * 45
        assert federation.apps["stad.test"].sessions.find(cookie)

    @pytest.mark.parametrize(
        "reason", [messages.NO_AUTHN_CONTEXT, messages.REQUEST_DENIED]
    )
    def test_that_there_is_no_login_is_told(self, citizen, witness, caplog, reason):
        question = citizen.begin()
        citizen.bring(citizen.hub.refusal(question[0], reason), question)
        assert citizen.browser.page.status_int == 400
        assert "(login-failed)" in caplog.text
        assert reference_on(citizen.browser) in caplog.text
        assert witness.seen == []

    def test_is_told_to_the_audit_log_by_pseudonym(self, citizen, events):
        citizen.log_in(name="q7Xw2")
        (event,) = [e for e in events("login") if e["outcome"] == "ok"]
        assert event["peer"] == citizen.hub.entity_id
        assert event["level"] == "basis"
        assert "q7Xw2" not in str(event)


class TestCancelling:
    def cancel(self, citizen, url):
        question = citizen.begin(url)
        citizen.bring(citizen.hub.refusal(question[0]), question)
        assert citizen.browser.page.status_int == 200
        assert "U hebt het inloggen geannuleerd" in citizen.browser.text

    def test_leads_back_to_a_page_that_is_open(self, citizen):
        self.cancel(citizen, "https://land.test/eilogin/login?next=/static/a%2520b")
        citizen.browser.click("Terug")
        assert citizen.browser.url == "https://land.test/static/a%20b"

    def test_leads_back_to_the_first_page_where_that_one_is_not(self, citizen):
        self.cancel(citizen, LAND)
        assert "U bent niet ingelogd" in citizen.browser.text
        citizen.browser.click("Naar de website van land.test")
        assert citizen.browser.url == "https://land.test/"

    def test_leads_back_to_what_her_level_opens(self, citizen):
        citizen.log_in(LAND)
        address = "https://land.test/eilogin/login?next=/mijn&level=midden"
        self.cancel(citizen, address)
        citizen.browser.click("Terug")
        assert citizen.browser.url == LAND
        assert not citizen.was_asked()

    def test_asks_nothing_by_itself_and_again_by_a_link(self, citizen):
        self.cancel(citizen, "https://land.test/percelen")
        assert not citizen.was_asked()
        citizen.browser.click("Inloggen")
        assert citizen.question()[0].level_classes == (DIGID.class_of("midden"),)


# --- confirmed once more --------------------------------------------------------


class TestAStepUp:
    def test_keeps_what_was_and_changes_the_cookie(
        self, citizen, witness, federation, events
    ):
        citizen.log_in(LAND)
        before = witness.environ[env.SESSION]
        old = citizen.browser.cookie("land.test", "__Host-eilogin")
        citizen.log_in(
            "https://land.test/percelen", level_class=DIGID.class_of("midden")
        )
        after = witness.environ[env.SESSION]
        assert (after.level, after.family) == ("midden", before.family)
        sessions = federation.apps["land.test"].sessions
        assert sessions.find(old) is None
        assert events("step-up")

    def test_that_another_tab_has_overtaken_leads_to_the_page(
        self, citizen, federation, witness, monkeypatch
    ):
        """The cookie of the other tab's login is on its way to this browser."""
        citizen.log_in(LAND)
        before = witness.environ[env.SESSION]
        sessions = federation.apps["land.test"].sessions
        question = citizen.begin("https://land.test/percelen")
        answer = citizen.hub.answer(question[0], level_class=DIGID.class_of("midden"))
        find = sessions.find

        def find_and_be_overtaken(token):
            login = find(token)
            if login is not None and login.key == before.key:
                newer = replace(login, level="midden")
                sessions.create_login(newer, issued=newer.confirmed, replaces=login)
                monkeypatch.setattr(sessions, "find", find)
            return login

        monkeypatch.setattr(sessions, "find", find_and_be_overtaken)
        citizen.bring(answer, question)
        assert citizen.browser.trail[2] == "https://land.test/percelen"

    def test_that_a_logout_has_overtaken_is_refused(
        self, citizen, federation, witness, monkeypatch, caplog
    ):
        citizen.log_in(LAND)
        sessions = federation.apps["land.test"].sessions
        question = citizen.begin("https://land.test/percelen")
        answer = citizen.hub.answer(question[0], level_class=DIGID.class_of("midden"))
        find = sessions.find

        def find_and_log_out(token):
            login = find(token)
            if login is not None:
                sessions.end_login(login, issued=now())
            return login

        monkeypatch.setattr(sessions, "find", find_and_log_out)
        citizen.bring(answer, question)
        assert citizen.browser.page.status_int == 400
        assert "(login-ended)" in caplog.text


class TestAKeepAlive:
    def test_asks_silently_on_a_navigation(self, citizen, clock, events):
        citizen.log_in()
        clock.shift(10 * MINUTE)
        question = citizen.begin()
        assert question[0].is_passive
        citizen.bring(citizen.hub.answer(question[0]), question)
        assert citizen.browser.url == STAD
        assert events("keep-alive")
        citizen.browser.visit(STAD)
        assert not citizen.was_asked()

    def test_asks_on_an_optional_page_too(self, citizen, clock):
        citizen.log_in(LAND)
        clock.shift(10 * MINUTE)
        citizen.browser.visit("https://land.test/")
        assert citizen.was_asked()

    def test_does_not_ask_before_its_time(self, citizen, clock):
        citizen.log_in()
        clock.shift(10 * MINUTE - 1)
        citizen.browser.visit(STAD)
        assert not citizen.was_asked()

    @pytest.fixture
    def refuse(self, citizen, clock):
        """Answer a keep-alive with these status codes."""

        def refuse(*codes):
            clock.shift(10 * MINUTE)
            question = citizen.begin()
            citizen.bring(citizen.hub.refusal(question[0], *codes), question)

        return refuse

    @pytest.mark.parametrize(
        "codes",
        [
            (messages.NO_PASSIVE, messages.IDLE),
            (messages.REQUEST_DENIED,),
            (messages.NO_AUTHN_CONTEXT,),
            ("urn:x",),
        ],
        ids=["away", "not served", "level", "fault"],
    )
    def test_that_is_refused_is_not_asked_again_at_every_page(
        self, citizen, refuse, codes
    ):
        citizen.log_in()
        refuse(*codes)
        assert citizen.browser.url == STAD
        citizen.browser.visit(STAD)
        assert not citizen.was_asked()

    def test_that_finds_nobody_there_ends_her_session(self, citizen, refuse, events):
        citizen.log_in()
        cookie = citizen.browser.cookie("stad.test", "__Host-eilogin")
        refuse(messages.NO_PASSIVE)
        assert citizen.was_asked(), "for her password now"
        assert citizen.browser.cookie("stad.test", "__Host-eilogin") != cookie
        [event] = events("session.ended")
        assert event["reason"] == "NoPassive"

    def test_that_finds_nobody_there_leaves_a_stranger_on_an_open_page(
        self, citizen, clock
    ):
        citizen.log_in(LAND)
        clock.shift(10 * MINUTE)
        page = "https://land.test/"
        question = citizen.begin(page)
        citizen.bring(citizen.hub.refusal(question[0], messages.NO_PASSIVE), question)
        assert citizen.browser.url == page
        assert citizen.browser.page.text == "user=[]"

    @pytest.mark.parametrize(
        ("options", "is_left"),
        [({}, False), ({"comparison": "exact"}, True)],
        ids=["minimum", "exact"],
    )
    def test_that_asks_for_one_level_leaves_another_one_alone(  # noqa: PLR0913, PLR0917
        self, clock, eilogin_federation, witness, hub_of, asked, options, is_left
    ):
        """The hub may not confirm exactly that, of who is there at a higher one."""
        federation = eilogin_federation(
            {"land.test": witness},
            options={"land.test": {"acs": "post", "protect": "/ midden", **options}},
        )
        hub = hub_of(federation)
        federation.apps["inloggen.test"] = waiting
        citizen = Citizen(federation.browser(), hub, asked)
        citizen.log_in(LAND, level_class=DIGID.class_of("midden"))
        clock.shift(10 * MINUTE)
        question = citizen.begin(LAND)
        citizen.bring(citizen.hub.refusal(question[0], messages.NO_PASSIVE), question)
        assert (citizen.browser.url == LAND) is is_left

    def test_that_comes_late_leaves_a_newer_login_alone(self, citizen, clock):
        """She has logged in again in another tab, and then the answer comes."""
        citizen.log_in()
        clock.shift(10 * MINUTE)
        question = citizen.begin()
        refusal = citizen.hub.refusal(question[0], messages.NO_PASSIVE)
        clock.shift(1)
        newer = citizen.begin("https://stad.test/eilogin/login?next=/mijn")
        citizen.bring(citizen.hub.answer(newer[0]), newer)
        citizen.bring(refusal, question)
        assert citizen.browser.url == STAD
        assert not citizen.was_asked()

    def test_does_not_stop_a_script_or_a_form(self, citizen, clock):
        citizen.log_in()
        clock.shift(10 * MINUTE)
        assert citizen.browser.fetch(STAD).status_int == 200
        citizen.browser.post(STAD, text="bezwaar")
        assert citizen.browser.page.status_int == 200
        assert citizen.browser.trail == [STAD]

    def test_does_not_stop_a_look_at_the_headers(self, citizen, clock, call):
        citizen.log_in()
        clock.shift(10 * MINUTE)
        cookie = citizen.browser.cookie("stad.test", "__Host-eilogin")
        answer = call("HEAD", STAD, Cookie=f"__Host-eilogin={cookie}")
        assert answer.status_int == 200

    def test_lets_her_go_on_while_the_hub_is_down(self, citizen, clock, federation):
        citizen.log_in()
        clock.shift(10 * MINUTE)
        federation.down.add("inloggen.test")
        citizen.browser.visit(STAD)
        assert citizen.browser.trail == [STAD]
        assert citizen.browser.page.status_int == 200


class TestHowLongStill:
    SESSION = "https://stad.test/eilogin/session"

    def test_is_told_to_a_stranger(self, citizen):
        answer = citizen.browser.fetch(self.SESSION)
        assert answer.json == {"logged_in": False}
        assert answer.headers["Cache-Control"] == "no-store"

    def test_is_told_to_who_is_logged_in(self, citizen, clock):
        citizen.log_in()
        clock.shift(5 * MINUTE)
        told = citizen.browser.fetch(self.SESSION).json
        assert re.fullmatch("[0-9a-f]{16}", told.pop("pseudonym"))
        assert told == {
            "logged_in": True,
            "level": "basis",
            "until": "2026-11-24T11:00:00+00:00",
            "absolute_seconds_left": 115 * MINUTE,
            "idle_seconds_left": 10 * MINUTE,
            "idle_seconds": 15 * MINUTE,
        }

    def test_does_not_make_it_longer(self, citizen, clock):
        citizen.log_in()
        clock.shift(14 * MINUTE)
        citizen.browser.fetch(self.SESSION)
        clock.shift(MINUTE + 1)
        assert citizen.browser.fetch(self.SESSION).json == {"logged_in": False}


# --- where the filter stands ----------------------------------------------------


class TestTheOrderOfFilters:
    @pytest.mark.parametrize(
        ("missing", "keys"),
        [
            ("trust", {}),
            ("session", {env.ADDRESS: None}),
            ("session", {env.ADDRESS: "session"}),
        ],
    )
    def test_that_is_wrong_lets_nobody_in(
        self, witness, federation, caplog, missing, keys
    ):
        login = LoginFilter(validator(witness), read(LoginOptions, {}, {}))

        def outer(environ, start_response):
            if missing != "trust":
                environ[env.TRUST] = federation.trusts["uwv.test"]
            environ.update(keys)
            return login(environ, start_response)

        answer = Client(validator(outer)).get("https://uwv.test/", status=500)
        assert witness.seen == []
        reference = re.search(r"[2-9A-Z]{3}-[2-9A-Z]{3}", answer.text)[0]
        line = next(m for m in caplog.messages if m.startswith(reference))
        assert f"'{missing}' is missing" in line
        assert "session trust login logout identity" in line
        assert "trust" not in answer.text

    def test_leaves_other_addresses_to_the_filters_inside(self, witness):
        login = LoginFilter(validator(witness), read(LoginOptions, {}, {}))

        def outer(environ, start_response):
            environ[env.ADDRESS] = "slo"
            return login(environ, start_response)

        Client(validator(outer)).get("https://uwv.test/eilogin/slo")
        assert witness.environ[env.LOGIN]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("protect", "/mijn keizer"),
        ("protect", "mijn basis"),
        ("keep_alive", "often"),
        ("second_opinion", "perhaps"),
        ("protct", "/ basis"),
        ("warn", "never"),
    ],
)
def test_options_that_cannot_be_used_are_refused(witness, option, text):
    with pytest.raises(InvalidOptions, match=option):
        make_login(witness, {}, **{option: text})


@pytest.mark.parametrize("text", ["off", "no", " None "])
def test_a_warning_can_be_switched_off_in_words(text):
    assert read(LoginOptions, {}, {"warn": text}).warn is None


@pytest.mark.parametrize("language", ["nl", "en"])
def test_an_address_that_takes_no_form_leads_to_the_home_page(call, language):
    address = "https://stad.test/eilogin/login"
    answer = call("POST", address, Accept_Language=language)
    assert answer.status_int == 405
    home = {"nl": "Naar stad.test", "en": "Go to stad.test"}[language]
    links = re.findall(
        r'<a class="button" href="([^"]*)">\s*([^<]*?)\s*</a>', answer.text
    )
    assert links == [("/", home)]
