"""What participants have still to hear of logouts: kept, and told again by one."""

# ruff: noqa: SLF001 - what is in the store is changed, and the process of a thread

import logging
import threading
import time
from contextlib import contextmanager

import pytest
from webob import Request, Response

from eilogin import clock as instants
from eilogin import metrics
from eilogin.errors import StoreUnavailable
from eilogin.hub import hub_jobs, hub_threads
from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.hub_threads import HubThreads, end_expired_sessions, retry_logouts
from eilogin.hub.logout.browser import browser_logout
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.retry_queue import logout_retries
from eilogin.hub.logout.retry_queue.departed_participants import DepartedParticipants
from eilogin.hub.logout.retry_queue.hub_logout_queue import RetryQueue, confirmed_at
from eilogin.saml import bindings, messages
from eilogin.sessions import Login, Subject
from eilogin.stores import StoredSession, Values
from eilogin.web.pipeline.pipeline_objects import object_in

HUB = "https://inloggen.test/metadata"
STAD = "https://stad.test/eilogin/metadata"
LAND = "https://land.test/eilogin/metadata"
#: Seconds after which a logout of a hub with the usual options is told again.
SOON = 10
MINUTE = 60
#: Seconds between two looks of a process.
EVERY = 5
PATIENCE = 60


def at_work_for(federation):
    """The hub as it is without a visitor."""
    return object_in(federation.apps["inloggen.test"], HubJobs)


@pytest.fixture
def hub(federation):
    return at_work_for(federation)


#: What could stand in the store in the place of a logout.
ODD = [
    '{"new": 1}',
    "[null, [], [], []]",
    '["soon", [], [], []]',
    "[1, [{}], [], []]",
    "[1, [], [{}], []]",
    '[1, [], [{"entity_id": {}, "session_indexes": [], "subject": {}}], []]',
    '[1, [], [{"entity_id": "x", "session_indexes": [{}], "subject": {}}], []]',
    "[1, [], [], [2]]",
]


@pytest.fixture
def left(federation, anna, hub):
    """A logout of which some do not know, by the button of the hub."""

    def leave(*hosts):
        federation.down.update(hosts)
        anna.browser.visit("https://inloggen.test/")
        anna.browser.press("Overal uitloggen")
        federation.down.clear()
        [entry] = hub.undelivered.all()
        return entry

    return leave


def waiting(hub):
    """Who has still to hear."""
    return sorted(
        one.entity_id
        for entry in hub.undelivered.all()
        for one in entry.pending.values()
    )


class TestALogout:
    def test_that_has_reached_all_leaves_nothing(self, anna, hub):
        anna.browser.visit("https://inloggen.test/")
        anna.browser.press("Overal uitloggen")
        assert hub.undelivered.all() == []
        assert hub.undelivered.count() == 0

    def test_that_has_not_leaves_who_has_not_heard(self, left, hub):
        entry = left("stad.test", "land.test")
        assert waiting(hub) == [LAND, STAD]
        assert entry.tries == 0
        assert [*entry.reasons.values()] == ["peer-unavailable"] * 2
        assert hub.undelivered.count() == 1

    def test_is_told_until_each_has_heard(self, federation, left, hub, clock):
        left("stad.test", "land.test")
        federation.down.add("land.test")
        clock.shift(SOON)
        assert hub.work() == 1
        assert waiting(hub) == [LAND]
        [entry] = hub.undelivered.all()
        assert entry.tries == 1
        assert {*entry.reasons.values()} == {"peer-unavailable"}

    def test_is_taken_up_by_one_process_at_a_time(self, left, hub, clock):
        left("stad.test")
        clock.shift(SOON)
        queue = hub.undelivered
        [one], [other] = queue.all(), queue.all()
        assert queue.take_up(one)
        assert not queue.take_up(other)

    def test_that_somebody_else_has_told_meanwhile_is_over(self, left, hub, clock):
        entry = left("stad.test")
        clock.shift(SOON)
        assert hub.work() == 1
        assert not hub.undelivered.take_up(entry)
        assert hub.undelivered.find(entry.handle) is None

    @pytest.mark.parametrize("text", ODD)
    def test_that_another_version_wrote_is_left_alone(self, left, hub, sessions, text):
        """And stops nothing."""
        entry = left("stad.test")
        label = entry.key.rpartition(f"-{entry.handle}")[0]
        now = instants.now()
        odd = StoredSession(f"{label}-odd", text, 0.0, now + 60, (label,))
        assert sessions.store.create(odd, issued=now)
        assert [one.key for one in hub.undelivered.all()] == [entry.key]
        hub.undelivered._note(entry, done=["x"], tried={"y": 1})
        assert hub.undelivered.all() == []
        assert hub.work() == 0
        assert sessions.store.read(odd.key) is not None

    def test_of_another_hub_in_the_same_store_is_not_seen(self, left, hub, sessions):
        left("stad.test")
        assert RetryQueue(sessions, "https://other.test/metadata", 7.5).all() == []

    def test_that_ends_while_it_is_written_down_is_none(self, hub, sessions):
        """Its sessions were at their end."""
        there = Recipient(STAD, Subject(HUB, STAD, "x"), ("_1",))
        values, queue = Values(sessions.store, HUB), hub.undelivered
        queue.settle(values, "no such handle", [there], {there: "x"}, [there])
        assert hub.undelivered.all() == []


