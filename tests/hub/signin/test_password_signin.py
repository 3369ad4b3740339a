"""The hub's own sign-in: who proves what, and what comes of it."""

import re
from dataclasses import replace
from html import unescape
from urllib.parse import quote, urlencode

import pytest

from eilogin import clock as instants
from eilogin.errors import LoginEnded, StoreUnavailable
from eilogin.hub.signin.citizen_accounts import Citizens
from eilogin.hub.signin.password_signin import PasswordSignIn
from eilogin.hub.signin.signin_request import SignInRequest
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit

HUB = "https://inloggen.test"
LOGIN = f"{HUB}/login"
WITH_CODE = f"{LOGIN}?level=midden"
MINUTE = 60


@pytest.fixture
def login_of(sessions):
    """The hub's session of a citizen's browser."""
    return lambda citizen: sessions.find(citizen.cookie or "")


@pytest.fixture
def step_up(sessions):
    """Another tab of a citizen's browser proves a level; its cookie, on its way."""

    def prove(citizen, level="basis"):
        before = sessions.find(citizen.cookie)
        newer = replace(before, level=level, proven={level: instants.now()})
        after = before.confirmed_by(newer)
        return sessions.create_login(after, issued=instants.now(), replaces=before)

    return prove


@pytest.fixture
def meanwhile(sessions, monkeypatch):
    """Let something happen between a proof and the login that comes of it, once."""

    def arrange(happen):
        real = sessions.create_login

        def create_login(*arguments, **more):
            monkeypatch.setattr(sessions, "create_login", real)
            happen()
            return real(*arguments, **more)

        monkeypatch.setattr(sessions, "create_login", create_login)

    return arrange


class TestAPassword:
    def test_signs_in_at_the_lowest_level(self, citizen, login_of):
        citizen.sign_in()
        assert citizen.browser.url == f"{HUB}/"
        assert login_of(citizen).level == "basis"

    def test_that_is_wrong_is_told_and_what_was_typed_is_kept(self, citizen, login_of):
        citizen.sign_in("anna", password="demo-bram")
        assert "De gebruikersnaam of het wachtwoord klopt niet" in citizen.browser.text
        assert 'value="anna"' in citizen.browser.page.text
        assert 'value="demo-bram"' not in citizen.browser.page.text
        assert login_of(citizen) is None

    @pytest.mark.parametrize("name", ["nobody", "<b>anna</b>"])
    def test_of_nobody_is_told_in_the_same_words(self, citizen, name):
        citizen.sign_in(name)
        assert "De gebruikersnaam of het wachtwoord klopt niet" in citizen.browser.text
        assert "<b>" not in citizen.browser.page.text

    @pytest.mark.parametrize("spelling", ["ANNA", " anna ", "Anna"])
    def test_can_be_tried_five_times_by_whatever_spelling(
        self, citizen, login_of, clock, spelling
    ):
        citizen.visit(LOGIN)
        for _ in range(5):
            citizen.sign_in(spelling, url=None, password="x")
        citizen.sign_in(url=None)
        assert "te vaak geprobeerd met deze gebruikersnaam" in citizen.browser.text
        assert login_of(citizen) is None
        clock.shift(15 * MINUTE)
        citizen.sign_in(url=None)
        assert login_of(citizen)

    @pytest.mark.parametrize("name", ["anna", "nobody"])
    def test_that_is_wrong_says_when_the_name_is_locked_whosever_it_is(
        self, citizen, name
    ):
        told = []
        for _ in range(7):
            citizen.sign_in(name, password="x")
            told.append(
                (
                    "klopt niet" in citizen.browser.text,
                    "Na te veel pogingen kunt u" in citizen.browser.text,
                    "te vaak geprobeerd met deze" in citizen.browser.text,
                )
            )
        wrong, warned, locked = (
            (True, False, False),
            (True, True, False),
            (False, False, True),
        )
        assert told == [wrong] * 2 + [warned] * 3 + [locked] * 2

    def test_that_is_right_gives_all_tries_back(self, citizen):
        for _ in range(2):
            citizen.visit(LOGIN)
            for _ in range(4):
                citizen.sign_in(url=None, password="x")
            citizen.sign_in(url=None)
            assert citizen.browser.url == f"{HUB}/"

    def test_is_not_asked_for_twice_in_one_session(self, citizen, service):
        citizen.sign_in()
        citizen.visit(service.address(service.request()))
        assert not citizen.is_asked

    def test_reaches_no_log(self, citizen, caplog):
        caplog.set_level("DEBUG")
        citizen.sign_in()
        citizen.sign_in(password="a wrong one")
        assert "demo-anna" not in caplog.text
        assert "a wrong one" not in caplog.text


