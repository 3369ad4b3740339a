"""While a site runs: what became active is used, and a child refreshes when due."""

import gc
import itertools
import logging
import os
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import replace

import pytest

from eilogin import clock as instants
from eilogin.federation import Trust
from eilogin.federation.local.local_keys import OwnKey
from eilogin.federation.refresh import refresh_process, refresh_schedule
from eilogin.federation.refresh.metadata_refresh import refresh
from eilogin.federation.refresh.usable_hubs import folder_of
from eilogin.federation.state.state_folder import SiteFolder, slot_count
from eilogin.federation.trust_start import trust_of
from eilogin.filters.trust import TrustFilter
from eilogin.saml.metadata import write_federation
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.web import environ as env
from eilogin.web.pipeline.pipeline_objects import object_in

HUB, UWV = "https://hub.test/metadata", "https://uwv.test/eilogin/metadata"
STAD = "https://stad.test/eilogin/metadata"
LAND = "https://land.test/eilogin/metadata"
PATIENCE = 60


@pytest.fixture
def options(sources):
    return sources.site()


@pytest.fixture
def site(options):
    return Site(options)


class Site:
    """A site, of which each request says whom it trusts."""

    def __init__(self, options):
        self.folder = folder_of(options)
        self.filter = TrustFilter(self._app, trust_of(options))
        self.seen = None

    def _app(self, environ, start_response):
        self.seen = environ[env.TRUST]
        return []

    def request(self, **said):
        asked = {"PATH_INFO": "/", "REQUEST_METHOD": "GET", env.SESSION: None, **said}
        list(self.filter(asked, None))
        return self.seen

    def knows(self, name):
        return name in [one.entity_id for one in self.request().federation.entities]

    def waits_until(self, is_so, seconds=PATIENCE):
        ends = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < ends, "it did not come"
            time.sleep(0.02)

    def make_due(self):
        """Have the next refresh be at once."""
        active = self.folder.active
        tries = replace(active.tries, due=instants.now())
        self.folder.put_active(replace(active, tries=tries))


class TestWhatBecameActive:
    def test_is_used_within_a_second(self, site, options, sources):
        assert refresh_schedule.EVERY < 1, "on a machine that is not busy, that is"
        assert not site.knows(STAD)
        sources.publish(HUB, UWV, STAD)
        refresh(options, site.folder)
        site.waits_until(lambda: site.knows(STAD))

    def test_before_the_first_request_is_used_by_that(self, site, options, sources):
        sources.publish(HUB, UWV, STAD)
        refresh(options, site.folder)
        assert site.knows(STAD)

    def test_leaves_requests_under_way_with_what_they_had(self, site, options, sources):
        before = site.request()
        sources.publish(HUB, UWV, STAD)
        refresh(options, site.folder)
        site.waits_until(lambda: site.knows(STAD))
        assert len(before.federation.entities) == 2
        assert site.seen.own is before.own

    def test_is_told_to_who_asked_for_that(self, site, options, sources):
        told = []
        site.filter.trust.watch.subscribe(lambda old, new: told.append((old, new)))
        first = site.request().federation
        sources.publish(HUB, UWV, STAD)
        refresh(options, site.folder)
        site.waits_until(lambda: told)
        ((old, new),) = told
        assert old is first
        assert new.federation is site.request().federation
        assert new.hub_ids == (HUB,)

    def test_is_told_once_where_a_certificate_of_it_ends_soon(  # noqa: PLR0913, PLR0917
        self, site, options, sources, make_own, key, operator, caplog
    ):
        site.request()
        again = new_key_pair("again", days=20, private=key.private)
        keys = (OwnKey.of(SigningKey.load(*again)),)
        hub = make_own("hub", entity_id=HUB, public_url="https://hub.test", keys=keys)
        members, said = [make_own().descriptor(), hub.descriptor()], f"'{HUB}' ends at"
        with caplog.at_level(logging.WARNING, "eilogin"):
            for name in ("Proef", "Test"):
                sources.octets = write_federation(
                    members, name=name, valid_until=instants.now() + 9e6, key=operator
                )
                refresh(options, site.folder)
                site.waits_until(
                    lambda name=name: site.filter.trust.federation.name == name
                )
                site.waits_until(lambda: said in caplog.text)
        assert caplog.text.count(said) == 1

    def test_and_changes_while_it_is_read_is_used_the_next_time(
        self, site, options, sources, monkeypatch
    ):
        sources.publish(HUB, UWV, STAD)
        refresh(options, site.folder)
        read = SiteFolder.active.fget

        def active(folder):
            found = read(folder)
            monkeypatch.undo()
            folder.put_active(found)
            return found

        monkeypatch.setattr(SiteFolder, "active", property(active))
        watch = site.filter.trust.watch
        watch.check_state()
        assert len(site.filter.trust.federation.entities) == 2
        watch.check_state()
        assert len(site.filter.trust.federation.entities) == 3

    def test_by_other_options_is_not_used(self, site, sources, caplog):
        site.request()
        (sources.folder / "other.xml").write_bytes(sources.made(HUB, UWV, STAD))
        with caplog.at_level(logging.ERROR, "eilogin"):
            trust_of(sources.site(federation=f"{sources.folder}/other.xml"))
            site.waits_until(
                lambda: ("other options made the active metadata") in caplog.text
            )
        assert not site.knows(STAD)

    def test_by_other_options_is_left_so(self, site, sources, monkeypatch):
        """By who runs on with the older ones: nobody's decision is taken back."""
        begun = []
        monkeypatch.setattr(refresh_schedule, "Child", lambda *_: begun.append(1))
        monkeypatch.setattr(
            refresh_schedule, "REFRESH_THREAD", refresh_schedule.RefreshThread()
        )
        watch = site.filter.trust.watch
        site.make_due()
        watch.check_state()
        (sources.folder / "other.xml").write_bytes(sources.made(HUB, UWV, STAD))
        trust_of(sources.site(federation=f"{sources.folder}/other.xml"))
        state = site.folder.active.state
        site.make_due()
        for _ in range(2):
            watch.tick()
            assert not watch.refresh_if_due()
        assert not begun
        assert site.folder.active.state == state

    def test_and_cannot_be_read_changes_nothing(self, site, caplog):
        with caplog.at_level(logging.ERROR, "eilogin"):
            site.request()
            (site.folder.path / "active.json").write_text("{")
            site.waits_until(lambda: "cannot use the active" in caplog.text)
            time.sleep(2 * refresh_schedule.EVERY)
        assert caplog.text.count("cannot use the active") == 1, (
            "once for as long as it is"
        )
        assert site.knows(UWV)