@pytest.fixture
def answers(federation, party):
    """Have a participant answer what it is told with a status, and end nothing.

    To messages that do not name one of the ``sessions`` it answers as it does.
    """

    @contextmanager
    def answer(host, *codes, sessions=()):
        speaker, site = party(host), federation.apps[host]

        def say(environ, start_response):
            asked = Request(environ)
            request = messages.read_logout_request(bindings.unwrap_soap(asked.body))
            if sessions and not {*sessions} & {*request.session_indexes}:
                return site(environ, start_response)
            response = speaker.logout_response(request, status=messages.Status(codes))
            body = speaker.by_soap(response)
            return Response(body, content_type="text/xml")(environ, start_response)

        federation.apps[host] = say
        yield
        federation.apps[host] = site

    return answer


@pytest.fixture
def refused(left, answers, hub, clock):
    """Have stad be told again once, and answer with a status that is no success."""
    left("stad.test")
    clock.shift(SOON)

    def refuse(*codes):
        with answers("stad.test", *codes):
            assert hub.work() == 0
        clock.shift(60)

    return refuse


class TestTellingAgain:
    def test_goes_to_a_participant_so_often_in_a_round(
        self, hub, monkeypatch, clock, told
    ):
        monkeypatch.setattr(logout_retries, "_MOST_MESSAGES", 2)
        there = [
            Recipient(STAD, Subject(HUB, STAD, f"n{n}"), ("_1",)) for n in range(5)
        ]
        leave(hub, *([one] for one in there))
        clock.shift(SOON)
        told()
        assert hub.work() == 2
        assert told() == ["stad.test", "stad.test"]
        retry_logouts(hub)
        assert hub.undelivered.count() == 0

    def test_reaches_who_is_well_however_much_waits_for_a_dead_one(
        self, federation, hub, monkeypatch, clock, told
    ):
        monkeypatch.setattr(logout_retries, "_MOST_MESSAGES", 3)
        dead = [
            Recipient(STAD, Subject(HUB, STAD, f"d{n}"), ("_1",)) for n in range(20)
        ]
        leave(hub, *([one] for one in dead[:15]))
        well = [Recipient(LAND, Subject(HUB, LAND, f"w{n}"), ("_1",)) for n in range(5)]
        leave(hub, *([one, dead[n]] for n, one in enumerate(well, 15)))
        federation.down.add("stad.test")
        told()
        for _ in range(4):
            clock.shift(SOON)
            hub.work()
        hosts = told()
        assert hosts.count("land.test") == 5
        # After the first time it is asked once in a round.
        assert hosts.count("stad.test") == 4
        federation.down.clear()
        for _ in range(12):
            clock.shift(61)
            retry_logouts(hub)
        assert hub.undelivered.count() == 0

    def test_does_not_wait_for_a_clock_that_was_ahead(self, left, hub, clock, told):
        left("stad.test")
        clock.shift(3600)
        [entry] = hub.undelivered.all()
        assert hub.undelivered.take_up(entry)
        clock.shift(SOON - 3600)
        told()
        [one], [other] = hub.undelivered.all(), hub.undelivered.all()
        assert hub.undelivered.take_up(one)
        assert not hub.undelivered.take_up(other)
        clock.shift(61)
        assert hub.work() == 1

    @pytest.mark.parametrize("hub_options", [{"logout_timeout": "300s"}])
    def test_stops_at_one_that_does_not_answer(self, federation, hub, clock, told):
        there = [
            Recipient(STAD, Subject(HUB, STAD, f"n{n}"), ("_1",)) for n in range(3)
        ]
        leave(hub, *([one] for one in there))
        federation.down.add("stad.test")
        clock.shift(2 * 300)
        told()
        begun = time.monotonic()
        assert hub.work() == 0
        assert told() == ["stad.test"]
        # And does not wait for those behind it, as long as all may take.
        assert time.monotonic() - begun < PATIENCE

    def test_asks_who_is_no_member_any_more_where_its_metadata_had_it_last(
        self, federation, left, clock, leaves, told
    ):
        left("stad.test")
        leaves("stad.test")
        hub = at_work_for(federation)
        told()
        clock.shift(MINUTE)
        assert hub.work() == 1
        assert told() == ["stad.test"]
        assert hub.undelivered.count() == 0

    def test_is_promised_of_who_has_left_for_that_one_is_told_too(
        self, left, anna, leaves
    ):
        left("stad.test")
        leaves("stad.test")
        anna.browser.visit("https://inloggen.test/logout")
        assert "stad.test Hier is uitloggen nog niet gelukt" in anna.browser.text

    def test_is_promised_of_nobody_of_whom_no_metadata_is_left(
        self, left, anna, leaves, monkeypatch
    ):
        """As where the hub did not run when that one left."""
        monkeypatch.setattr(DepartedParticipants, "note", lambda *_: False)
        left("stad.test", "land.test")
        leaves("stad.test")
        anna.browser.visit("https://inloggen.test/logout")
        text = anna.browser.text
        assert "stad.test Hier is uitloggen niet gelukt" in text
        assert "land.test Hier is uitloggen nog niet gelukt" in text

    @pytest.fixture
    def older(self, federation, left, leaves):
        """A process whose metadata has one less than that of another."""
        left("stad.test", "land.test")
        leaves("stad.test")
        return at_work_for(federation)

    def test_leaves_whom_it_does_not_know_to_a_process_that_does(
        self, federation, anna, clock, hub, older
    ):
        """Which always looks a moment later."""
        federation.down.add("land.test")
        for _ in range(2 * MINUTE // EVERY):
            clock.shift(EVERY)
            older.work()
            hub.work()
        assert not anna.is_in_at("stad.test")

    def test_goes_on_for_who_refuses_it_until_she_is_in_there_again(
        self, refused, hub, citizen, told
    ):
        refused(messages.REQUESTER)
        assert waiting(hub) == [STAD]
        citizen.browser.forget("stad.test")
        citizen.sign_in(url="https://stad.test/mijn")
        told()
        assert hub.work() == 0
        assert told() == [], "or it might end what she has now"
        assert hub.undelivered.count() == 0

    def test_goes_on_where_its_trouble_is_its_own_though_she_is_in_there_again(
        self, refused, anna, hub, citizen
    ):
        refused(messages.RESPONDER)
        citizen.browser.forget("stad.test")
        citizen.sign_in(url="https://stad.test/mijn")
        assert hub.work() == 1
        assert "stad.test" not in anna.is_in
        citizen.visit("https://stad.test/mijn")
        assert not citizen.is_asked, "what is new goes on"

    @pytest.mark.parametrize("hub_options", [{"logout_scope": "browser"}])
    @pytest.mark.parametrize(
        "codes",
        [
            (messages.REQUESTER,),
            (messages.RESPONDER, messages.UNKNOWN_PRINCIPAL),
            (messages.RESPONDER,),
        ],
    )
    def test_goes_on_though_she_is_in_there_by_a_login_from_before(
        self, elsewhere, anna, refused, hub, codes
    ):
        """In another browser, which a logout leaves alone."""
        refused(*codes)
        assert hub.work() == 1
        assert "stad.test" not in anna.is_in
        assert "stad.test" in elsewhere.is_in

    @pytest.mark.parametrize("hub_options", [{"logout_scope": "browser"}])
    def test_is_not_done_by_a_logout_of_another_browser_either_where_that_is_so(
        self, elsewhere, refused, hub, citizen, federation
    ):
        index = elsewhere.login_at("stad.test").session_index
        refused(messages.REQUESTER)
        citizen.browser.forget("stad.test")
        citizen.sign_in(url="https://stad.test/mijn")
        assert hub.work() == 0
        press(elsewhere.browser)
        assert "stad.test" not in elsewhere.is_in
        assert _last_request(federation).session_indexes == (index,)
        citizen.visit("https://stad.test/mijn")
        assert not citizen.is_asked

    def test_is_by_a_message_that_is_new(self, federation, left, clock, hub):
        left("stad.test")
        before = _last_request(federation)
        clock.shift(SOON)
        hub.work()
        after = _last_request(federation)
        assert after.id != before.id
        assert after.issued == before.issued + SOON
        assert after.session_indexes == before.session_indexes


def _last_request(federation):
    """What stad was told last."""
    log = federation.back_channel_log
    *_, body = [body for url, body in log if "//stad.test/" in url]
    return messages.read_logout_request(bindings.unwrap_soap(body))


def leave(hub, *logouts):
    """Have the hub know of logouts, each with those whom nobody has told."""
    now = instants.now()
    for number, told in enumerate(logouts):
        who = Subject(HUB, HUB, f"c{number} {told[0].subject.name_id}")
        login = Login(who, "basis", now, now + 7200, now)
        login = hub.sessions.find(hub.sessions.create_login(login, issued=now))
        hub.undelivered.begin(f"h{number}-{told[0].subject.name_id}", [login], told)
        hub.sessions.end_citizen(login)


#: What a thread is called that does the work of a hub.
NAME = "eilogin-at-work"


def at_work_here():
    """How many such threads there are, those of other tests too."""
    return sum(thread.name == NAME for thread in threading.enumerate())


class TestTheThread:
    @pytest.fixture
    def rounds(self, monkeypatch):
        """Have it work at once and often; set when it has."""
        done = threading.Event()
        monkeypatch.setattr(hub_jobs, "EVERY", 0.01)
        monkeypatch.setattr(hub_threads, "retry_logouts", lambda hub: done.set())
        return done

    def test_is_one_of_each_kind_for_a_process(self, hub, rounds):
        before = at_work_here()
        worker = HubThreads()
        worker.see(hub)
        worker.see(hub)
        assert at_work_here() == before + 3
        assert rounds.wait(PATIENCE)

    def test_is_another_one_in_a_child(self, hub, rounds):
        worker, before = HubThreads(), at_work_here()
        worker.see(hub)
        # As if this were a child of the process in which they run.
        worker._pid = worker._begun_in = -1
        worker.see(hub)
        assert at_work_here() == before + 6
        assert rounds.wait(PATIENCE)

    def test_that_cannot_be_begun_now_is_begun_later(
        self, hub, rounds, monkeypatch, caplog
    ):
        start, left = (
            threading.Thread.start,
            [None, None, RuntimeError("no thread"), None],
        )

        def may_fail(thread):
            fault = left.pop() if thread.name == NAME else None
            if fault is not None:
                raise fault
            start(thread)

        worker, before = HubThreads(), at_work_here()
        monkeypatch.setattr(threading.Thread, "start", may_fail)
        worker.see(hub)
        assert (
            "cannot start the background thread of this process; the next request"
            " tries again: no thread" in caplog.text
        )
        worker.see(hub)
        assert at_work_here() == before + 3
        assert rounds.wait(PATIENCE)
        worker.see(hub)
        assert left == []

    @pytest.mark.parametrize(
        "error_and_level",
        [(StoreUnavailable("down"), logging.WARNING), (KeyError("x"), logging.ERROR)],
    )
    @pytest.mark.parametrize(
        "verb_and_round",
        [
            ("retry_logouts", retry_logouts),
            ("end_expired_sessions", end_expired_sessions),
        ],
    )
    def test_outlives_what_goes_wrong(
        self, hub, monkeypatch, caplog, verb_and_round, error_and_level
    ):
        (verb, round_of), (error, level) = verb_and_round, error_and_level

        def fail(self):
            raise error

        monkeypatch.setattr(HubJobs, verb, fail)
        round_of(hub)
        [record] = [one for one in caplog.records if " failed" in one.getMessage()]
        assert record.levelno == level

    def test_says_how_many_it_has_reached(self, left, hub, clock, caplog):
        caplog.set_level(logging.INFO)
        left("stad.test")
        clock.shift(SOON)
        retry_logouts(hub)
        assert "logouts delivered from the retry queue: 1" in caplog.text


class TestWhoNeedsHerBrowser:
    """And was not told there: nobody can tell that one now, and it is not forgotten."""

    @pytest.fixture
    def hub_options(self):
        return {"logout_binding": f"{STAD} browser"}

    @pytest.fixture
    def walked_away(self, anna, citizen, clock):
        """She leaves the page of the frames, and logs in anew."""
        press(anna.browser)
        clock.shift(1)
        citizen.sign_in()
        return anna

    def test_is_not_tried_by_itself(self, walked_away, hub, clock):
        assert "stad.test" in walked_away.is_in
        clock.shift(SOON)
        assert hub.work() == 0
        assert hub.undelivered.count() == 0

    def test_is_told_with_her_next_logout(self, walked_away):
        press(walked_away.browser)
        assert "overal" not in walked_away.browser.title
        walked_away.browser.open_frames()
        walked_away.browser.click("Ga verder")
        assert "U bent overal uitgelogd" in walked_away.browser.title
        assert "stad.test" not in walked_away.is_in

    def test_is_over_once_it_has_confirmed(self, anna, citizen, clock):
        press(anna.browser)
        anna.browser.open_frames()
        clock.shift(1)
        citizen.sign_in()
        press(anna.browser)
        assert "U bent overal uitgelogd" in anna.browser.title

    def test_keeps_a_logout_without_her_browser_partial(
        self, walked_away, party, call, service_of, sessions
    ):
        uwv = service_of("uwv.test")
        walked_away.browser.visit(uwv.address(uwv.request()))
        _, assertion = uwv.answer()
        speaker = party("uwv.test")
        index = assertion.session_index
        request = speaker.logout_request(
            assertion.name_id, "https://inloggen.test/slo/soap", index
        )
        url = "https://inloggen.test/slo/soap"
        answer = call("POST", url, speaker.by_soap(request), Content_Type="text/xml")
        response = messages.read_logout_response(bindings.unwrap_soap(answer.body))
        assert messages.PARTIAL_LOGOUT in response.status.codes


def press(browser):
    browser.visit("https://inloggen.test/")
    browser.press("Overal uitloggen")


@pytest.fixture
def failed(anna, sessions, monkeypatch):
    """A logout before whose end the store has gone away."""

    def fail(login):
        raise StoreUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "end_citizen", fail)
        press(anna.browser)
    assert anna.browser.page.status_int == 503
    return anna


