"""Log out while the hub is down: it hears of that as soon as it answers again.

Until then the browser in which the visitor has logged out is never signed in silently.
"""

import time

import pytest
from eilogin_sites import PASSWORD, Ours, person
from hub_speaker import hub_changes
from peer_servers import PATIENCE, over_http

from eilogin.testing import Browser

UWV, STAD, LAND = (f"https://{name}.test/mijn" for name in ("uwv", "stad", "land"))
HUB = "inloggen.test"
LOG_OUT = "https://uwv.test/eilogin/logout"
RETRYING = "Wij blijven proberen u ook bij de andere diensten uit te loggen."
EVERYWHERE = "U bent overal uitgelogd"
MARK = "__Host-eilogin-logout-hint"


@pytest.fixture
def down(federation, everywhere):
    """Anna, who has logged out at UWV while the hub does not answer."""
    federation.down.add(HUB)
    everywhere.visit(LOG_OUT)
    return everywhere


def delivered(federation, clock, host="uwv.test"):
    """How many logouts a site delivers, when their turn has come."""
    clock.shift(70)
    return federation.deliver(host)


class TestTheHubHearsOfIt:
    def test_as_soon_as_it_answers(self, federation, down, clock):
        assert RETRYING in down.browser.text
        assert delivered(federation, clock) == 0
        assert down.is_let_in(STAD), "nobody could tell"
        federation.down.clear()
        assert delivered(federation, clock) == 1
        for url in (UWV, STAD, LAND):
            down.visit(url)
            assert down.is_asked_for_password, url
        assert delivered(federation, clock) == 0, "once"

    def test_and_the_page_says_so_afterwards(self, federation, down, clock):
        federation.down.clear()
        delivered(federation, clock)
        down.browser.click("Probeer opnieuw uit te loggen")
        assert EVERYWHERE in down.browser.text

    def test_and_a_reload_or_a_second_logout_says_so_as_long(
        self, federation, down, clock
    ):
        """The browser is not sent to a hub that is down, unless the visitor asks it."""
        down.browser.reload()
        assert RETRYING in down.browser.text
        clock.shift(600)
        down.visit(LOG_OUT)
        assert RETRYING in down.browser.text
        assert down.browser.url.startswith("https://uwv.test/")
        federation.down.clear()
        delivered(federation, clock)
        down.browser.reload()
        assert EVERYWHERE in down.browser.text

    def test_and_a_later_logout_says_so_though_she_went_to_the_hub(
        self, federation, down, clock
    ):
        down.browser.stops_before = "/slo"
        down.browser.click("Probeer opnieuw uit te loggen")
        assert down.browser.url.startswith(f"https://{HUB}/")
        down.browser.stops_before = None
        federation.down.clear()
        delivered(federation, clock)
        down.visit(LOG_OUT)
        assert EVERYWHERE in down.browser.text

    def test_over_soap_alone_too(self, eilogin_federation, clock, citizen_at):
        federation = eilogin_federation(
            {"uwv.test": show_visitor, "stad.test": show_visitor},
            options={"uwv.test": {"logout_binding": "soap"}},
        )
        anna = citizen_at(federation.browser()).log_in(UWV)
        assert anna.is_let_in(STAD)
        federation.down.add(HUB)
        anna.visit(LOG_OUT)
        assert RETRYING in anna.browser.text
        federation.down.clear()
        assert delivered(federation, clock) == 1
        anna.visit(STAD)
        assert anna.is_asked_for_password

    def test_from_the_applications_own_logout_too(
        self, eilogin_federation, clock, citizen_at
    ):
        """A script calls it, which shows no page of ours."""
        federation = eilogin_federation(
            {"uwv.test": show_visitor, "stad.test": show_visitor},
            options={
                "uwv.test": {"app_logout": "/uit", "protect": "/ optional\n/mijn basis"}
            },
        )
        anna = citizen_at(federation.browser()).log_in(UWV)
        assert anna.is_let_in(STAD)
        federation.down.add(HUB)
        anna.browser.fetch("https://uwv.test/uit")
        federation.down.clear()
        assert delivered(federation, clock) == 1
        anna.visit(STAD)
        assert anna.is_asked_for_password

    def test_no_later_than_her_session_lasts(self, federation, down, clock):
        federation.down.clear()
        clock.shift(2 * 60 * 60)
        told = len(federation.back_channel_log)
        assert federation.deliver("uwv.test") == 0
        assert len(federation.back_channel_log) == told, "nobody is asked any more"

    def test_not_where_it_takes_no_soap(self, eilogin_federation, clock, citizen_at):
        federation = eilogin_federation(
            {"uwv.test": show_visitor},
            options={"uwv.test": {"logout_binding": "redirect"}},
        )
        anna = citizen_at(federation.browser()).log_in(UWV)
        federation.down.add(HUB)
        anna.visit(LOG_OUT)
        assert "U bent alleen bij deze dienst uitgelogd." in anna.browser.text
        assert RETRYING not in anna.browser.text


