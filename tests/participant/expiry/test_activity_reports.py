"""Activity reports of a participant: which sessions, how many, and by which thread."""

import os
import threading
import time
from dataclasses import replace

import pytest
from lookups import lookups
from webob import Request

from eilogin.errors import StoreUnavailable
from eilogin.federation import Membership
from eilogin.federation.local.profiles import DIGID_PROFILE
from eilogin.participant.expiry import activity_reports
from eilogin.participant.expiry.activity_reports import ActivityReports
from eilogin.saml import bindings, messages
from eilogin.saml.metadata import FederationMetadata
from eilogin.testing.strict_browser import Browser
from eilogin.web import environ as env
from eilogin.web.visit import Visit

UWV = "https://uwv.test/mijn"
HUB = "https://inloggen.test/metadata"
ACTIVITY = "https://inloggen.test/activity"
MINUTE = 60


@pytest.fixture
def signed_in(federation, witness, clock):
    """The environ of a page that Anna looks at, and her login."""
    browser = Browser(federation)
    browser.visit(UWV)
    browser.press("Inloggen", username="anna", password="demo-anna")
    environ = witness.environ
    return environ, Visit(environ).session


@pytest.fixture
def reports(federation):
    def read():
        return [body for url, body in federation.back_channel_log if url == ACTIVITY]

    return read


def without_address(trust):
    """The same trust, with a hub whose metadata has no address for reports."""
    hub = trust.hub_ids[0]
    entity = trust.federation.entity(hub)
    role = replace(entity.identity_provider, activity_services=())
    members = [
        replace(one, identity_provider=role) if one.entity_id == hub else one
        for one in trust.federation.entities
    ]
    found = FederationMetadata(members, valid_until=None, name="", created=None)
    return replace(trust, federation=Membership(found))


class TestTheMessage:
    def test_names_the_session_and_the_last_activity(self, signed_in, reports, clock):
        environ, login = signed_in
        made, now = ActivityReports(), Visit(environ).sessions.touch(login)
        clock.shift(7 * MINUTE)
        now = Visit(environ).sessions.touch(login)
        made.note(Visit(environ), login)
        clock.shift(MINUTE)
        assert made.send() == 1
        element = bindings.unwrap_soap(reports()[0])
        report = messages.read_activity_report(element)
        assert report.active_at == now
        assert report.session_index == login.session_index
        assert report.destination == ACTIVITY
        assert report.name_id == login.who.as_name_id()

    def test_takes_one_look_up_of_the_hub(self, signed_in, clock, monkeypatch):
        environ, login = signed_in
        made = ActivityReports()
        clock.shift(7 * MINUTE)
        Visit(environ).sessions.touch(login)
        counted = lookups(monkeypatch)
        made.note(Visit(environ), login)
        assert counted.pop(HUB) == 1
        assert made.send() == 1
        assert counted[HUB] == 1