def test_a_new_proof_is_not_ended_by_a_logout_of_before_it(
    failed, citizen, hub, clock, sessions
):
    """The next visit carries out that logout, and then a new proof is asked for."""
    anna = failed
    clock.shift(5)
    anna.browser.visit("https://inloggen.test/login?level=midden")
    assert "U bent overal uitgelogd" in anna.browser.text
    anna.browser.visit("https://inloggen.test/login?level=midden")
    fields = {"username": "anna", "password": "demo-anna", "code": citizen.code()}
    anna.browser.press("Inloggen", **fields)
    new = citizen.cookie
    clock.shift(10)
    assert hub.work() == 0
    assert sessions.find(new)
    assert not anna.is_in_at("stad.test")
    assert hub.undelivered.count() == 0


@pytest.mark.parametrize("where", ["/", "/logout"])
@pytest.mark.parametrize("change", [lambda said: [*said, "new"], lambda said: [1]])
def test_a_receipt_of_another_version_stops_no_page(
    left, anna, another_version_kept, where, change
):
    left("stad.test")
    another_version_kept(":receipt:", change)
    anna.browser.visit(f"https://inloggen.test{where}")
    assert anna.browser.page.status_int == 200


@pytest.fixture
def ask_again(anna, party, logout_of, call):
    """Send one and the same LogoutRequest over SOAP."""
    body = party("uwv.test").by_soap(logout_of())
    return lambda: call("POST", "https://inloggen.test/slo/soap", body)


