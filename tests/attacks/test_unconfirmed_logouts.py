"""A logout that the hub has not confirmed: its marker cookie, and the retry queue.

The marker takes something away from a browser: it is never signed in silently. Nobody
gains by another one's marker, and nobody makes this server send more than one message.
"""

from urllib.parse import urlencode

import pytest

from eilogin.participant.logout.logout_retry_queue import LogoutQueue
from eilogin.web import environ as env
from eilogin.web.visit import Visit

UWV = "https://uwv.test"
LOG_OUT = f"{UWV}/eilogin/logout"
HUB = "inloggen.test"
MARK = "__Host-eilogin-logout-hint"
SOAP = f"https://{HUB}/slo/soap"


class Visitor:
    def __init__(self, federation, name="anna", browser=None):
        self.name = name
        self.browser = browser or federation.browser()
        self.browser.visit(f"{UWV}/mijn")
        self.type_password()
        self.browser.visit("https://stad.test/mijn")

    def type_password(self):
        fields = {"username": self.name, "password": f"demo-{self.name}"}
        self.browser.press("Inloggen", **fields)

    @property
    def mark(self):
        return self.browser.cookie("uwv.test", MARK)

    def is_in(self, url=f"{UWV}/mijn"):
        return self.browser.fetch(url).status_int == 200


@pytest.fixture
def out(federation):
    """Anna, who has logged out at UWV while the hub was down."""
    anna = Visitor(federation)
    federation.down.add(HUB)
    anna.browser.visit(LOG_OUT)
    federation.down.clear()
    return anna


@pytest.fixture
def queued(federation):
    sessions = federation.apps["uwv.test"].sessions
    environ = {env.TRUST: federation.trusts["uwv.test"], env.SESSIONS: sessions}
    return lambda: len(LogoutQueue.keys(Visit(environ)))


def messages_to_hub(federation):
    return sum(url == SOAP for url, _ in federation.back_channel_log)


class TestTheMarker:
    def test_of_another_visitor_signs_nobody_in_or_out(self, federation, out):
        bram = Visitor(federation, "bram")
        bram.browser.set_cookie("uwv.test", MARK, out.mark)
        assert bram.is_in()
        bram.browser.visit(f"{UWV}/mijn")
        assert bram.browser.url == f"{UWV}/mijn"

    def test_of_another_visitor_ends_nothing(self, federation, out, queued):
        thief = federation.browser()
        thief.set_cookie("uwv.test", MARK, out.mark)
        thief.visit(LOG_OUT)
        assert thief.trail == [LOG_OUT]
        assert out.is_in("https://stad.test/mijn")
        assert queued() == 1

    def test_of_another_visitor_stops_no_delivery(self, federation, out, queued, clock):
        """A login of somebody else with it takes nothing out of the queue."""
        browser = federation.browser()
        browser.set_cookie("uwv.test", MARK, out.mark)
        Visitor(federation, "bram", browser)
        assert queued() == 1
        clock.shift(70)
        assert federation.deliver("uwv.test") == 1
        assert not out.is_in("https://stad.test/mijn")

    @pytest.mark.parametrize("place", [2, 40, -4])
    def test_that_was_changed_is_none(self, federation, out, place):
        """Its browser could drop it as well: what counts is that nothing is gained."""
        mark = out.mark
        other = "A" if mark[place] != "A" else "B"
        out.browser.set_cookie("uwv.test", MARK, mark[:place] + other)
        out.browser.visit(LOG_OUT)
        assert out.browser.page.status_int == 200
        assert not out.is_in()

    def test_of_another_site_is_none(self, federation, out):
        browser = federation.browser()
        bram = Visitor(federation, "bram", browser)
        browser.forget("stad.test")
        browser.set_cookie("stad.test", MARK, out.mark)
        browser.visit("https://stad.test/mijn")
        assert browser.url == "https://stad.test/mijn"
        assert bram.is_in()

    def test_replayed_after_a_new_login_ends_nothing(self, federation, out, clock):
        mark = out.mark
        clock.shift(1)
        out.browser.visit(f"{UWV}/mijn")
        out.type_password()
        assert out.is_in()
        out.browser.set_cookie("uwv.test", MARK, mark)
        out.browser.visit(f"{UWV}/mijn")
        assert out.browser.url == f"{UWV}/mijn"
        clock.shift(70)
        assert federation.deliver("uwv.test") == 0
        assert out.is_in()

    def test_replayed_after_the_delivery_does_no_harm(self, federation, out, clock):
        mark = out.mark
        clock.shift(70)
        assert federation.deliver("uwv.test") == 1
        out.browser.visit("https://stad.test/mijn")
        out.type_password()
        out.browser.set_cookie("uwv.test", MARK, mark)
        out.browser.visit(f"{UWV}/mijn")
        assert out.browser.url == f"{UWV}/mijn"

    def test_tells_nobody_who_it_is_of(self, federation):
        anna = Visitor(federation)
        token = anna.browser.cookie("uwv.test", "__Host-eilogin")
        login = federation.apps["uwv.test"].sessions.find(token)
        federation.down.add(HUB)
        anna.browser.visit(LOG_OUT)
        for secret in (login.who.name_id, login.session_index, login.family, token):
            assert secret not in anna.mark


