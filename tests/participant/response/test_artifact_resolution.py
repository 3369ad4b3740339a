"""Artifacts: few for one login, few at a time, and nobody waits who need not."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from hub_speaker import Citizen

from eilogin.errors import StoreUnavailable
from eilogin.participant.response import artifact_resolution
from eilogin.saml import bindings, safe_xml

UWV = "https://uwv.test/mijn"
COOKIE = "__Host-eilogin"


class Clicker(Citizen):
    """A citizen with a login under way, whose hub resolves artifacts as a test says."""

    def __init__(self, federation, hub, host="uwv.test"):
        super().__init__(federation, hub)
        self.host = host
        self.request, self.handle = self.begin(f"https://{host}/mijn")
        federation.apps["inloggen.test"] = hub

    def bring(self, artifact, browser=None):
        browser = browser or self.browser
        acs = f"https://{self.host}/eilogin/acs"
        browser.visit(bindings.artifact_url(acs, artifact, self.handle))
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

        monkeypatch.setattr(artifact_resolution.time, "sleep", sleep)
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


def test_clicks_over_the_artifact_limit_also_wait(anna, hub, at_once, waits):
    slow, first, artifact = at_once
    unknown(hub)
    waits()
    for _ in range(artifact_resolution.MOST_ARTIFACTS - 1):
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


def test_single_login_never_waits(anna, hub, waits):
    unknown(hub)
    count = waits()
    for _ in range(artifact_resolution.MOST_ARTIFACTS + 2):
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
    assert "(login-lost): the browser brought 3 artifacts for this login" in caplog.text


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
def hang(anna, federation, hub):
    """Have so many artifacts of one network hang at the hub."""
    with ThreadPoolExecutor(9) as threads, ExitStack() as stack:

        def begin(count):
            begun = [Clicker(federation, hub) for _ in range(count)]
            hanging = HangingHub(federation, hub, threads)
            stack.callback(hanging.let_go)
            assert all(hanging.takes(one, "192.0.2.1") for one in begun)
            return hanging

        yield begin


def is_told_that_it_is_busy(browser):
    page = browser.page
    return (
        page.status_int == 503
        and page.headers["Retry-After"] == "10"
        and page.headers["Refresh"] == "3"
        and "Deze pagina probeert het zo vanzelf opnieuw" in browser.text
    )


def test_a_hub_that_hangs_does_not_take_all_threads_along(
    anna, federation, hub, hang, caplog
):
    """One more than may be at a time is told to come back, at once."""
    another = Clicker(federation, hub)
    hanging = hang(2)
    assert hanging.takes(another, "192.0.2.2")
    anna.browser.address = "192.0.2.3"
    anna.bring(hub.artifact())
    assert is_told_that_it_is_busy(anna.browser)
    assert "' is resolving 3 artifacts at this moment" in caplog.text
    assert set(hanging.let_go()) == {400}
    hub.carried = hub.answer(anna.request)
    anna.browser.reload()
    assert anna.browser.url == UWV, "it was not used up"


def test_clients_of_one_network_leave_slots_to_others(anna, hub, hang, caplog):
    hanging = hang(2)
    anna.browser.address = "192.0.2.1"
    anna.bring(hub.artifact())
    assert is_told_that_it_is_busy(anna.browser)
    assert "2 of them from one client network" in caplog.text
    assert hanging.takes(anna, "192.0.2.2")


def test_a_visitor_waits_a_moment_for_a_hub_that_answers(anna, hub, hang, monkeypatch):
    """As many of her network are there as may be, and one of them is soon done."""
    assert artifact_resolution._PATIENCE == 0.5  # noqa: SLF001 - longer, on a slow machine
    monkeypatch.setattr(artifact_resolution, "_PATIENCE", 20.0)
    monkeypatch.setattr("eilogin.web.limits.slots._LONGEST_HELD", 20.0)
    threading.Timer(0.1, hang(2).let_go).start()
    anna.browser.address = "192.0.2.1"
    anna.bring(hub.artifact())
    assert anna.browser.page.status_int == 400, "the hub was asked, and knows none"


def test_networks_that_invent_artifacts_do_not_wait(
    anna, federation, hub, hang, monkeypatch
):
    """Else they would hold the threads that the slots have left."""
    unknown(hub)
    for _ in range(3):
        one = Clicker(federation, hub)
        one.browser.address = "192.0.2.1"
        one.bring(hub.artifact())
    hang(2)
    monkeypatch.setattr(artifact_resolution, "_PATIENCE", 60.0)
    monkeypatch.setattr("eilogin.web.limits.slots._LONGEST_HELD", 60.0)
    anna.browser.address = "192.0.2.1"
    begun = time.monotonic()
    anna.bring(hub.artifact())
    assert time.monotonic() - begun < 30
    assert is_told_that_it_is_busy(anna.browser)


def test_second_click_that_would_wait_needs_a_slot(anna, hub, hang, waits):
    """While the hub hangs she would hold a thread for each of her clicks."""
    twin = anna.twin()
    unknown(hub)
    for _ in range(artifact_resolution.MOST_ARTIFACTS - 1):
        anna.bring(hub.artifact())
    hanging = hang(1)
    assert hanging.takes(anna, "192.0.2.1")
    count = waits()
    twin.address = "192.0.2.1"
    anna.bring(hub.artifact(), twin)
    assert is_told_that_it_is_busy(twin)
    assert count == []


class TestSeveralSitesInOneProcess:
    @pytest.fixture
    def federation(self, clock, witness, eilogin_federation):
        sites = dict.fromkeys(("uwv.test", "stad.test"), witness)
        said = {"stad.test": {"artifacts_at_once": "2"}}
        return eilogin_federation(sites, options=said)

    def test_have_their_threads_together(self, anna, federation, hub, hang):
        """What hangs at the one is no less in the way of the other."""
        visitor = Clicker(federation, hub, "stad.test")
        other = Clicker(federation, hub, "stad.test")
        hanging = hang(1)
        assert hanging.takes(other, "192.0.2.2")
        visitor.browser.address = "192.0.2.3"
        visitor.bring(hub.artifact())
        assert is_told_that_it_is_busy(visitor.browser), "two are what it was told"
        assert hanging.takes(anna, "192.0.2.3"), "and the other site takes three"


# --- a hub that answers, and not with what was asked ----------------------------------


class FailingHub:
    """It answers with a status, and what a test wants to stand there."""

    def __init__(self, federation, status, body=b""):
        federation.apps["inloggen.test"] = self
        self._status, self._body = status, body

    def __call__(self, environ, start_response):
        start_response(self._status, [("Content-Type", "text/xml")])
        return [self._body]


STATUSES = ["500 Oh", "404 No", "302 There", "502 Bad", "503 Down", "504 Late"]


@pytest.mark.parametrize("status", STATUSES)
def test_gateway_error_does_not_count_as_artifact_attempt(
    anna, federation, hub, status
):
    """The hub never had it, and she may load the page again until it does."""
    hub.carried = hub.answer(anna.request)
    artifact = hub.artifact()
    FailingHub(federation, status, b"<h1>restarting</h1>")
    for _ in range(artifact_resolution.MOST_UNANSWERED):
        anna.bring(artifact)
        assert anna.browser.page.status_int == 502
        assert "Probeer het over een paar minuten opnieuw" in anna.browser.text
    federation.apps["inloggen.test"] = hub
    anna.bring(artifact)
    assert anna.browser.url == UWV


@pytest.mark.parametrize("status", STATUSES)
def test_nobody_is_asked_without_end(anna, federation, hub, status):
    """A hub may so answer what it does not know."""
    FailingHub(federation, status)
    statuses = []
    for _ in range(14):
        anna.bring(hub.artifact())
        statuses.append(anna.browser.page.status_int)
    assert statuses == [502] * 10 + [400] * 4
    assert anna.times_asked == 10


def test_nor_who_is_not_there(anna, federation, hub):
    federation.down.add("inloggen.test")
    statuses = []
    for _ in range(12):
        anna.bring(hub.artifact())
        statuses.append(anna.browser.page.status_int)
    assert statuses == [502] * 10 + [400] * 2


def test_an_answer_for_which_the_machine_has_no_thread_uses_one_up(
    anna, federation, hub, caplog, monkeypatch
):
    """The hub has given it, whatever can be done with it here."""
    start = threading.Thread.start

    def none_left(thread):
        raise RuntimeError("can't start new thread")

    def hub_has_threads(environ, start_response):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            return hub(environ, start_response)

    federation.apps["inloggen.test"] = hub_has_threads
    monkeypatch.setattr(safe_xml, "_MOST_WITH_NEW_NAMES", -1)
    monkeypatch.setattr(threading.Thread, "start", none_left)
    statuses = []
    for _ in range(5):
        hub.carried = hub.answer(anna.request)
        anna.bring(hub.artifact())
        statuses.append(anna.browser.page.status_int)
    assert statuses == [503] * 3 + [400] * 2
    assert anna.times_asked == 3
    assert "(busy): eilogin cannot start a thread to read a message" in caplog.text


@pytest.mark.parametrize(
    "who",
    [("Client", 400, "login-failed"), ("Server", 502, "peer-unavailable")],
    ids=["she or us", "the hub"],
)
def test_a_soap_fault_says_who_is_at_fault(anna, federation, hub, caplog, who):
    fault, status, code = who
    words = bindings.soap_fault(fault, "refused, see 2G3-EZP")
    FailingHub(federation, "500 Internal Server Error", words)
    statuses = []
    for _ in range(6):
        anna.bring(hub.artifact())
        statuses.append(anna.browser.page.status_int)
    assert statuses == [status] * 3 + [400] * 3
    assert anna.times_asked == 3
    assert f"({code}):" in caplog.text
    assert "it says 'refused, see 2G3-EZP'" in caplog.text


def test_a_click_whose_artifact_is_refused_by_a_fault_waits_for_the_first(
    anna, federation, hub, at_once, waits
):
    """As hubs do that remember of an artifact only that they know it no more."""
    slow, first, artifact = at_once
    FailingHub(federation, "500 Oh", bindings.soap_fault("Client", "unknown"))

    def first_comes_back():
        hub.carried = hub.answer(anna.request)
        slow.let_go()
        cookie = first.result(30).cookie("uwv.test", COOKIE)
        anna.browser.set_cookie("uwv.test", COOKIE, cookie)

    count = waits(first_comes_back)
    anna.bring(artifact)
    assert len(count) == 1
    assert anna.browser.url == UWV


# --- in another spelling --------------------------------------------------------------


@pytest.mark.parametrize("extra", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("place", [0, 10, 60])
def test_one_with_a_line_break_is_asked_about_by_nobody(
    anna, hub, caplog, extra, place
):
    """The hub would be asked about another text than the one that was looked at."""
    hub.carried = hub.answer(anna.request)
    artifact = hub.artifact()
    for _ in range(5):
        anna.bring(artifact[:place] + extra + artifact[place:])
        assert anna.browser.page.status_int == 400
    assert "(message-malformed):" in caplog.text
    assert anna.times_asked == 0
    anna.bring(artifact)
    assert anna.browser.url == UWV, "none of them was counted"