@pytest.mark.parametrize(
    ("change", "status"),
    [(lambda said: [*said, "new"], 200), (lambda said: [1], 500)],
)
def test_nor_does_an_outcome(ask_again, another_version_kept, change, status):
    """A newer version has more to say; of what cannot be read nothing is said."""
    ask_again()
    another_version_kept(":logout-request:", change)
    answer = ask_again()
    assert answer.status_int == status
    assert "internal" not in answer.text


class TestAnAddressOfALogout:
    """Of which another version has kept more, or what cannot be read here."""

    CHANGES = pytest.mark.parametrize(
        ("change", "status"),
        [(lambda said: [*said, "new"], 200), (lambda said: [1], 400)],
    )

    @CHANGES
    def test_is_a_page(self, federation, anna, another_version_kept, change, status):
        federation.down.add("stad.test")
        anna.browser.visit("https://uwv.test/eilogin/logout")
        another_version_kept(":here-logout:", change)
        anna.browser.reload()
        assert anna.browser.page.status_int == status
        assert "stad.test" in anna.is_in

    @CHANGES
    @pytest.mark.parametrize("hub_options", [{"confirm_logout": "true"}])
    def test_is_the_page_that_asks_whether(
        self, anna, another_version_kept, change, status
    ):
        anna.browser.visit("https://uwv.test/eilogin/logout")
        another_version_kept(":confirm-logout:", change)
        anna.browser.reload()
        assert anna.browser.page.status_int == status
        assert "stad.test" in anna.is_in