class TestNothingIsSent:
    def test_without_new_activity(self, signed_in, reports, clock):
        environ, login = signed_in
        made = ActivityReports()
        made.note(Visit(environ), login)
        clock.shift(6 * MINUTE)
        assert made.send() == 0
        assert reports() == []

    def test_of_a_session_without_an_index(self, signed_in, reports, clock):
        environ, login = signed_in
        made = ActivityReports()
        clock.shift(7 * MINUTE)
        made.note(Visit(environ), replace(login, session_index=None))
        assert made.send() == 0

    def test_to_a_hub_whose_metadata_has_no_address_for_it(self, signed_in, clock):
        environ, login = signed_in
        environ = {**environ, env.TRUST: without_address(Visit(environ).trust)}
        made = ActivityReports()
        clock.shift(7 * MINUTE)
        Visit(environ).sessions.touch(login)
        for _ in range(2):
            made.note(Visit(environ), login)
            assert made.send() == 0

    def test_by_who_follows_digid(self, signed_in, clock):
        environ, login = signed_in
        trust = Visit(environ).trust
        own = replace(trust.own, profile=DIGID_PROFILE)
        made = ActivityReports()
        clock.shift(7 * MINUTE)
        made.note(Visit({**environ, env.TRUST: replace(trust, own=own)}), login)
        assert made.send() == 0

    def test_while_the_store_is_down(self, signed_in, reports, clock, monkeypatch):
        environ, login = signed_in
        sessions, made = Visit(environ).sessions, ActivityReports()
        clock.shift(7 * MINUTE)
        sessions.touch(login)
        made.note(Visit(environ), login)

        def fail(*_):
            raise StoreUnavailable("down")

        monkeypatch.setattr(sessions.store, "read", fail)
        assert made.send() == 0
        assert reports() == []

    def test_twice_by_two_processes(self, signed_in, reports, clock):
        environ, login = signed_in
        one, other = ActivityReports(), ActivityReports()
        clock.shift(7 * MINUTE)
        Visit(environ).sessions.touch(login)
        for made in (one, other):
            made.note(Visit(environ), login)
        assert one.send() + other.send() == 1
        assert len(reports()) == 1

    def test_for_more_sessions_than_one_process_keeps(
        self, signed_in, reports, clock, monkeypatch
    ):
        environ, login = signed_in
        monkeypatch.setattr(activity_reports, "_MOST", 0)
        made = ActivityReports()
        clock.shift(7 * MINUTE)
        Visit(environ).sessions.touch(login)
        made.note(Visit(environ), login)
        assert made.send() == 0

    def test_activity_report_ignores_response_to_another_message(
        self, signed_in, federation, clock, caplog
    ):
        environ, login = signed_in
        made, earlier = ActivityReports(), []

        def same_answer(environ, start_response):
            if not earlier:
                request = Request(environ)
                earlier.append(request.get_response(hub))
            return earlier[0](environ, start_response)

        hub = federation.apps["inloggen.test"]
        federation.apps["inloggen.test"] = same_answer
        for sent in (1, 0):
            clock.shift(6 * MINUTE)
            Visit(environ).sessions.touch(login)
            made.note(Visit(environ), login)
            assert made.send() == sent
        assert "activity: " in caplog.text


class TestTheThread:
    def test_sends_by_itself_and_ends_when_nobody_is_left(
        self, signed_in, reports, clock, monkeypatch
    ):
        environ, login = signed_in
        threads = []

        def start(run):
            threads.append(threading.Thread(target=run, daemon=True))
            threads[-1].start()

        monkeypatch.setattr(activity_reports, "start", start)
        monkeypatch.setattr(activity_reports, "EVERY", 0.01)
        made, sent = ActivityReports(), []
        send = made.send
        monkeypatch.setattr(made, "send", lambda: sent.append(send()))
        clock.shift(7 * MINUTE)
        Visit(environ).sessions.touch(login)
        made.note(Visit(environ), login)
        made.note(Visit(environ), login)
        deadline = time.perf_counter() + 30
        while 1 not in sent:
            assert time.perf_counter() < deadline
            threading.Event().wait(0.01)
        assert len(reports()) == 1
        clock.shift(6 * MINUTE)
        threads[0].join(30)
        assert not threads[0].is_alive()
        # The next visitor starts another one.
        made.note(Visit(environ), login)
        assert len(threads) == 2
        clock.shift(2 * 60 * MINUTE)
        threads[1].join(30)
        assert not threads[1].is_alive()

    def test_sends_at_once_what_is_due(self, signed_in, reports, clock, monkeypatch):
        environ, login = signed_in
        threads = []

        def start(run):
            threads.append(threading.Thread(target=run, daemon=True))
            threads[-1].start()

        monkeypatch.setattr(activity_reports, "start", start)
        monkeypatch.setattr(activity_reports, "EVERY", 1e5)
        made = ActivityReports()
        clock.shift(14 * MINUTE)
        Visit(environ).sessions.touch(login)
        made.note(Visit(environ), login)
        deadline = time.perf_counter() + 30
        while not reports():
            assert time.perf_counter() < deadline
            threading.Event().wait(0.01)

    def test_is_started_in_each_process(self, signed_in, monkeypatch):
        environ, login = signed_in
        started = []
        monkeypatch.setattr(activity_reports, "start", started.append)
        made = ActivityReports()
        made.note(Visit(environ), login)
        made.note(Visit(environ), replace(login, key="another"))
        assert len(started) == 1
        monkeypatch.setattr(os, "getpid", lambda: -1)
        made.note(Visit(environ), replace(login, key="a third"))
        assert len(started) == 2

    def test_that_cannot_start_is_tried_again(self, signed_in, monkeypatch, caplog):
        environ, login = signed_in

        def fail(_):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(activity_reports, "start", fail)
        made = ActivityReports()
        made.note(Visit(environ), login)
        assert "activity: cannot start a thread" in caplog.text
        started = []
        monkeypatch.setattr(activity_reports, "start", started.append)
        made.note(Visit(environ), login)
        assert len(started) == 1