class TestARefresh:
    def test_that_is_due_is_done_by_a_child(self, site, sources):
        site.request()
        sources.publish(HUB, UWV, STAD)
        site.make_due()
        site.waits_until(lambda: site.knows(STAD))
        assert site.folder.active.tries.due > instants.now()

    def test_is_done_each_time_that_it_is_due(self, site, sources):
        site.request()
        for name in (STAD, LAND):
            sources.publish(HUB, UWV, name)
            site.make_due()
            site.waits_until(lambda name=name: site.knows(name), seconds=30)

    def test_is_done_again_where_it_is_due_before_its_child_has_ended(
        self, site, sources, monkeypatch
    ):
        """Who looks whether a child has ended comes when it is due again."""
        is_done = refresh_process.Child.is_done

        def is_done_later(one):
            if not is_done(one):
                return False
            if not one.is_read:
                monkeypatch.undo()
                sources.publish(HUB, UWV, LAND)
                site.make_due()
            return True

        site.request()
        sources.publish(HUB, UWV, STAD)
        monkeypatch.setattr(refresh_process.Child, "is_done", is_done_later)
        site.make_due()
        site.waits_until(lambda: site.knows(LAND), seconds=30)

    def test_that_could_note_nothing_is_not_begun_again_at_once(
        self, site, tmp_path, monkeypatch
    ):
        """As on a disk that is full."""
        begun = tmp_path / "begun"
        monkeypatch.setattr(
            refresh_process, "RUN", f"open({str(begun)!r}, 'a').write('x')"
        )
        site.request()
        site.make_due()
        site.waits_until(begun.exists)
        time.sleep(4 * refresh_schedule.EVERY)
        assert begun.read_text() == "x"

    def test_logs_here_what_the_child_says(self, site, sources, caplog):
        with caplog.at_level(logging.INFO, "eilogin"):
            site.request()
            sources.publish(HUB, UWV, STAD)
            site.make_due()
            site.waits_until(lambda: "is active, with 3 members" in caplog.text)

    def test_is_one_at_a_time(self, site, sources):
        with site.folder.locked(0):
            site.request()
            site.make_due()
            asked = len(sources.asked)
            time.sleep(3 * refresh_schedule.EVERY)
            assert len(sources.asked) == asked
        site.waits_until(lambda: len(sources.asked) > asked)

    def test_waits_for_its_turn_where_other_sites_are_at_it(self, site, sources):
        """Those whose folders lie beside it."""
        other = SiteFolder.of(site.folder.path.parent, STAD)
        held = [other.slot() for _ in range(slot_count())]
        assert site.folder.slot() is None
        site.request()
        site.make_due()
        asked = len(sources.asked)
        time.sleep(3 * refresh_schedule.EVERY)
        assert len(sources.asked) == asked
        assert _is_free(site.folder)
        for number in held:
            os.close(number)
        site.waits_until(lambda: len(sources.asked) > asked)

    def test_waits_for_nobody_where_turns_cannot_be_told(
        self, site, sources, monkeypatch
    ):
        (site.folder.path.parent / "turn-0").mkdir()
        asked = len(sources.asked)
        site.request()
        site.make_due()
        site.waits_until(lambda: len(sources.asked) > asked)

    def test_is_not_done_again_where_another_process_was_first(
        self, site, options, monkeypatch
    ):
        lock, watch = SiteFolder.lock, site.filter.trust.watch

        def refreshed_first(folder):
            monkeypatch.undo()
            with folder.locked(0):
                refresh(options, folder)
            return lock(folder)

        site.make_due()
        watch.check_state()
        monkeypatch.setattr(SiteFolder, "lock", refreshed_first)
        assert not watch.refresh_if_due()
        assert _is_free(site.folder)

    def test_is_not_done_where_that_is_off(self, sources):
        site = Site(sources.site(federation_refresh="off"))
        site.request()
        site.make_due()
        asked = len(sources.asked)
        time.sleep(3 * refresh_schedule.EVERY)
        assert len(sources.asked) == asked

    def test_by_a_child_that_dies_is_noted_and_tried_later(
        self, site, sources, monkeypatch, caplog
    ):
        monkeypatch.setattr(
            refresh_process,
            "RUN",
            "import os, sys; print('so', file=sys.stderr); os.abort()",
        )
        with caplog.at_level(logging.ERROR, "eilogin"):
            site.request()
            site.make_due()
            site.waits_until(lambda: site.folder.active.tries.failures == 1)
        assert "ended with status -6" in site.folder.active.tries.why
        assert site.folder.active.tries.due > instants.now() + 50
        assert "so" in caplog.messages
        # Who has noted it had the lock for that.
        site.waits_until(lambda: _is_free(site.folder))

    def test_by_a_child_that_hangs_is_ended(self, site, monkeypatch):
        monkeypatch.setattr(refresh_process, "RUN", "import time; time.sleep(600)")
        monkeypatch.setattr(refresh_process, "LONGEST", 0.1)
        site.request()
        site.make_due()
        site.waits_until(lambda: site.folder.active.tries.failures == 1)
        assert "ended with status -9" in site.folder.active.tries.why

    def test_holds_the_lock_for_as_long_as_the_child_lives(
        self, site, monkeypatch, tmp_path
    ):
        goes_on = tmp_path / "goes on"
        run = (
            "import os, time\n"
            f"while not os.path.exists({str(goes_on)!r}): time.sleep(0.05)"
        )
        monkeypatch.setattr(refresh_process, "RUN", run)
        site.request()
        site.make_due()
        site.waits_until(lambda: not _is_free(site.folder))
        goes_on.touch()
        site.waits_until(lambda: _is_free(site.folder))

    def test_that_cannot_be_begun_is_told_once(self, site, monkeypatch, caplog):
        monkeypatch.setattr(refresh_process, "python", lambda: "/no/python3")
        with caplog.at_level(logging.ERROR, "eilogin"):
            site.request()
            site.make_due()
            site.waits_until(lambda: "cannot begin a refresh" in caplog.text)
            time.sleep(3 * refresh_schedule.EVERY)
        assert caplog.text.count("cannot begin a refresh") == 1
        assert _is_free(site.folder)