class TestAnEarlierLogout:
    """Its own matter until its session would be over, whatever comes after it."""

    def test_is_not_forgotten_where_there_is_nothing_more_to_end(
        self, federation, left, hub, clock
    ):
        """An operator makes sure."""
        left("stad.test")
        federation.down.add("stad.test")
        clock.shift(1)
        [who] = hub.called("anna")
        assert hub.end(who, None).waiting == [STAD]
        assert waiting(hub) == [STAD]
        federation.down.clear()
        clock.shift(SOON)
        assert hub.work() == 1
        assert waiting(hub) == []

    def test_is_told_with_a_later_one(self, left, hub, citizen, clock, anna):
        left("stad.test")
        clock.shift(1)
        citizen.sign_in()
        press(anna.browser)
        assert "U bent overal uitgelogd" in anna.browser.title
        assert "stad.test" not in anna.is_in
        assert hub.undelivered.count() == 0

    def test_does_not_last_longer_by_a_later_one(
        self, federation, anna, citizen, clock
    ):
        """What she had there is over by itself."""
        federation.down.add("stad.test")
        press(anna.browser)
        for _ in range(3):
            clock.shift(3000)
            citizen.sign_in()
            press(anna.browser)
        assert "U bent overal uitgelogd" in anna.browser.title

    def test_of_who_cannot_be_told_any_more_keeps_the_next_one_partial(
        self, federation, anna, citizen, clock, leaves
    ):
        federation.down.add("stad.test")
        leaves("stad.test")
        press(anna.browser)
        clock.shift(1)
        citizen.sign_in()
        press(anna.browser)
        assert "nog niet overal" in anna.browser.title
        assert "stad.test" in anna.is_in

    def test_leaves_no_more_frames_than_a_page_can_have(self, hub, clock):
        indexes = tuple(f"_{number}" for number in range(30))
        told = browser_logout._each_apart(
            Recipient(STAD, Subject(HUB, STAD, "x"), indexes)
        )
        assert len(told) == 8
        assert [index for one in told for index in one.session_indexes] == [*indexes]