class TestSigningInSilently:
    @pytest.mark.parametrize(
        "address",
        [
            "/mijn",
            "/eilogin/login?next=/mijn",
            "/eilogin/login?next=/mijn&level=basis",
            f"/eilogin/login?next=/mijn&hub=https://{HUB}/metadata",
            "/eilogin/login?next=/mijn&fresh=no",
            "/eilogin/login?next=/mijn&silent=yes",
        ],
    )
    def test_is_done_by_no_address(self, out, address):
        out.browser.visit(f"{UWV}{address}")
        assert not out.is_in()

    def test_is_not_done_by_an_older_answer(self, federation, clock):
        """Which she asked for in another tab, and gets after the logout."""
        anna = Visitor(federation)
        anna.browser.stops_before = "/sso"
        anna.browser.visit(f"{UWV}/eilogin/login?next=/mijn&level=midden")
        question = anna.browser.url
        anna.browser.stops_before = None
        federation.down.add(HUB)
        anna.browser.visit(LOG_OUT)
        federation.down.clear()
        clock.shift(5)
        anna.browser.visit(question.replace("midden", "basis"))
        assert not anna.is_in()

    @pytest.mark.parametrize("is_delivered", [False, True])
    def test_is_not_done_where_an_answer_overtakes_the_logout(
        self, federation, queued, clock, is_delivered
    ):
        """That to a login in another tab: it brings the cookies of before."""
        anna = Visitor(federation)
        before = anna.browser.cookies("uwv.test")
        federation.down.add(HUB)
        anna.browser.visit(LOG_OUT)
        federation.down.clear()
        for name in ("__Host-eilogin", MARK):
            anna.browser.set_cookie("uwv.test", name, before[name])
        clock.shift(70)
        if is_delivered:
            assert federation.deliver("uwv.test") == 1
        anna.browser.visit(f"{UWV}/mijn")
        assert not anna.is_in()
        anna.type_password()
        assert anna.is_in()
        assert queued() == 0, "it would end the session that has begun now"

    def test_is_not_done_by_a_hub_that_asks_for_nothing(
        self, federation, hub, out, asked, caplog
    ):
        """It answers a question for a fresh proof with an old one."""
        out.browser.stops_before = "/sso"
        out.browser.visit(f"{UWV}/mijn")
        request, relay_state = asked(out.browser.url)
        assert request.force_authn
        hub.carried = hub.answer(request, authn_instant=request.issued - 600)
        federation.apps[HUB] = hub
        query = {"SAMLart": hub.artifact(), "RelayState": relay_state}
        out.browser.visit(f"{UWV}/eilogin/acs?{urlencode(query)}")
        assert "(proof-too-old)" in caplog.text
        assert not out.is_in()


class TestTheQueue:
    def test_does_not_grow_by_clicks(self, federation, queued):
        anna = Visitor(federation)
        federation.down.add(HUB)
        # A second click sends the browser to the hub, which does not answer.
        anna.browser.stops_before = "/slo"
        for _ in range(10):
            anna.browser.visit(LOG_OUT)
        assert queued() == 1

    def test_does_not_grow_by_copies_of_cookies(self, federation, queued):
        anna = Visitor(federation)
        held = anna.browser.cookies("uwv.test")
        federation.down.add(HUB)
        for _ in range(5):
            thief = federation.browser()
            thief.stops_before = "/slo"
            for name, value in held.items():
                thief.set_cookie("uwv.test", name, value)
            thief.visit(LOG_OUT)
        assert queued() == 1

    def test_does_not_grow_by_strangers(self, federation, queued):
        federation.down.add(HUB)
        for number in range(10):
            stranger = federation.browser()
            stranger.set_cookie("uwv.test", "__Host-eilogin", f"69{number:041}")
            stranger.set_cookie("uwv.test", "__Host-eilogin-logout-again", "f" * 64)
            stranger.set_cookie("uwv.test", MARK, "A" * 400)
            stranger.visit(LOG_OUT)
        assert queued() == 0

    def test_sends_one_message_however_many_clicks_there_were(self, federation, clock):
        anna = Visitor(federation)
        federation.down.add(HUB)
        # A second click sends the browser to the hub, which does not answer.
        anna.browser.stops_before = "/slo"
        for _ in range(10):
            anna.browser.visit(LOG_OUT)
        federation.down.clear()
        before = messages_to_hub(federation)
        clock.shift(70)
        federation.deliver("uwv.test")
        clock.shift(70)
        federation.deliver("uwv.test")
        assert messages_to_hub(federation) - before == 1

    def test_asks_a_dead_hub_seldom_however_many_wait(self, federation, clock):
        for name in ("anna", "bram", "chaima"):
            visitor = Visitor(federation, name)
            federation.down.add(HUB)
            visitor.browser.visit(LOG_OUT)
            federation.down.clear()
        federation.down.add(HUB)
        before = messages_to_hub(federation)
        for _ in range(120):
            clock.shift(5)
            federation.deliver("uwv.test")
        # In ten minutes, of three; a click would send one each.
        assert messages_to_hub(federation) - before <= 3 * 15

    def test_is_not_fed_by_another_sites_form(self, federation, queued):
        anna = Visitor(federation)
        federation.down.add(HUB)
        anna.browser.post(LOG_OUT, site="cross-site")
        assert anna.browser.page.status_int == 403
        assert queued() == 0
        federation.down.clear()
        assert anna.is_in()

    def test_does_not_end_a_session_of_later(self, federation, out, clock):
        """In another browser of the same citizen, whose hub has her in another one."""
        other = Visitor(federation, "bram")
        clock.shift(70)
        federation.deliver("uwv.test")
        assert other.is_in()