class TestAFileOfThisMachine:
    """Nobody waits an hour for what lies here."""

    @pytest.fixture
    def options(self, sources):
        return sources.site(federation=f"{sources.folder}/federation.xml")

    def test_that_has_changed_is_not_read_where_that_is_off(self, sources):
        here = f"{sources.folder}/federation.xml"
        site = Site(sources.site(federation=here, federation_refresh="off"))
        watch = site.filter.trust.watch
        sources.publish(HUB, UWV, STAD)
        watch.tick()
        watch.tick()
        assert not watch.refresh_if_due()
        assert not site.knows(STAD)

    @pytest.fixture
    def begun(self, monkeypatch):
        """How often a child was begun; it has read the files, and found no fault."""
        begun = []
        monkeypatch.setattr(refresh_schedule, "Child", lambda *_: begun.append(1))
        monkeypatch.setattr(
            refresh_schedule, "REFRESH_THREAD", refresh_schedule.RefreshThread()
        )
        return begun

    def test_is_read_once_nobody_writes_it_any_more(self, site, sources, begun):
        watch = site.filter.trust.watch
        watch.tick()
        for names in ([HUB], [HUB, STAD]):
            sources.publish(*names)
            watch.tick()
            assert not begun
        watch.tick()
        assert len(begun) == 1
        watch.tick()
        assert len(begun) == 1, "whatever became of it"

    def test_is_looked_at_seldom_where_that_takes_long(
        self, site, sources, begun, monkeypatch
    ):
        """As in a folder of thousands."""
        seconds = itertools.count()
        monkeypatch.setattr(time, "thread_time", lambda: next(seconds))
        watch = site.filter.trust.watch
        watch.tick()
        sources.publish(HUB, UWV, STAD)
        for _ in range(3):
            watch.tick()
        assert not begun, "not before most of a minute is over"

    def test_is_read_by_one_process(self, site, sources, options, begun):
        watch = site.filter.trust.watch
        with site.folder.locked(0):
            sources.publish(HUB, UWV, STAD)
            watch.tick()
            watch.tick()
        refresh(options, site.folder)
        watch.tick()
        watch.tick()
        assert not begun

    def test_that_cannot_be_taken_is_not_read_again(self, site, sources, begun):
        (sources.folder / "federation.xml").write_bytes(b"<html>")
        watch = site.filter.trust.watch
        assert watch.refresh_if_due()
        assert "federation.xml" in site.folder.active.tries.why
        watch.tick()
        watch.tick()
        assert not begun
        assert not watch.refresh_if_due()