class TestACode:
    def test_signs_in_at_a_higher_level(self, citizen, login_of):
        citizen.visit(WITH_CODE)
        citizen.sign_in(url=None, code=citizen.code())
        assert login_of(citizen).level == "midden"

    @pytest.mark.parametrize("code", ["", "000000x", "12345"])
    def test_that_is_wrong_is_told(self, citizen, login_of, code):
        citizen.sign_in(url=WITH_CODE, code=code)
        assert "of de code klopt niet" in citizen.browser.text
        assert login_of(citizen) is None

    def test_of_another_citizen_is_wrong(self, citizen, login_of):
        citizen.visit(WITH_CODE)
        citizen.sign_in(url=None, code=citizen.code("bram"))
        assert "of de code klopt niet" in citizen.browser.text

    def test_is_good_for_one_sign_in(self, citizen, another, login_of):
        citizen.visit(WITH_CODE)
        code = citizen.code()
        citizen.sign_in(url=None, code=code)
        another.sign_in(url=WITH_CODE, code=f"{code[:3]} {code[3:]}")
        assert "of de code klopt niet" in another.browser.text
        assert login_of(another) is None

    def test_that_was_used_is_shown_no_more(self, citizen, another, login_of):
        """Who tries the demonstration in a second browser need not wait."""
        for who in (citizen, another):
            who.visit(WITH_CODE)
            who.sign_in(url=None, code=who.code())
            assert login_of(who).level == "midden"

    def test_is_not_looked_at_before_the_password_is_right(self, citizen):
        citizen.visit(WITH_CODE)
        code = citizen.code()
        citizen.sign_in(url=None, password="x", code=code)
        assert "of de code klopt niet" in citizen.browser.text, "in the same words"
        citizen.sign_in(url=None, code=code)
        assert citizen.browser.url == f"{HUB}/"

    def test_can_be_tried_five_times(self, citizen, login_of, clock):
        for _ in range(5):
            citizen.sign_in(url=WITH_CODE, code="000000")
        citizen.sign_in(url=None, code=citizen.code())
        assert "te vaak geprobeerd met deze gebruikersnaam" in citizen.browser.text
        assert login_of(citizen) is None
        clock.shift(15 * MINUTE)
        citizen.visit(WITH_CODE)
        citizen.sign_in(url=None, code=citizen.code())
        assert login_of(citizen)

    def test_that_a_service_asks_for_cannot_be_left_out(self, citizen, service):
        """The question says what is to be proven, not the address of the form."""
        citizen.visit(service.address(service.request("midden")))
        assert "Deze dienst vraagt een code als extra controle." in citizen.browser.text
        form = citizen.browser.page.text.partition('action="')[2].partition('"')[0]
        lower = unescape(form).replace("level=midden", "level=basis")
        citizen.browser.post(
            lower, site="same-origin", username="anna", password="demo-anna"
        )
        assert service.came == []
        assert citizen.cookie is None

    def test_explains_itself_to_who_is_signed_in(self, citizen, service):
        citizen.sign_in()
        citizen.visit(service.address(service.request("midden")))
        text = citizen.browser.text
        assert "U bent al ingelogd. Voor deze pagina hebt u ook een code nodig." in text
        assert "Na het inloggen kunt u ook" not in text
        assert "Deze dienst vraagt" not in text


def choose(citizen, name):
    """Press the button of a citizen of the demonstration."""
    form = citizen.browser.page.text.partition('action="')[2].partition('"')[0]
    fields = {"demo-citizen": name}
    citizen.browser.post(unescape(form), site="same-origin", **fields)