class TestWhoIsNotToldForSheIsInThereAgain:
    """What is said of the older session might end the new one: nobody says it now."""

    @pytest.fixture
    def hub_options(self):
        return {"logout_binding": "* soap"}

    @pytest.fixture
    def missed_twice(self, federation, anna, citizen, clock):
        """Stad has heard of neither of two logouts; what she reads of the second."""
        federation.down.add("stad.test")
        press(anna.browser)
        clock.shift(1)
        federation.down.clear()
        anna.browser.forget("stad.test")
        citizen.sign_in(url="https://stad.test/mijn")
        second = anna.login_at("stad.test")
        federation.down.add("stad.test")
        press(anna.browser)
        federation.down.clear()
        return second

    @pytest.fixture
    def given_up(self, missed_twice, hub, answers, clock, another):
        """Of the second one it says that it knows none of it, and she logs in there."""
        clock.shift(SOON)
        index = missed_twice.session_index
        with answers("stad.test", messages.REQUESTER, sessions=[index]):
            assert hub.work() == 1, "of the first logout it has heard"
        clock.shift(1)
        another.sign_in(url="https://stad.test/mijn")
        clock.shift(60)
        assert hub.work() == 0
        return missed_twice

    def is_in_by(self, federation, login):
        return federation.apps["stad.test"].sessions.store.read(login.key) is not None

    def test_she_is_not_said_to_be_out_everywhere(self, federation, anna, given_up):
        assert self.is_in_by(federation, given_up)
        anna.browser.visit("https://inloggen.test/logout")
        assert "nog niet overal uitgelogd" in anna.browser.title
        assert "stad.test Deze dienst heeft het niet bevestigd" in anna.browser.text

    def test_is_told_with_her_next_logout(
        self, federation, anna, given_up, another, clock
    ):
        press(another.browser)
        assert "U bent overal uitgelogd" in another.browser.title
        assert not self.is_in_by(federation, given_up)
        assert not anna.is_in
        anna.browser.visit("https://inloggen.test/logout")
        assert "U bent overal uitgelogd" in anna.browser.title
        assert "stad.test Uitgelogd om 10.01 uur" in anna.browser.text

    def test_is_not_known_to_be_out_by_another_name_of_hers(self, hub, sessions, clock):
        one, other = (
            Recipient(STAD, Subject(HUB, STAD, name), ("_1",)) for name in "ab"
        )
        leave(hub, [one, other])
        [entry] = hub.undelivered.all()
        numbers = {told: number for number, told in entry.pending.items()}
        values, queue = Values(sessions.store, HUB), hub.undelivered
        entry = queue.hold(entry, {numbers[one]: one})
        queue.note_confirmed(values, entry, [numbers[other]])
        assert not confirmed_at(values, entry.handle, STAD)
        [held] = queue.records_of(entry.handle)
        queue.note_confirmed(values, held, [*held.pending])
        assert confirmed_at(values, entry.handle, STAD)


