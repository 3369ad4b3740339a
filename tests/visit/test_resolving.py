"""Artifacts: few for one login, few at a time, and nobody waits who need not."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hub_speaker import Citizen

from eilogin.errors import StoreUnavailable
from eilogin.saml import bindings
from eilogin.visit import resolving

UWV = "https://uwv.test/mijn"
ACS = "https://uwv.test/eilogin/acs"
COOKIE = "__Host-eilogin"


class Clicker(Citizen):
    """A citizen with a login under way, whose hub resolves artifacts as a test says."""

    def __init__(self, federation, hub):
        super().__init__(federation, hub)
        self.request, self.handle = self.begin(UWV)
        federation.apps["inloggen.test"] = hub

    def bring(self, artifact, browser=None):
        browser = browser or self.browser
        browser.visit(bindings.artifact_url(ACS, artifact, self.handle))
        return browser

    def twin(self):
        """Another request of the same browser: the same cookies."""
        other = self.federation.browser()
        for name, value in self.browser.cookies("uwv.test").items():
            other.set_cookie("uwv.test", name, value)
        return other

    @property
    def times_asked(self):
        return len(self.federation.back_channel_log)


@pytest.fixture
def anna(federation, hub):
    return Clicker(federation, hub)


@pytest.fixture
def waits(monkeypatch):
    """What happens whenever a request waits; how often that was."""
    count = []

    def during(action=lambda: None):
        def sleep(seconds):
            count.append(seconds)
            action()

        monkeypatch.setattr(resolving.time, "sleep", sleep)
        return count

    return during


class SlowHub:
    """A hub that is at work with its first question until it is let go."""

    def __init__(self, app):
        self._app = app
        self._is_first = True
        self.has_question, self._goes_on = threading.Event(), threading.Event()

    def __call__(self, environ, start_response):
        if self._is_first:
            self._is_first = False
            self.has_question.set()
            assert self._goes_on.wait(30)
        return self._app(environ, start_response)

    def let_go(self):
        self._goes_on.set()


@pytest.fixture
def at_once(anna, federation, hub):
    """Two clicks: the first is at the hub, the second one is yet to come."""
    slow = federation.apps["inloggen.test"] = SlowHub(hub)
    with ThreadPoolExecutor(1) as threads:
        artifact = hub.artifact()
        first = threads.submit(anna.bring, artifact, anna.twin())
        assert slow.has_question.wait(30)
        try:
            yield slow, first, artifact
        finally:
            slow.let_go()


def unknown(hub):
    """The hub does not know the artifact (SAML bindings 3.6.6)."""
    hub.carried = None


# --- a double click -------------------------------------------------------------------


def test_the_second_of_two_clicks_waits_for_the_first_and_leads_to_the_page(
    anna, hub, at_once, waits
):
    """The hub has given the answer to the first one, and has none for the second."""
    slow, first, artifact = at_once
    unknown(hub)

    def first_comes_back():
        hub.carried = hub.answer(anna.request)
        slow.let_go()
        cookie = first.result(30).cookie("uwv.test", COOKIE)
        anna.browser.set_cookie("uwv.test", COOKIE, cookie)

    count = waits(first_comes_back)
    anna.bring(artifact)
    assert len(count) == 1
    assert anna.browser.url == UWV
    assert anna.browser.page.status_int == 200


def test_it_waits_no_longer_than_the_first_is_at_the_hub(anna, hub, at_once, waits):
    slow, first, artifact = at_once
    unknown(hub)

    def first_fails_too():
        slow.let_go()
        first.result(30)

    count = waits(first_fails_too)
    anna.bring(artifact)
    assert len(count) == 1
    assert anna.browser.page.status_int == 400


def test_nor_longer_than_half_a_second(anna, hub, at_once, waits):
    _, _, artifact = at_once
    unknown(hub)
    count = waits()
    anna.bring(artifact)
    assert sum(count) == pytest.approx(0.5)
    assert anna.browser.page.status_int == 400


def test_who_clicks_more_often_than_the_hub_is_asked_waits_too(
    anna, hub, at_once, waits
):
    slow, first, artifact = at_once
    unknown(hub)
    waits()
    for _ in range(resolving.MOST_ARTIFACTS - 1):
        anna.bring(artifact)
    asked = anna.times_asked

    def first_comes_back():
        hub.carried = hub.answer(anna.request)
        slow.let_go()
        cookie = first.result(30).cookie("uwv.test", COOKIE)
        anna.browser.set_cookie("uwv.test", COOKIE, cookie)

    waits(first_comes_back)
    anna.bring(artifact)
    assert anna.browser.url == UWV
    assert anna.times_asked == asked


def test_one_that_never_came_back_is_waited_for_as_long_as_two_calls_take(
    anna, hub, at_once, waits, clock
):
    """Its process was killed."""
    _, _, artifact = at_once
    unknown(hub)
    clock.shift(9)
    count = waits()
    anna.bring(artifact)
    assert sum(count) == pytest.approx(0.5)
    clock.shift(1)
    count.clear()
    anna.bring(artifact)
    assert count == []


class TestWhereAHubMayTakeLong:
    @pytest.fixture
    def federation(self, clock, witness, eilogin_federation):
        said = {"back_channel_timeout": "30s"}
        return eilogin_federation({"uwv.test": witness}, options={"uwv.test": said})

    def test_the_first_is_waited_for_as_long_as_it_may_be_there(
        self, anna, hub, at_once, waits, clock
    ):
        _, _, artifact = at_once
        unknown(hub)
        clock.shift(30)
        count = waits()
        anna.bring(artifact)
        assert sum(count) == pytest.approx(0.5)


# --- artifacts that somebody invents --------------------------------------------------


def test_who_is_alone_never_waits(anna, hub, waits):
    unknown(hub)
    count = waits()
    for _ in range(resolving.MOST_ARTIFACTS + 2):
        anna.bring(hub.artifact())
        assert anna.browser.page.status_int == 400
    assert count == []


def test_after_three_of_them_the_login_is_over(anna, hub, caplog):
    unknown(hub)
    for _ in range(5):
        anna.bring(hub.artifact())
    hub.carried = hub.answer(anna.request)
    anna.bring(hub.artifact())
    assert anna.times_asked == 3
    assert anna.browser.cookie("uwv.test", COOKIE) is None
    assert "(login-lost): 3 artifacts were brought for this login" in caplog.text


def test_before_that_a_good_one_is_taken(anna, hub):
    unknown(hub)
    for _ in range(2):
        anna.bring(hub.artifact())
    hub.carried = hub.answer(anna.request)
    anna.bring(hub.artifact())
    assert anna.browser.url == UWV


def test_nobody_without_her_cookie_can_use_them_up(anna, federation, hub):
    unknown(hub)
    thief = federation.browser()
    # Has begun a login too, and so brings a cookie of ours.
    thief.stops_before = "SAMLRequest="
    thief.visit(UWV)
    thief.stops_before = None
    for _ in range(5):
        anna.bring(hub.artifact(), thief)
    assert anna.times_asked == 0
    hub.carried = hub.answer(anna.request)
    anna.bring(hub.artifact())
    assert anna.browser.url == UWV


def test_a_hub_that_does_not_answer_uses_none_up(anna, federation, hub):
    """She may load the page again until it does."""
    hub.carried = hub.answer(anna.request)
    artifact = hub.artifact()
    federation.down.add("inloggen.test")
    for _ in range(5):
        anna.bring(artifact)
        assert anna.browser.page.status_int == 502
    federation.down.clear()
    anna.bring(artifact)
    assert anna.browser.url == UWV


def test_while_the_store_is_down_none_is_asked_about(
    anna, federation, hub, monkeypatch
):
    store = federation.apps["uwv.test"].sessions.store
    hub.carried = hub.answer(anna.request)

    def down(*args, **options):
        raise StoreUnavailable("the store does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(store, "add", down)
        anna.bring(hub.artifact())
    assert anna.browser.page.status_int == 503
    assert anna.times_asked == 0
    anna.bring(hub.artifact())
    assert anna.browser.url == UWV


# --- at a time ------------------------------------------------------------------------


class HangingHub:
    """A hub at which artifacts stay until it is let go."""

    def __init__(self, federation, hub, threads):
        self._federation, self._hub, self._threads = federation, hub, threads
        self._goes_on, self._has_come = threading.Event(), threading.Semaphore(0)
        self._waiting = []
        # What it is asked about it does not know.
        unknown(hub)
        federation.apps["inloggen.test"] = self

    def __call__(self, environ, start_response):
        self._has_come.release()
        assert self._goes_on.wait(30)
        return self._hub(environ, start_response)

    def takes(self, who, address):
        """Whether the artifact that somebody brings from there comes to the hub."""
        who.browser.address = address
        self._waiting.append(self._threads.submit(who.bring, self._hub.artifact()))
        return self._has_come.acquire(timeout=30)

    def let_go(self):
        self._goes_on.set()
        return [one.result(30).page.status_int for one in self._waiting]


@pytest.fixture
def hanging(anna, federation, hub):
    """Four artifacts of one network are at a hub that hangs."""
    begun = [Clicker(federation, hub) for _ in range(resolving.MOST_AT_ONCE // 2)]
    with ThreadPoolExecutor(resolving.MOST_AT_ONCE + 1) as threads:
        hanging = HangingHub(federation, hub, threads)
        try:
            assert all(hanging.takes(one, "192.0.2.1") for one in begun)
            yield hanging
        finally:
            hanging.let_go()


def test_a_hub_that_hangs_does_not_take_all_threads_along(
    anna, federation, hub, hanging, caplog
):
    """One more than may be at a time is told to come back, at once."""
    begun = [Clicker(federation, hub) for _ in range(resolving.MOST_AT_ONCE // 2)]
    federation.apps["inloggen.test"] = hanging
    assert all(hanging.takes(one, "192.0.2.2") for one in begun)
    artifact = hub.artifact()
    anna.bring(artifact)
    assert anna.browser.page.status_int == 503
    assert anna.browser.page.headers["Retry-After"] == "10"
    assert anna.browser.page.headers["Refresh"] == "3"
    assert "Deze pagina probeert het zo vanzelf opnieuw" in anna.browser.text
    assert "(peer-busy):" in caplog.text
    assert set(hanging.let_go()) == {400}
    hub.carried = hub.answer(anna.request)
    anna.browser.reload()
    assert anna.browser.url == UWV, "it was not used up"


def test_who_comes_from_one_network_leaves_places_to_others(anna, hub, hanging, caplog):
    anna.browser.address = "192.0.2.1"
    anna.bring(hub.artifact())
    assert anna.browser.page.status_int == 503
    assert "4 of them from one network" in caplog.text
    assert hanging.takes(anna, "192.0.2.2")