class TestThePage:
    @pytest.mark.parametrize("level", ["", "basis", "substantieel", "keizer"])
    def test_asks_for_a_password_where_it_offers_nothing_else(self, citizen, level):
        citizen.visit(f"{LOGIN}?level={level}")
        assert citizen.is_asked
        assert 'name="code"' not in citizen.browser.page.text

    def test_names_the_service_that_asks(self, citizen, service):
        citizen.visit(service.address(service.request()))
        assert "Inloggen bij stad.test" in citizen.browser.text

    def test_shows_the_logo_of_the_service_that_asks(
        self, citizen, service, federation, monkeypatch
    ):
        logo = "data:image/png;base64,AA=="
        monkeypatch.setattr(
            type(federation.trusts["inloggen.test"].federation),
            "logo_of",
            lambda _, one, language: logo if one == service.entity_id else "",
        )
        citizen.visit(LOGIN)
        assert logo not in citizen.browser.page.text
        citizen.visit(service.address(service.request()))
        assert f'src="{logo}"' in citizen.browser.page.text

    def test_lets_its_form_lead_to_the_service_that_asks_and_no_other(
        self, citizen, service
    ):
        citizen.visit(service.address(service.request()))
        policy = citizen.browser.page.headers["Content-Security-Policy"]
        assert "form-action 'self' https://stad.test;" in policy

    def test_shows_no_secrets_where_it_is_no_demonstration(self, eilogin_federation):
        federation = eilogin_federation({}, hub_options={"demo": "false"})
        browser = federation.browser()
        browser.visit(WITH_CODE)
        assert "Wachtwoord" in browser.text
        assert "demo-anna" not in browser.text
        assert "Code:" not in browser.text

    def test_is_filled_in_for_a_citizen_of_the_demonstration(self, citizen, login_of):
        citizen.visit(WITH_CODE)
        code = citizen.code("bram")
        choose(citizen, "bram")
        text = citizen.browser.page.text
        assert 'name="username" value="bram"' in text
        assert 'type="password" value="demo-bram"' in text
        assert f'name="code" value="{code}"' in text
        assert citizen.cookie is None, "nobody is signed in by that"
        citizen.browser.press("Inloggen")
        assert login_of(citizen).level == "midden"

    def test_is_not_filled_in_for_anybody_else(self, citizen):
        citizen.visit(WITH_CODE)
        choose(citizen, "<nobody>")
        text = citizen.browser.page.text
        assert 'name="username" value="&lt;nobody&gt;"' in text
        assert 'type="password" required' in text
        assert 'name="code" required' in text

    def test_offers_who_gives_the_code_alone_no_other_citizen(self, citizen, service):
        citizen.sign_in("bram")
        citizen.visit(service.address(service.request("midden")))
        offered = re.findall(
            'name="demo-citizen" value="([a-z]+)"', citizen.browser.page.text
        )
        assert offered == ["bram"]
        choose(citizen, "bram")
        citizen.browser.press("Inloggen")
        assert service.came

    @pytest.mark.parametrize(
        "target", ["https://evil.test/", "//evil.test/", "/\\evil.test"]
    )
    def test_leads_to_this_site_only(self, citizen, target):
        citizen.sign_in(url=f"{LOGIN}?next={quote(target)}")
        assert citizen.browser.url == f"{HUB}/"

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_takes_no_form_of_another_site(self, citizen, refused, site):
        """Else an attacker signs a citizen in as himself (login CSRF)."""
        citizen.browser.post(LOGIN, site=site, username="anna", password="demo-anna")
        refused(citizen.browser.page, "cross-site", 403)
        assert citizen.cookie is None

    def test_takes_no_form_that_is_none(self, call, refused):
        answer = call("POST", LOGIN, b"{}", Content_Type="text/plain")
        refused(answer, "message-malformed")


class TestCancelling:
    def test_answers_the_service_that_asked(self, citizen, service):
        request = service.request()
        citizen.visit(service.address(request))
        citizen.browser.press("Annuleren")
        response, assertion = service.answer()
        assert assertion is None
        assert response.status.codes[-1].endswith(":AuthnFailed")
        assert response.in_response_to == request.id

    def test_needs_no_password_and_signs_nobody_in(self, citizen):
        citizen.visit(LOGIN)
        citizen.browser.press("Annuleren", username="anna", password="demo-anna")
        assert citizen.cookie is None