PARTLY = messages.SUCCESS, messages.PARTIAL_LOGOUT
#: What she reads of who has said so.
MAYBE = "stad.test Uitgelogd, maar bij diensten die hierbij horen"


class TestOneThatAnswersThatItHasNotReachedAllBehindIt:
    """She is out there, and nobody claims more; nor does anybody ask once more."""

    @pytest.fixture
    def logs_out(self, anna, answers):
        def log_out():
            with answers("stad.test", *PARTLY):
                anna.browser.press("Overal uitloggen")

        anna.browser.visit("https://inloggen.test/")
        return log_out

    @pytest.fixture
    def partly(self, logs_out):
        logs_out()

    @pytest.fixture
    def reads(self, anna):
        """What her receipt says now."""

        def read():
            anna.browser.visit("https://inloggen.test/logout")
            return anna.browser.text

        return read

    @pytest.mark.usefixtures("partly")
    def test_is_said_of_it_and_of_no_other(self, anna, reads):
        assert "nog niet overal uitgelogd" in anna.browser.title
        for text in (anna.browser.text, reads()):
            assert MAYBE in text
            assert "land.test Uitgelogd om 10.00 uur" in text
            assert "Hier is uitloggen niet gelukt" not in text
            assert "Sluit nu uw hele browser" in text
            assert "Kijk opnieuw" not in text, "nothing will come of it by itself"

    def test_is_told_no_more_by_itself(self, logs_out, hub, clock, delivered, reads):
        logs_out()
        told = delivered()
        assert (STAD, "failed") in told
        for _ in range(3):
            clock.shift(MINUTE)
            assert hub.work() == 0
        assert delivered() == told
        assert hub.undelivered.count() == 0
        assert MAYBE in reads()

    @pytest.mark.usefixtures("partly")
    def test_is_for_an_operator_to_see(self, hub):
        [entry] = hub.undelivered.held()
        assert [one.entity_id for one in entry.pending.values()] == [STAD]
        assert [hub.undelivered.state(entry, n) for n in entry.pending] == ["partly"]

    def test_is_the_same_where_her_session_would_be_over(
        self, logs_out, clock, hub, reads
    ):
        clock.shift(100 * MINUTE)
        logs_out()
        assert hub.undelivered.held()
        clock.shift(30 * MINUTE)
        assert hub.undelivered.held() == []
        assert MAYBE in reads()

    def test_counts_for_less_where_it_knows_another_name_of_hers_too(
        self, hub, sessions
    ):
        one, other = (
            Recipient(STAD, Subject(HUB, STAD, name), ("_1",)) for name in "ab"
        )
        leave(hub, [one, other])
        [entry] = hub.undelivered.all()
        values, queue = Values(sessions.store, HUB), hub.undelivered
        entry = queue.note_partial(values, entry, [0])
        assert [*entry.pending.values()] == [other], "which is told again"
        [held] = queue.held()
        assert [told.is_partial for told in held.pending.values()] == [True]
        for _ in range(2):
            # What it says twice is not written down twice.
            queue.note_browser_response(values, entry.handle, STAD, is_partial=True)
            assert queue.count() == 0
            [held] = queue.held()
            principals = [told.principal for told in held.pending.values()]
            assert principals == [one.principal, other.principal]

    def test_is_known_of_an_earlier_logout_by_a_later_one(  # noqa: PLR0913, PLR0917
        self, left, hub, clock, citizen, answers, anna, reads
    ):
        """Of which stad has not heard at all."""
        left("stad.test")
        proof = anna.browser.cookie("inloggen.test", "__Host-eilogin-logging-out")
        assert "stad.test Hier is uitloggen nog niet gelukt" in reads()
        clock.shift(2)
        citizen.sign_in()
        with answers("stad.test", *PARTLY):
            press(citizen.browser)
        assert MAYBE in citizen.browser.text
        anna.browser.set_cookie("inloggen.test", "__Host-eilogin-logging-out", proof)
        assert MAYBE in reads()
        assert hub.undelivered.count() == 0


