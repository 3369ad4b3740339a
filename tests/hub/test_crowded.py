"""A citizen with as many sessions as one may have: one more ends the oldest."""

import pytest

from eilogin.hub.hub_jobs import HubJobs
from eilogin.web.pipeline.pipeline_objects import object_in

#: Seconds after which a participant is told by the logout retry queue.
SOON = 10
UWV = "https://uwv.test/mijn"


@pytest.fixture(autouse=True)
def two(monkeypatch):
    """Of sessions of one citizen."""
    monkeypatch.setattr("eilogin.sessions.session_service.MOST_LOGINS", 2)


@pytest.fixture
def federation(clock, witness, eilogin_federation):
    """The site knows each session by a name of its own, and ends none by itself."""
    return eilogin_federation(
        dict.fromkeys(("uwv.test", "stad.test"), witness),
        options={"uwv.test": {"name_id_format": "transient"}},
    )


@pytest.fixture
def hub(federation) -> HubJobs:
    return object_in(federation.apps["inloggen.test"], HubJobs)


@pytest.fixture
def log_in(federation, clock):
    """A browser more in which somebody logs in at uwv's; the page that is shown."""

    def log_in(name="anna"):
        browser = federation.browser()
        browser.visit(UWV)
        browser.press("Inloggen", username=name, password=f"demo-{name}")
        clock.shift(60)
        return browser

    return log_in


def is_in(browser):
    """Whether the site knows who this is, without a way to the hub."""
    browser.stops_before = "SAMLRequest="
    browser.visit(UWV)
    browser.stops_before = None
    return browser.url == UWV


def at_hub(browser, sessions):
    return sessions.find(browser.cookie("inloggen.test", "__Host-eilogin")) is not None


def test_she_is_let_in_and_the_one_unseen_for_longest_ends(
    log_in, sessions, federation, clock
):
    first, second = log_in(), log_in()
    # The hub is asked about the first once more.
    first.visit("https://stad.test/mijn")
    third = log_in()
    assert third.url == UWV
    assert third.page.status_int == 200
    assert [at_hub(one, sessions) for one in (first, second, third)] == [1, 0, 1]
    clock.shift(SOON)
    assert federation.work() == 1
    assert [is_in(one) for one in (first, second, third)] == [True, False, True]


def test_its_participants_are_told_until_they_have_heard(
    log_in, federation, clock, hub
):
    first, *_ = log_in(), log_in(), log_in()
    federation.down.add("uwv.test")
    clock.shift(SOON)
    assert federation.work() == 0
    assert is_in(first)
    federation.down.clear()
    clock.shift(60)
    assert federation.work() == 1
    assert not is_in(first)
    assert hub.undelivered.all() == []


def test_the_sessions_of_others_go_on(log_in, sessions):
    bram = log_in("bram")
    for _ in range(3):
        log_in()
    assert at_hub(bram, sessions)


def test_the_audit_log_says_why(log_in, events):
    for _ in range(3):
        log_in()
    [ended] = [one for one in events("session.ended") if one["reason"] == "too-many"]
    assert ended["pseudonym"]


def test_somebody_who_signs_in_again_and_again_fills_no_queue(
    log_in, hub, monkeypatch, sessions
):
    """Who knows a password; no participant answers that is to be told."""
    monkeypatch.setattr("eilogin.hub.logout.session_endings.MOST_LOGINS", 3)
    browsers = [log_in() for _ in range(8)]
    assert len(hub.undelivered.all()) == 3
    assert [at_hub(one, sessions) for one in browsers] == [False] * 6 + [True] * 2


def test_participants_that_the_queue_has_no_room_for_are_told_at_once(
    log_in, federation, monkeypatch, clock
):
    """Else a logout everywhere would not reach them."""
    monkeypatch.setattr("eilogin.hub.logout.session_endings.MOST_LOGINS", 1)
    browsers = [log_in() for _ in range(5)]
    assert [is_in(one) for one in browsers] == [True, False, False, True, True]
    browsers[-1].visit("https://inloggen.test/")
    browsers[-1].press("Overal uitloggen")
    assert "U bent overal uitgelogd" in browsers[-1].text
    assert not any(is_in(one) for one in browsers)


class TestBehindAnotherHub:
    @pytest.fixture
    def federation(self, clock, witness, eilogin_federation):
        below = eilogin_federation(
            {"uwv.test": witness},
            hub="gemeente.test",
            options={"uwv.test": {"name_id_format": "transient"}},
            hub_options={
                "sign_in": "above",
                "passed_on_to": "https://uwv.test/eilogin/metadata",
            },
        )
        filters = {
            "hub_inside": "/",
            "cookie": "eilogin-above",
            "protect": "/ optional",
        }
        above = eilogin_federation(
            {"gemeente.test": below.apps["gemeente.test"]},
            options={"gemeente.test": filters},
        )
        below.apps.update(above.apps)
        above.apps.update(below.apps)
        return below

    def test_the_participants_of_the_one_that_ends_are_told(
        self, log_in, federation, clock
    ):
        browsers = [log_in() for _ in range(3)]
        clock.shift(SOON)
        assert federation.work() == 1
        assert [is_in(one) for one in browsers] == [False, True, True]