class TestWhoIsSignedInAlready:
    def test_keeps_what_she_proved(self, citizen, login_of, sessions, clock):
        citizen.visit(WITH_CODE)
        citizen.sign_in(url=None, code=citizen.code())
        first, before = citizen.cookie, login_of(citizen)
        clock.shift(MINUTE)
        citizen.sign_in()
        after = login_of(citizen)
        assert (after.level, after.started) == ("midden", before.started)
        assert after.family == before.family
        assert citizen.cookie != first
        assert sessions.find(first) is None

    def test_begins_anew_after_a_while_away_and_logout_still_reaches_all(
        self, citizen, service, login_of, sessions, clock
    ):
        citizen.visit(WITH_CODE)
        citizen.sign_in(url=None, code=citizen.code())
        citizen.visit(service.address(service.request()))
        clock.shift(16 * MINUTE)
        citizen.sign_in()
        login = login_of(citizen)
        assert login.level == "basis", "a code of long ago proves nothing now"
        told = sessions.participants(login)
        assert [p.entity_id for p in told] == [service.entity_id]

    def test_gives_way_to_another_citizen_who_is_logged_out_everywhere_first(
        self, citizen, login_of, federation, sessions
    ):
        citizen.sign_in(url="https://uwv.test/mijn")
        uwv = federation.apps["uwv.test"].sessions
        at_uwv = citizen.browser.cookie("uwv.test", "__Host-eilogin")
        first = citizen.cookie
        assert uwv.find(at_uwv)
        citizen.sign_in("bram")
        assert sessions.find(first) is None
        assert uwv.find(at_uwv) is None
        assert login_of(citizen).attributes["name"] == ["Bram van den Test"]

    def test_gives_way_to_another_though_a_step_up_is_on_its_way(
        self, citizen, federation, sessions, step_up
    ):
        citizen.sign_in(url="https://uwv.test/mijn")
        uwv = federation.apps["uwv.test"].sessions
        at_uwv = citizen.browser.cookie("uwv.test", "__Host-eilogin")
        citizen.visit(LOGIN)
        hers = step_up(citizen)
        citizen.sign_in("bram", url=None)
        assert sessions.find(hers) is None
        assert uwv.find(at_uwv) is None

    def test_is_told_so_while_the_store_is_down(
        self, citizen, service, sessions, monkeypatch, refused
    ):
        citizen.sign_in()

        def down(token):
            raise StoreUnavailable("the disk is gone")

        monkeypatch.setattr(sessions, "find", down)
        citizen.visit(service.address(service.request()))
        refused(citizen.browser.page, "store-unavailable", 503)
        assert service.came == []

    def test_tries_again_where_she_was_asked(
        self, citizen, service, sessions, monkeypatch, refused
    ):
        """At the question's own form, in which nothing is that she typed."""
        citizen.visit(service.address(service.request()))

        def down(*arguments, **more):
            raise StoreUnavailable("the disk is gone")

        with monkeypatch.context() as patch:
            patch.setattr(sessions.store, "add", down)
            citizen.sign_in("mistyped-name", url=None)
            refused(citizen.browser.page, "store-unavailable", 503)
        assert "mistyped-name" not in citizen.browser.page.text
        citizen.browser.click("Probeer het opnieuw")
        assert "mistyped-name" not in citizen.browser.page.text
        citizen.sign_in(url=None)
        assert len(service.came) == 1

    @pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test", "/\\evil"])
    def test_tries_again_at_no_other_site(self, citizen, sessions, monkeypatch, target):
        citizen.visit(f"{LOGIN}?{urlencode({'next': target})}")
        shown = citizen.browser.page
        form = {"username": "anna", "password": "demo-anna"}

        def down(*arguments, **more):
            raise StoreUnavailable("the disk is gone")

        with monkeypatch.context() as patch:
            patch.setattr(sessions.store, "add", down)
            citizen.browser.post(citizen.browser.url, site="same-origin", **form)
        citizen.browser.click("Probeer het opnieuw")
        assert citizen.browser.url.startswith(f"{LOGIN}?next=")
        assert citizen.browser.page.text == shown.text
        citizen.sign_in(url=None)
        assert citizen.browser.url == f"{HUB}/"


class TestTwoTabsAtOnce:
    @pytest.fixture
    def signed_in(self, citizen, service):
        citizen.sign_in()
        return citizen.visit(service.address(service.request()))

    @pytest.fixture
    def others_are_faster(self, signed_in, step_up, meanwhile):
        def arrange(level="basis", tabs=1):
            def prove():
                for _ in range(tabs):
                    token = step_up(signed_in, level)
                    signed_in.browser.set_cookie(
                        "inloggen.test", "__Host-eilogin", token
                    )

            meanwhile(prove)

        return arrange

    @pytest.mark.parametrize("tabs", [1, 2])
    def test_sign_in_both_and_the_last_has_it_all(
        self, signed_in, service, sessions, others_are_faster, tabs
    ):
        """She has one session, which a logout reaches with all that it told."""
        signed_in.visit(WITH_CODE)
        others_are_faster(tabs=tabs)
        signed_in.sign_in(url=None, code=signed_in.code())
        assert signed_in.browser.url == f"{HUB}/"
        login = sessions.find(signed_in.cookie)
        assert login.level == "midden"
        assert sessions.store.find(login.who.label()) == [login.key]
        told = sessions.participants(login)
        assert [p.entity_id for p in told] == [service.entity_id]

    def test_take_nothing_that_was_proven_away(
        self, signed_in, login_of, others_are_faster
    ):
        signed_in.visit(LOGIN)
        others_are_faster("midden")
        signed_in.sign_in(url=None)
        assert login_of(signed_in).level == "midden"

    def test_prove_nothing_for_each_other(
        self, signed_in, sessions, step_up, meanwhile
    ):
        """The cookie of before a step-up, and her password, are no code."""
        old, made = signed_in.cookie, []
        signed_in.visit(LOGIN)
        meanwhile(lambda: made.append(step_up(signed_in, "midden")))
        signed_in.sign_in(url=None)
        assert signed_in.cookie == old
        assert sessions.find(old) is None
        assert sessions.find(made[0]).level == "midden"

    def test_begin_anew_where_the_session_came_to_its_end(
        self, signed_in, login_of, sessions, meanwhile, clock
    ):
        before = login_of(signed_in)
        signed_in.visit(WITH_CODE)
        meanwhile(lambda: sessions.store.end(keys=[before.key]))
        signed_in.sign_in(url=None, code=signed_in.code())
        after = login_of(signed_in)
        assert after.level == "midden"
        assert after.family != before.family