class TestOneThatAnswersSoLate:
    """Nobody tells it once more, but with her next logout."""

    @pytest.fixture
    def hub_options(self):
        return {"logout_binding": "* soap"}

    @pytest.fixture
    def took(self, monkeypatch):
        """How long logouts have taken, for the numbers of the hub."""
        took = []
        monkeypatch.setattr(metrics, "logout_took", took.append)
        return took

    @pytest.fixture
    def partly(self, left, hub, clock, answers, took):
        left("stad.test", "land.test")
        clock.shift(SOON)
        with answers("stad.test", *PARTLY):
            assert hub.work() == 2
        assert hub.undelivered.count() == 0

    def test_leaves_the_others_told(self, anna, partly):
        anna.browser.visit("https://inloggen.test/logout")
        text = anna.browser.text
        assert "nog niet overal uitgelogd" in anna.browser.title
        assert "land.test Uitgelogd om 10.00 uur" in text
        assert MAYBE in text
        assert "Kijk opnieuw" not in text, "nobody tells it by himself"

    def test_is_not_the_end_of_that_logout(self, partly, took):
        assert took == []

    def test_makes_no_later_logout_one_of_everywhere(self, citizen, partly, answers):
        citizen.sign_in()
        with answers("stad.test", *PARTLY):
            press(citizen.browser)
        assert "nog niet overal uitgelogd" in citizen.browser.title

    def test_is_told_with_her_next_logout(self, anna, citizen, partly, took, clock):
        proof = anna.browser.cookie("inloggen.test", "__Host-eilogin-logging-out")
        clock.shift(60)
        citizen.sign_in()
        press(citizen.browser)
        assert "U bent overal uitgelogd" in citizen.browser.title
        anna.browser.set_cookie("inloggen.test", "__Host-eilogin-logging-out", proof)
        anna.browser.visit("https://inloggen.test/logout")
        assert "U bent overal uitgelogd" in anna.browser.title
        assert "stad.test Uitgelogd om 10.01 uur" in anna.browser.text
        assert took == [0.0]


@pytest.mark.parametrize("clicks", [2, 4])
def test_logouts_at_once_forget_nothing(federation, anna, hub, clock, clicks):
    federation.down.add("stad.test")
    browsers = []
    for _ in range(clicks):
        browser = federation.browser()
        browser.set_cookie("inloggen.test", "__Host-eilogin", anna.cookie)
        browser.visit("https://inloggen.test/")
        browsers.append(browser)
    together = threading.Barrier(clicks, timeout=PATIENCE)

    def click(browser):
        together.wait()
        browser.press("Overal uitloggen")

    threads = [threading.Thread(target=click, args=(one,)) for one in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert STAD in waiting(hub)
    federation.down.clear()
    clock.shift(SOON)
    retry_logouts(hub)
    assert "stad.test" not in anna.is_in
    assert waiting(hub) == []