class TestThisBrowser:
    def test_is_asked_for_the_password(self, federation, down):
        federation.down.clear()
        down.visit(UWV)
        assert down.is_asked_for_password
        assert down.is_let_in(STAD), "who is in is in"

    def test_is_asked_though_the_store_has_lost_everything(self, federation, down):
        store = federation.apps["uwv.test"].sessions.store
        store.end_all()
        store._values.clear()  # noqa: SLF001 - as a restart of memory: does
        federation.down.clear()
        down.visit(UWV)
        assert down.is_asked_for_password

    def test_is_asked_where_she_went_to_a_hub_that_died(self, federation, everywhere):
        everywhere.browser.stops_before = "/slo"
        everywhere.visit(LOG_OUT)
        everywhere.browser.stops_before = None
        everywhere.visit(UWV)
        assert everywhere.is_asked_for_password

    def test_is_let_in_by_the_password_and_stays_so(self, federation, down, clock):
        federation.down.clear()
        clock.shift(1)
        down.log_in(UWV)
        assert delivered(federation, clock) == 0, "she has proven who she is"
        assert down.is_let_in(UWV)
        assert down.is_let_in(STAD)

    def test_is_not_asked_again_once_the_hub_has_heard(
        self, federation, down, clock, citizen_of
    ):
        federation.down.clear()
        assert delivered(federation, clock) == 1
        down.log_in(STAD)
        assert down.is_let_in(UWV), "a new session of a new login"

    def test_of_somebody_else_leaves_the_first_logout_to_be_delivered(
        self, federation, down, clock, citizen_of
    ):
        federation.down.clear()
        bram = citizen_of("bram", down.browser).log_in(UWV)
        assert federation.deliver("uwv.test") in {0, 1}
        clock.shift(70)
        federation.deliver("uwv.test")
        assert bram.is_let_in(UWV)

    def test_is_not_signed_in_by_an_answer_on_its_way(self, federation, anna, clock):
        """Asked in another tab before the logout, and answered after it."""
        anna.log_in(UWV)
        anna.browser.stops_before = "/sso"
        anna.browser.visit("https://uwv.test/eilogin/login?level=midden&next=/mijn")
        question = anna.browser.url
        anna.browser.stops_before = None
        federation.down.add(HUB)
        anna.visit(LOG_OUT)
        federation.down.clear()
        clock.shift(1)
        anna.visit(question)
        assert anna.user is None

    def test_is_not_signed_in_by_an_answer_from_before_the_session(
        self, federation, anna, clock
    ):
        """A tab asked before anybody was signed in, and gets its answer last."""
        anna.browser.stops_before = "/sso"
        anna.visit(UWV)
        question = anna.browser.url
        anna.browser.stops_before = None
        anna.log_in(UWV)
        federation.down.add(HUB)
        anna.visit(LOG_OUT)
        federation.down.clear()
        clock.shift(1)
        anna.visit(question)
        assert anna.user is None
        anna.visit(UWV)
        assert anna.is_asked_for_password

    def test_is_asked_where_the_hub_takes_no_logout(self, federation, anna):
        anna.log_in(UWV)
        hub_changes(federation, "uwv.test", single_logouts=())
        anna.visit(LOG_OUT)
        assert "U bent alleen bij deze dienst uitgelogd." in anna.browser.text
        anna.visit(UWV)
        assert anna.is_asked_for_password


@pytest.fixture
def greeted(eilogin_federation, clock, citizen_at):
    """Anna at a site that asks silently on public pages, after such a logout."""
    federation = eilogin_federation(
        {"uwv.test": show_visitor, "stad.test": show_visitor},
        options={"uwv.test": {"silent": "yes", "protect": "/ optional\n/mijn basis"}},
    )
    anna = citizen_at(federation.browser()).log_in(UWV)
    federation.down.add(HUB)
    anna.visit(LOG_OUT)
    federation.down.clear()
    # The site asks nothing for an hour after a logout in any case.
    clock.shift(61 * 60)
    anna.federation = federation
    return anna


def test_a_silent_question_is_not_asked(greeted):
    greeted.visit("https://uwv.test/")
    assert greeted.user is None
    assert not any(HUB in url for url in greeted.browser.trail)


def test_a_silent_question_signs_nobody_in(greeted):
    """Nor by an address of ours that asks silently."""
    greeted.browser.set_cookie("uwv.test", "__Host-eilogin-probe", "1")
    greeted.visit("https://uwv.test/eilogin/login?silent=yes&next=/")
    assert greeted.user is None
    assert not any(HUB in url for url in greeted.browser.trail)


def show_visitor(environ, start_response):
    """An app that says who it sees."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"<p>user=[{environ.get('REMOTE_USER', '')}]</p>".encode()]


# --- over real HTTP -------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path):
    return Ours(_made(tmp_path / "hub"), {}, {"logout_timeout": "2s"})


@pytest.fixture
def sites(tmp_path, hub):
    """Two sites, in a process of their own."""
    sites = Ours(_made(tmp_path / "sites"), {"gemeente": {}, "uwv": {}})
    members = [hub.metadata("inloggen")]
    members += [sites.metadata(name) for name in ("gemeente", "uwv")]
    for ours in (hub, sites):
        ours.join(*members)
    return sites


def test_a_hub_that_starts_again_hears_of_it_across_a_restart(hub, sites, citizen_at):
    gemeente, uwv = sites.url("gemeente"), sites.url("uwv")
    with hub.running() as inloggen, sites.running() as server:
        anna = citizen_at(Browser(over_http), person(1))
        anna.visit(gemeente)
        anna.browser.press("Inloggen", username=anna.name, password=PASSWORD)
        assert anna.is_let_in(uwv)
        with inloggen.down():
            anna.visit(sites.url("gemeente", "/eilogin/logout"))
            assert RETRYING in anna.browser.text
            with server.down():
                pass
            assert anna.is_let_in(uwv), "nobody could tell it"
        deadline = time.monotonic() + PATIENCE
        while anna.is_let_in(uwv):
            assert time.monotonic() < deadline, server.log
            time.sleep(0.1)
        for url in (uwv, gemeente):
            anna.visit(url)
            assert anna.is_asked_for_password, url


def _made(folder):
    folder.mkdir()
    return folder