class TestALogoutEverywhereMeanwhile:
    """She signs in here, and logs out in another browser."""

    @pytest.fixture
    def log_out(self, another, clock):
        another.sign_in()
        another.visit(f"{HUB}/")

        def press():
            clock.shift(1)
            another.browser.press("Overal uitloggen")
            assert "U bent overal uitgelogd" in another.browser.text

        return press

    @pytest.fixture(params=["anew", "once more"])
    def asked(self, request, citizen):
        if request.param == "once more":
            citizen.sign_in()
        return citizen.visit(LOGIN)

    def test_has_the_last_word(self, asked, login_of, log_out, meanwhile):
        meanwhile(log_out)
        asked.sign_in(url=None)
        assert asked.browser.page.status_int == LoginEnded.status
        assert login_of(asked) is None

    def test_has_it_also_while_her_password_is_looked_at(
        self, asked, login_of, log_out, monkeypatch
    ):
        real = Citizens.verify

        def verify(*arguments):
            monkeypatch.setattr(Citizens, "verify", real)
            log_out()
            return real(*arguments)

        monkeypatch.setattr(Citizens, "verify", verify)
        asked.sign_in(url=None)
        assert asked.browser.page.status_int == LoginEnded.status
        assert login_of(asked) is None

    def test_keeps_nobody_from_signing_in_and_stepping_up_at_once(
        self, asked, login_of, log_out
    ):
        log_out()
        asked.sign_in(url=None)
        assert login_of(asked).level == "basis"
        asked.visit(WITH_CODE)
        asked.sign_in(url=None, code=asked.code())
        assert login_of(asked).level == "midden"


class TestTheCall:
    """The hub's answer to ``require``, whoever asks it."""

    @pytest.fixture
    def answers(self, federation, citizen):
        """What comes of ``require`` in the citizen's browser; None is nothing."""
        outermost = federation.apps["inloggen.test"].app
        real = outermost.app

        def ask(*arguments, **more):
            found = []

            def probe(environ, start_response):
                sign_in = PasswordSignIn(
                    Citizens([]), Pages("eilogin.hub"), None, None, None, is_demo=False
                )
                service = sign_in.service(Visit(environ), SignInRequest("/"))
                found.append(service.require(*arguments, **more))
                return real(environ, start_response)

            outermost.app = probe
            citizen.visit(f"{HUB}/")
            outermost.app = real
            return found[0]

        return ask

    def test_is_nothing_where_she_is_signed_in_high_enough(self, citizen, answers):
        citizen.sign_in()
        assert answers("basis") is None

    @pytest.mark.parametrize(
        ("level", "more"), [("midden", {}), ("basis", {"force": True})]
    )
    def test_is_the_page_where_more_is_needed(self, citizen, answers, level, more):
        citizen.sign_in()
        assert "Wachtwoord" in answers(level, **more).text

    def test_shows_nothing_where_nothing_may_be_shown(self, answers):
        assert answers("basis", passive=True) is None


def test_audit_log_records_failed_and_successful_sign_ins(citizen, events, sessions):
    citizen.sign_in(password="x")
    citizen.sign_in()
    wrong, right = events("sign-in")
    assert (wrong["outcome"], wrong["reason"]) == ("refused", "wrong")
    assert (right["outcome"], right["level"]) == ("ok", "basis")
    assert right["pseudonym"]
    assert "900000016" not in str(events())