def _is_free(folder):
    number = folder.lock()
    if number is not None:
        os.close(number)
    return number is not None


def test_how_it_is_can_be_told_in_numbers(site, options, sources):
    watch = site.filter.trust.watch
    sources.octets = b"<html>"
    refresh(options, site.folder)
    assert watch.numbers() == {
        "members": 2,
        "age_seconds": pytest.approx(0, abs=PATIENCE),
        "failures": 1,
        "waits": False,
    }
    (site.folder.path / "active.json").write_text("{")
    assert watch.numbers() == {}
    (site.folder.path / "active.json").unlink()
    assert watch.numbers() == {}


class TestAProcess:
    def test_begins_nothing_before_the_first_request(self, options):
        before = set(threading.enumerate())
        site = Site(options)
        # One of an earlier test may end meanwhile.
        assert set(threading.enumerate()) <= before
        assert not site.filter.trust.watch.is_awake
        site.request()
        assert site.filter.trust.watch.is_awake

    def test_begins_nothing_for_a_command(self, site):
        assert object_in(site.filter, Trust) is site.filter.trust
        assert not site.filter.trust.watch.is_awake

    def test_begins_anew_in_a_fork(self, options, tmp_path):
        """As where a server answers something before it forks."""
        code = (
            "import os, sys, json\n"
            "from eilogin.federation.trust_start import trust_of\n"
            "from eilogin.federation.members.trust_options import TrustOptions\n"
            "from eilogin.config import read\n"
            "file, said = json.load(sys.stdin)\n"
            "watch = trust_of(read(TrustOptions, {'__file__': file}, said)).watch\n"
            "watch.wake()\n"
            "import threading\n"
            "assert watch.is_awake and threading.active_count() == 2\n"
            "child = os.fork()\n"
            "if child == 0:\n"
            "    asleep = not watch.is_awake and threading.active_count() == 1\n"
            "    watch.wake()\n"
            "    again = watch.is_awake and threading.active_count() == 2\n"
            "    os._exit(0 if asleep and again else 1)\n"
            "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            input=refresh_process.child_input(options),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def test_without_a_thread_for_it_serves_and_tries_again(
        self, site, monkeypatch, caplog
    ):
        def start(self):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(
            refresh_schedule, "REFRESH_THREAD", refresh_schedule.RefreshThread()
        )
        monkeypatch.setattr(threading.Thread, "start", start)
        assert site.knows(UWV)
        assert "does not refresh: can't start new thread" in caplog.text
        monkeypatch.undo()
        site.request()
        assert site.filter.trust.watch.is_awake

    def test_looks_after_no_site_that_is_gone(self, options):
        site = Site(options)
        site.request()
        gone = []

        weakref.finalize(site.filter.trust.watch, gone.append, True)
        del site
        deadline = time.monotonic() + PATIENCE
        while not gone and time.monotonic() < deadline:
            gc.collect()
            time.sleep(0.1)
        assert gone


def test_a_request_costs_a_site_without_a_folder_nothing_more(sources):
    site = Site(sources.site(federation_folder=None))
    assert site.filter.trust.watch is None
    assert site.knows(UWV)
