# ruff: noqa: SLF001 - the options of a filter that is built already
"""A hub that may not have heard of a logout is told again."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from eilogin.clock import now
from eilogin.errors import StoreUnavailable
from eilogin.participant.logout.logout_start import ParticipantLogout
from eilogin.saml import bindings, messages, safe_xml
from eilogin.sessions import Login, Sessions
from eilogin.sessions.session_records import Subject

UWV = "https://uwv.test"
STAD = "https://stad.test"
HUB = "https://inloggen.test/metadata"
MINUTE = 60

#: Of ``logout``: the hub is told in a browser alone.
NO_SOAP = {"logout_binding": "redirect"}
#: The page by whose words she is asked to try again.
AGAIN = "Probeer opnieuw uit te loggen"
HERE_ONLY = "U bent alleen bij deze dienst uitgelogd"
RETRYING = "Wij blijven proberen u ook bij de andere diensten uit te loggen."
EVERYWHERE = "U bent overal uitgelogd"


@pytest.fixture
def anna(federation):
    """Logged in at two participants."""
    browser = federation.browser()
    browser.visit(f"{UWV}/mijn")
    browser.press("Inloggen", username="anna", password="demo-anna")
    browser.visit(f"{STAD}/mijn")
    assert browser.url == f"{STAD}/mijn"
    return browser


@pytest.fixture
def is_in(anna):
    """Whether she is logged in at a site still, without being asked."""
    return lambda site: anna.fetch(f"{site}/mijn").status_int == 200


@pytest.fixture
def by_soap(federation):
    """Have a participant tell the hub over SOAP alone."""

    def change():
        logout = federation.apps["uwv.test"].app.app.app
        logout._logout.delivery._sender._preferred = (bindings.SOAP,)

    return change


@pytest.fixture
def asked(federation):
    """The LogoutRequests that reach the hub, which goes on as it would."""
    seen, hub = [], federation.apps["inloggen.test"]

    def app(environ, start_response):
        query = environ["QUERY_STRING"]
        if environ["PATH_INFO"] == "/slo" and "SAMLRequest=" in query:
            octets = bindings.read_redirect(query).octets
            seen.append(messages.read_logout_request(safe_xml.parse(octets)))
        return hub(environ, start_response)

    federation.apps["inloggen.test"] = app
    return seen


def request_in(url):
    octets = bindings.read_redirect(urlsplit(url).query).octets
    return messages.read_logout_request(safe_xml.parse(octets))


# --- a double click -------------------------------------------------------------------


class TestASecondClick:
    """Her browser forgets what it got for the first one."""

    def test_goes_the_way_of_the_first(self, anna, is_in):
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout?next=/tot-ziens")
        first = request_in(anna.url)
        anna.visit(f"{UWV}/eilogin/logout?next=/tot-ziens")
        second = request_in(anna.url)
        assert second == first, "a hub that has seen it says what came of it"
        assert is_in(STAD)
        anna.stops_before = None
        anna.visit(anna.url)
        assert f"{UWV}/tot-ziens" in anna.trail
        assert not is_in(STAD)

    def test_of_which_the_first_was_not_read_at_all_too(self, anna, is_in, federation):
        """Not even its cookies: she brings those of before."""
        before = anna.cookies("uwv.test")
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout")
        anna.forget("uwv.test")
        for name, value in before.items():
            anna.set_cookie("uwv.test", name, value)
        anna.stops_before = None
        anna.visit(f"{UWV}/eilogin/logout")
        assert EVERYWHERE in anna.text
        assert not is_in(STAD)

    def test_at_the_same_instant_says_the_same(self, anna, federation, monkeypatch):
        other = federation.browser()
        for name, value in anna.cookies("uwv.test").items():
            other.set_cookie("uwv.test", name, value)
        anna.stops_before = other.stops_before = "/slo"
        logout = f"{UWV}/eilogin/logout"
        end_here = ParticipantLogout._end_here

        def both(*args):
            # The second one comes while nothing has ended yet, and is the faster.
            monkeypatch.setattr(ParticipantLogout, "_end_here", end_here)
            other.visit(logout)
            return end_here(*args)

        monkeypatch.setattr(ParticipantLogout, "_end_here", both)
        anna.visit(logout)
        assert request_in(anna.url) == request_in(other.url)

    def test_has_the_truth_where_the_hub_has_heard_the_first(self, anna, asked):
        anna.stops_before = "/eilogin/slo"
        anna.visit(f"{UWV}/eilogin/logout")
        anna.stops_before = None
        anna.visit(f"{UWV}/eilogin/logout")
        assert EVERYWHERE in anna.text
        assert len(asked) == 2
        assert asked[0] == asked[1]

    def test_at_the_applications_own_logout_too(
        self, eilogin_federation, clock, witness
    ):
        federation = eilogin_federation(
            {"uwv.test": witness},
            options={
                "uwv.test": {
                    "app_logout": "/uit",
                    "protect": "/ optional\n/mijn basis",
                }
            },
        )
        anna = federation.browser()
        anna.visit(f"{UWV}/mijn")
        anna.press("Inloggen", username="anna", password="demo-anna")
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/uit")
        first = request_in(anna.url)
        anna.visit(f"{UWV}/uit")
        assert request_in(anna.url) == first
        anna.fetch(f"{UWV}/uit")
        assert witness.environ["PATH_INFO"] == "/uit", "a script is not sent there"
        anna.stops_before = None
        anna.visit(f"{UWV}/uit")
        assert EVERYWHERE in anna.text

    @pytest.mark.parametrize("is_told", [True, False], ids=["by soap", "not told"])
    def test_of_a_script_goes_on_with_her_browser(
        self, eilogin_federation, clock, witness, is_told
    ):
        """The script was given what the application said, and nothing else."""
        said = {"app_logout": "/uit", "protect": "/ optional\n/mijn basis"}
        federation = eilogin_federation(
            {"uwv.test": witness, "stad.test": witness},
            options={"uwv.test": {**said, **({} if is_told else NO_SOAP)}},
        )
        anna = federation.browser()
        anna.visit(f"{UWV}/mijn")
        anna.press("Inloggen", username="anna", password="demo-anna")
        anna.visit(f"{STAD}/mijn")
        assert anna.fetch(f"{UWV}/uit").text.startswith("user=")
        assert anna.fetch(f"{UWV}/mijn").status_int == 401
        is_in = anna.fetch(f"{STAD}/mijn").status_int == 200
        assert is_in == (not is_told)
        anna.visit(f"{UWV}/eilogin/logout")
        assert EVERYWHERE in anna.text
        assert anna.fetch(f"{STAD}/mijn").status_int == 401

    def test_of_a_script_that_was_heard_is_known_for_a_while(
        self, eilogin_federation, clock, witness
    ):
        said = {"app_logout": "/uit", "protect": "/ optional\n/mijn basis"}
        federation = eilogin_federation(
            {"uwv.test": witness}, options={"uwv.test": said}
        )
        anna = federation.browser()
        anna.visit(f"{UWV}/mijn")
        anna.press("Inloggen", username="anna", password="demo-anna")
        anna.fetch(f"{UWV}/uit")
        clock.shift(2 * MINUTE)
        anna.visit(f"{UWV}/eilogin/logout")
        assert anna.trail == [f"{UWV}/eilogin/logout"]
        assert "U bent hier niet ingelogd" in anna.text

    def test_over_soap_waits_for_what_comes_of_the_first(
        self, anna, by_soap, federation
    ):
        by_soap()
        hub, reached = federation.apps["inloggen.test"], threading.Semaphore(0)
        goes_on, token = threading.Event(), anna.cookie("uwv.test", "__Host-eilogin")

        def slow(environ, start_response):
            reached.release()
            assert goes_on.wait(30)
            return hub(environ, start_response)

        federation.apps["inloggen.test"] = slow
        other = federation.browser()
        other.set_cookie("uwv.test", "__Host-eilogin", token)
        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(anna.visit, f"{UWV}/eilogin/logout")
            assert reached.acquire(timeout=30)
            second = threads.submit(other.visit, f"{UWV}/eilogin/logout")
            assert reached.acquire(timeout=30)
            goes_on.set()
            for one in (first, second):
                assert EVERYWHERE in one.result(30).text

    def test_later_is_another_message(self, anna, clock):
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout")
        first = request_in(anna.url)
        clock.shift(2 * MINUTE)
        anna.visit(f"{UWV}/eilogin/logout")
        second = request_in(anna.url)
        assert second.id != first.id
        assert second.issued == now()
        assert replace(second, id=first.id, issued=first.issued) == first
        clock.shift(1)
        anna.visit(f"{UWV}/eilogin/logout")
        assert request_in(anna.url) == second

    def test_after_a_first_that_the_store_let_fail_is_another_message_too(
        self, anna, clock, is_in, monkeypatch
    ):
        """That one was kept, and the browser is anonymous from then on."""

        def down(*_, **__):
            raise StoreUnavailable("somebody has pulled the plug")

        with monkeypatch.context() as patch:
            patch.setattr(Sessions, "end_login", down)
            anna.visit(f"{UWV}/eilogin/logout")
        assert anna.page.status_int == 503
        clock.shift(9 * MINUTE)
        assert not is_in(UWV)
        anna.visit(f"{UWV}/eilogin/logout")
        assert EVERYWHERE in anna.text
        assert not is_in(STAD)

    def test_when_the_hub_has_confirmed_tells_it_nothing(self, anna, asked):
        anna.visit(f"{UWV}/eilogin/logout")
        assert EVERYWHERE in anna.text
        anna.visit(f"{UWV}/eilogin/logout")
        assert EVERYWHERE in anna.text
        assert AGAIN not in anna.text
        assert len(asked) == 1

    def test_by_a_link_of_another_site_is_not_one(self, anna):
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout?next=/tot-ziens")
        anna.visit("https://land.test/static")
        anna.stops_before = None
        anna.follow(f"{UWV}/eilogin/logout?next=/elders")
        assert "U was al uitgelogd." in anna.text
        anna.click(AGAIN)
        assert f"{UWV}/tot-ziens" in anna.trail, "where she wanted to be at first"

    def test_after_an_hour_says_that_nobody_knows(self, anna, clock):
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout")
        clock.shift(60 * MINUTE)
        anna.visit(f"{UWV}/eilogin/logout")
        assert anna.trail == [f"{UWV}/eilogin/logout"]
        assert AGAIN not in anna.text

    def test_after_the_session_would_have_been_over_too(self, anna, clock):
        clock.shift(14 * MINUTE)
        for _ in range(6):
            # Nobody is idle, and no keep-alive is asked for.
            anna.fetch(f"{UWV}/mijn")
            clock.shift(14 * MINUTE)
        anna.fetch(f"{UWV}/mijn")
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout")
        clock.shift(23 * MINUTE)
        anna.visit(f"{UWV}/eilogin/logout")
        assert anna.trail == [f"{UWV}/eilogin/logout"]


# --- a hub that is not there ----------------------------------------------------------


class TestAHubThatIsNotThere:
    def test_is_told_when_she_says_so(self, anna, federation, is_in, events):
        """It takes no connections, so her browser would show an error of its own."""
        federation.down.add("inloggen.test")
        anna.visit(f"{UWV}/eilogin/logout?next=/tot-ziens")
        assert anna.trail == [f"{UWV}/eilogin/logout?next=/tot-ziens"]
        assert RETRYING in anna.text
        assert "uw hele browser" in anna.text
        assert anna.cookie("uwv.test", "__Host-eilogin") is None
        assert not is_in(UWV)
        event = events("logout.sent")[-1]
        assert (event["outcome"], event["peer"]) == ("failed", HUB)
        federation.down.clear()
        anna.click(AGAIN)
        assert f"{UWV}/tot-ziens" in anna.trail
        assert not is_in(STAD)

    def test_has_its_page_in_english_too(self, anna, federation):
        anna.language = "en"
        federation.down.add("inloggen.test")
        anna.visit(f"{UWV}/eilogin/logout")
        assert "We keep trying to log you out of the other services too." in anna.text
        anna.click("Try to log out again")

    def test_is_tried_by_her_browser_whatever_we_think(self, anna, federation):
        """It may be that this server alone does not reach it."""
        federation.down.add("inloggen.test")
        anna.visit(f"{UWV}/eilogin/logout")
        anna.click(AGAIN)
        assert anna.trail[1].startswith("https://inloggen.test/slo?SAMLRequest=")
        assert EVERYWHERE in anna.text

    def test_is_looked_at_where_answers_come_by_post_too(self, anna, federation, is_in):
        federation.down.add("inloggen.test")
        anna.visit(f"{STAD}/eilogin/logout?next=/tot-ziens")
        assert anna.trail == [f"{STAD}/eilogin/logout?next=/tot-ziens"]
        assert RETRYING in anna.text
        assert not is_in(STAD)
        federation.down.clear()
        anna.click(AGAIN)
        assert f"{STAD}/tot-ziens" in anna.trail
        assert not is_in(UWV)

    def test_is_looked_at_where_it_has_no_artifacts_too(self, anna, federation):
        site = federation.apps["uwv.test"].app
        known = site.trust.federation

        class Known:
            def __getattr__(self, name):
                return getattr(known, name)

            def entity(self, entity_id):
                entity = known.entity(entity_id)
                role = replace(entity.identity_provider, artifact_resolutions=())
                return replace(entity, identity_provider=role)

        site.trust = replace(site.trust, federation=Known())
        federation.down.add("inloggen.test")
        anna.visit(f"{UWV}/eilogin/logout")
        assert RETRYING in anna.text

    def test_that_takes_soap_alone_can_be_told_again(
        self, anna, federation, is_in, by_soap
    ):
        by_soap()
        federation.down.add("inloggen.test")
        anna.visit(f"{UWV}/eilogin/logout?next=/tot-ziens")
        assert RETRYING in anna.text
        anna.click(AGAIN)
        assert RETRYING in anna.text, "it is down still"
        federation.down.clear()
        anna.click(AGAIN)
        assert anna.url == f"{UWV}/tot-ziens" or "/sso" in anna.url
        assert not is_in(STAD)

    def test_logout_with_untrusted_response_can_be_retried(
        self, anna, federation, hub, attacker_key
    ):
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout")
        request = request_in(anna.url)
        anna.stops_before = None
        hub.key = attacker_key
        slo = f"{UWV}/eilogin/slo"
        answer = hub.logout_response(request, slo)
        anna.visit(hub.by_redirect(slo, "SAMLResponse", answer))
        assert "Wij konden niet controleren" in anna.text
        anna.click(AGAIN)
        assert EVERYWHERE in anna.text

    def test_that_gave_no_name_cannot_be_told_again(self, anna, monkeypatch):
        monkeypatch.setattr(Subject, "has_name_id", False)
        anna.visit(f"{UWV}/eilogin/logout")
        assert HERE_ONLY in anna.text
        assert AGAIN not in anna.text
        assert "__Host-eilogin-logout-again" not in anna.cookies("uwv.test")


# --- what is kept ---------------------------------------------------------------------


class TestWhatIsKept:
    @pytest.fixture
    def store(self, federation):
        return federation.apps["uwv.test"].sessions.store

    @pytest.fixture
    def under_way(self, anna, federation):
        """A logout of which the hub has not heard; gives the page's address."""
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout")
        anna.stops_before = None
        return anna

    def test_is_in_no_cookie_and_in_no_address(self, under_way):
        held = under_way.cookie("uwv.test", "__Host-eilogin-logout-again")
        assert held
        assert held not in under_way.url

    def test_is_of_this_browser_alone(self, under_way, federation):
        other = federation.browser()
        other.visit(f"{UWV}/eilogin/logout")
        assert "U bent hier niet ingelogd" in other.text
        other.set_cookie("uwv.test", "__Host-eilogin-logout-again", "f" * 64)
        other.visit(f"{UWV}/eilogin/logout")
        assert "U bent hier niet ingelogd" in other.text

    @pytest.mark.parametrize("value", ["", "x", "\xe9\xff", "a" * 4000, "..", "%00"])
    def test_is_found_by_no_invented_secret(self, under_way, federation, value):
        other = federation.browser()
        other.set_cookie("uwv.test", "__Host-eilogin-logout-again", value)
        other.visit(f"{UWV}/eilogin/logout")
        assert other.page.status_int == 200
        assert "U bent hier niet ingelogd" in other.text

    def test_is_not_told_by_another_sites_form_or_script(self, under_way, asked):
        logout = f"{UWV}/eilogin/logout"
        under_way.post(logout, site="cross-site")
        assert under_way.page.status_int == 403
        under_way.visit("https://land.test/static")
        under_way.follow(logout)
        under_way.fetch(logout, Sec_Fetch_Site="cross-site")
        assert asked == []

    def test_of_one_site_is_of_no_other_with_the_same_store(
        self, eilogin_federation, clock, witness, tmp_path
    ):
        said = {"store": f"sqlite:///{tmp_path}/e.db"}
        federation = eilogin_federation(
            {"uwv.test": witness, "stad.test": witness},
            options={"uwv.test": said, "stad.test": said},
        )
        anna = federation.browser()
        anna.visit(f"{UWV}/mijn")
        anna.press("Inloggen", username="anna", password="demo-anna")
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout")
        held = anna.cookie("uwv.test", "__Host-eilogin-logout-again")
        anna.set_cookie("stad.test", "__Host-eilogin-logout-again", held)
        anna.visit(f"{STAD}/eilogin/logout")
        assert anna.trail == [f"{STAD}/eilogin/logout"]
        assert "U bent hier niet ingelogd" in anna.text

    def test_ends_when_somebody_logs_in(self, under_way, asked, clock):
        clock.shift(1)
        under_way.visit(f"{UWV}/mijn")
        under_way.press("Inloggen", username="anna", password="demo-anna")
        assert under_way.url == f"{UWV}/mijn"
        assert "__Host-eilogin-logout-again" not in under_way.cookies("uwv.test")
        under_way.visit(f"{UWV}/eilogin/logout")
        assert EVERYWHERE in under_way.text
        assert len(asked) == 1

    def test_ends_for_who_has_copied_her_cookies_too(self, anna, federation, clock):
        """She is in another login by then, and he could end that one."""
        thief = federation.browser()
        thief.stops_before = anna.stops_before = "/slo"
        copied = anna.cookies("uwv.test")
        anna.visit(f"{UWV}/eilogin/logout")
        clock.shift(1)
        anna.visit(f"{UWV}/mijn")
        anna.press("Inloggen", username="anna", password="demo-anna")
        for name, value in copied.items():
            thief.set_cookie("uwv.test", name, value)
        thief.visit(f"{UWV}/eilogin/logout")
        assert thief.url == f"{UWV}/eilogin/logout"
        assert anna.fetch(f"{UWV}/mijn").status_int == 200

    def test_makes_no_new_message_for_a_cookie_of_the_old_session(
        self, anna, federation, clock
    ):
        thief = federation.browser()
        thief.stops_before = anna.stops_before = "/slo"
        for name, value in anna.cookies("uwv.test").items():
            thief.set_cookie("uwv.test", name, value)
        anna.visit(f"{UWV}/eilogin/logout")
        clock.shift(2 * MINUTE)
        thief.visit(f"{UWV}/eilogin/logout")
        assert thief.url == f"{UWV}/eilogin/logout"
        anna.visit(f"{UWV}/eilogin/logout")
        assert request_in(anna.url), "her browser has more than that"

    def test_has_no_attributes_in_it(self, federation, anna, monkeypatch):
        written = []
        to_json = Login.to_json
        monkeypatch.setattr(
            Login, "to_json", lambda login: written.append(login) or to_json(login)
        )
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout")
        assert written
        assert all(kept.attributes == {} for kept in written)
        assert all(kept.family == "" for kept in written)

    def test_cannot_be_read_by_who_has_the_store(self, federation, anna, monkeypatch):
        kept = []
        sessions = federation.apps["uwv.test"].sessions
        token = anna.cookie("uwv.test", "__Host-eilogin")
        name = sessions.find(token).who.name_id
        add = type(sessions.store).add

        def note(self, key, value, until, **more):
            kept.append(f"{key} {value}")
            return add(self, key, value, until, **more)

        monkeypatch.setattr(type(sessions.store), "add", note)
        anna.stops_before = "/slo"
        anna.visit(f"{UWV}/eilogin/logout")
        held = anna.cookie("uwv.test", "__Host-eilogin-logout-again")
        assert any("unheard:" in one for one in kept)
        assert all(secret not in " ".join(kept) for secret in (name, token, held))

    def test_is_as_good_as_gone_where_nobody_can_read_it(
        self, under_way, federation, monkeypatch
    ):
        site = federation.apps["uwv.test"].app
        own = replace(site.trust.own, keys=federation.trusts["stad.test"].own.keys)
        site.trust = replace(site.trust, own=own)
        under_way.visit(f"{UWV}/eilogin/logout")
        assert "U was al uitgelogd." in under_way.text
