# ruff: noqa: SLF001 - what a command does with participants
"""``eilogin work`` and ``eilogin logouts``: what did not reach all, and who does it."""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from eilogin import clock as instants
from eilogin.cli.commands.running import serve_command, work_command
from eilogin.cli.commands.running.loaded_members import hubs_of
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.errors import StoreUnavailable
from eilogin.federation.refresh.refresh_schedule import Watch
from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.logout.logout_propagation import Delivery, Propagation
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.sessions import Login, Participant, Subject
from eilogin.stores import Values
from eilogin.stores.memory_store import MemoryStore
from eilogin.stores.sqlite import SQLiteStore

HUB = "http://inloggen.localhost:6543/metadata"
UWV = "http://uwv.localhost:6543/eilogin/metadata"
EILOGIN = Path(sys.executable).with_name("eilogin")
#: Seconds for a command to start or stop.
PATIENCE = 60
#: Longer than a logout of this hub may last, and then some.
LATER = 15

pytestmark = pytest.mark.usefixtures("logging_as_before")


@pytest.fixture
def waiting(site, clock, waiting_in):
    waiting_in(site)
    return site


@pytest.fixture
def waiting_in():
    return _leave_a_logout


def _leave_a_logout(site):
    """Have a hub know of a logout that UWV was not told: nobody is at its address."""
    hub = hubs_of(IniFile.read(site.file), {})[HUB]
    anna = Subject(HUB, HUB, "anna")
    there = Subject(HUB, UWV, "a name that only UWV knows")
    now = instants.now()
    login = Login(anna, "basis", now, now + 7200, now, session_index="none")
    token = hub.sessions.create_login(login, issued=now)
    login = hub.sessions.find(token)
    participant = Participant(UWV, there, "_session", now)
    assert hub.sessions.add_participant(login, participant)
    hub.undelivered.begin("handle", [login], [Recipient(UWV, there, ("_session",))])
    hub.sessions.end_citizen(login)


class TestLogouts:
    def test_are_listed_with_what_was_tried(self, waiting, run, clock):
        clock.shift(LATER)
        assert run("work", waiting.file, "--once").exit_code == 0
        clock.shift(1)
        result = run("logouts", waiting.file)
        assert result.exit_code == 0
        assert result.output == (
            f"{UWV}: retry at 2026-11-24T09:00:30+00:00;"
            " since 2026-11-24T09:00:00+00:00, retried once"
            " (peer-unavailable), until 2026-11-24T11:00:00+00:00\n"
        )
        clock.shift(16)
        assert run("work", waiting.file, "--once").exit_code == 0
        output = run("logouts", waiting.file).output
        assert ", retried 2 times (peer-unavailable), until " in output

    def test_under_way_are_said_to_be_told_now(self, waiting, run, clock):
        """And no more where whoever told them must have died."""
        told = run("logouts", waiting.file).output
        assert told == (
            f"{UWV}: being sent now; since 2026-11-24T09:00:00+00:00,"
            " until 2026-11-24T11:00:00+00:00\n"
        )
        clock.shift(LATER)
        told = run("logouts", waiting.file).output
        assert told.startswith(f"{UWV}: retry at 2026-11-24T09:00:09+00:00; since")

    @pytest.mark.parametrize(
        ("is_partial", "told"),
        [
            (
                False,
                (
                    "browser: only the visitor's browser can deliver it,"
                    " at their next logout"
                ),
            ),
            (
                True,
                "partly: ended its session, maybe not those of its applications",
            ),
        ],
    )
    def test_that_nobody_tells_by_himself_say_so(
        self, waiting, run, waits_for_her, is_partial, told
    ):
        state, _, told = told.partition(": ")
        waits_for_her(is_partial=is_partial)
        output = run("logouts", waiting.file).output
        assert output == (
            f"{UWV}: {told}; since 2026-11-24T09:00:00+00:00,"
            " until 2026-11-24T11:00:00+00:00\n"
        )
        line = json.loads(run("logouts", waiting.file, "--json").output)
        assert (line["state"], line["next"]) == (state, "")

    @pytest.fixture
    def waits_for_her(self, waiting):
        """Nobody can tell UWV but her, or it has not reached all behind it."""

        def hold(*, is_partial):
            hub = hubs_of(IniFile.read(waiting.file), {})[HUB]
            [entry] = hub.undelivered.all()
            held = [replace(entry.recipients[0], is_partial=is_partial)]
            values = Values(hub.sessions.store, HUB)
            hub.undelivered.settle(values, entry.handle, entry.recipients, {}, held)

        return hold

    def test_say_in_the_help_what_each_state_is(self, run):
        lines = run("logouts", "--help").output.splitlines()
        for state in ("now", "again", "browser", "partly"):
            assert [line for line in lines if line.startswith(f"    {state} ")]

    def test_do_not_tell_who_it_is(self, waiting, run):
        assert "only UWV knows" not in run("logouts", waiting.file).output

    def test_are_json_for_who_wants_that(self, waiting, run):
        [line] = run("logouts", waiting.file, "--json").output.splitlines()
        assert json.loads(line) == {
            "participant": UWV,
            "state": "now",
            "since": "2026-11-24T09:00:00+00:00",
            "tries": 0,
            "reason": "",
            "next": "",
            "until": "2026-11-24T11:00:00+00:00",
        }

    def test_that_have_reached_all_are_not_there(self, site, run):
        result = run("logouts", site.file)
        assert result.output == "no logout is pending\n"
        assert run("logouts", site.file, "--json").output == ""

    def test_of_a_file_without_a_hub(self, tmp_path, run):
        file = tmp_path / "app.ini"
        file.write_text(
            "[app:main]\nuse = egg:eilogin#wsgi\napp = wsgiref.simple_server:demo_app\n"
        )
        result = run("logouts", file)
        assert result.exit_code == 1
        assert (
            "no hub; expected a pipeline that ends in 'egg:eilogin#hub'"
            in result.output
        )

    def test_of_a_file_with_faults(self, site, run):
        site.set("app:hub", work="perhaps")
        result = run("logouts", site.file)
        assert result.exit_code == 1
        assert "[app:hub] work" in result.output

    def test_of_a_store_that_cannot_be_read(self, waiting, run):
        (waiting.var / "eilogin.db").write_bytes(b"not a database" * 1000)
        result = run("logouts", waiting.file)
        assert result.exit_code == 1
        assert "eilogin.db" in result.output


@pytest.mark.parametrize("command", [("logouts",), ("work",), ("work", "--once")])
def test_a_hub_whose_store_is_in_its_own_process_is_refused(site, run, command):
    """That of the command is another one: it would say that there is nothing to do."""
    site.set("filter:hub-session", store="memory:")
    name, *options = command
    result = run(name, site.file, *options)
    assert result.exit_code == 1
    assert f"{HUB}: store = memory: exists only in the process" in result.output


class TestAHubBehindAnother:
    """Its operator's request goes through the filters of a participant."""

    @pytest.fixture
    def below(self, site):
        site.set("app:hub", sign_in="above", passed_on_to="https://uwv.test/")
        options = {"hub_inside": "/", "cookie": "eilogin-above"}
        site.set("filter:uwv-eilogin", protect="/ optional", **options)
        site.set("pipeline:inloggen", pipeline="uwv-eilogin hub-session hub-trust hub")
        site.set("pipeline:uwv", pipeline="app")
        return site

    def test_is_reached_through_them(self, below, run):
        result = run("logouts", below.file)
        assert result.output == "no logout is pending\n"


class TestWork:
    def test_is_done_until_a_signal_comes(self, site):
        command = [EILOGIN, "work", site.file]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline() == f"at work for {HUB}\n"
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()

    def test_once_says_that_nobody_was_reached(self, waiting, run, clock):
        clock.shift(LATER)
        result = run("work", waiting.file, "--once")
        assert f"{HUB}: 0 pending logouts delivered" in result.output

    def test_once_says_who_was_told(self, waiting, run, clock, monkeypatch):
        monkeypatch.setattr(Propagation, "_delivery", lambda *_: Delivery(None))
        clock.shift(LATER)
        result = run("work", waiting.file, "--once")
        assert f"{HUB}: 1 pending logout delivered" in result.output
        assert "no logout is pending" in run("logouts", waiting.file).output

    def test_once_says_that_the_store_is_away(self, waiting, run, monkeypatch):
        def fail(hub):
            raise StoreUnavailable("the store is away")

        monkeypatch.setattr(HubJobs, "work", fail)
        result = run("work", waiting.file, "--once")
        assert result.exit_code == 1
        assert result.output == "Error: the store is away\n"


class TestAFederation:
    """Of a site without a hub."""

    @pytest.fixture
    def uwv(self, site):
        """Its own file, with a folder in which its federation is kept."""
        (site.var / "trust").mkdir()
        file = site.folder / "uwv.ini"
        file.write_text(
            "[pipeline:main]\npipeline = eilogin app\n"
            "[app:app]\nuse = egg:eilogin#wsgi\napp = wsgiref.simple_server:demo_app\n"
            "[filter:eilogin]\nuse = egg:eilogin\nstore = memory:\n"
            "public_url = http://uwv.localhost:6543\n"
            "back_channel_url = http://uwv.localhost:6544\n"
            "key = %(here)s/var/uwv.key\ncertificate = %(here)s/var/uwv.crt\n"
            "federation = %(here)s/var/federation.xml\n"
            "federation_certificate = %(here)s/var/federation.crt\n"
            "federation_folder = %(here)s/var/trust\n"
        )
        return file

    def test_is_refreshed_once_where_it_is_due(self, uwv, run, clock):
        result = run("work", uwv, "--once")
        assert (result.exit_code, result.output) == (0, ""), "that was the first start"
        clock.shift(2 * 3600)
        result = run("work", uwv, "--once")
        assert result.output == f"{UWV}: federation refreshed\n"
        assert run("work", uwv, "--once").output == ""

    def test_is_refreshed_until_a_signal_comes(self, uwv, run):
        assert run("work", uwv, "--once").exit_code == 0
        (folder,) = (uwv.parent / "var/trust").glob("uwv*")
        found = json.loads((folder / "active.json").read_text())
        found["tries"]["due"] = 1.0
        (folder / "active.json").write_text(json.dumps(found))
        assert '"due": 1.0' in (folder / "active.json").read_text()
        log = uwv.with_name("log")
        with log.open("w") as output:
            command = [EILOGIN, "work", uwv]
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + PATIENCE
            while '"due": 1.0' in (folder / "active.json").read_text():
                assert time.monotonic() < deadline, log.read_text()
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, log.read_text()
        finally:
            process.kill()
            process.wait(PATIENCE)
        assert f"at work for {UWV}" in log.read_text()

    def test_is_looked_after_by_a_server_before_anybody_visits_it(
        self, uwv, run, monkeypatch, site
    ):
        with uwv.open("a") as file:
            file.write(f"[server:main]\nuse = egg:waitress#main\nport = {site.port}\n")
        awake = []
        monkeypatch.setattr(Watch, "wake", lambda watch: awake.append(watch.entity_id))
        monkeypatch.setattr(serve_command, "_run", lambda *_: None)
        result = run("serve", uwv)
        assert result.exit_code == 0, result.output
        assert awake == [UWV]

    def test_of_a_file_in_which_nothing_is_to_be_done(self, uwv, run):
        text = uwv.read_text().replace("federation_folder = %(here)s/var/trust\n", "")
        uwv.write_text(re.sub("(?m)^store = .*$", "store = memory:", text))
        result = run("work", uwv)
        assert result.exit_code == 1
        assert "nothing to do; expected a pipeline that ends in" in result.output


def test_a_server_is_at_work_before_anybody_visits_it(site, waiting_in):
    """As after a restart in the night; nobody is at the address of UWV."""
    site.set("app:hub", logout_timeout="1s")
    waiting_in(site)
    log = site.folder / "log"
    with log.open("w") as output:
        command = [EILOGIN, "serve", site.file]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + PATIENCE
        while f"logout not delivered to {UWV}" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait(PATIENCE)


#: Filters of somebody else: one that counts on what each server says, and one that lets
#: nobody through at that address.
FILTERS = """
def logs_address(global_conf):
    def around(app):
        def filtered(environ, start_response):
            environ["REMOTE_ADDR"]
            return app(environ, start_response)
        return filtered
    return around


def breaks(global_conf):
    def around(app):
        def filtered(environ, start_response):
            raise RuntimeError("not for you")
        return filtered
    return around
"""


@pytest.mark.parametrize("name_and_count", [("logs_address", 0), ("breaks", 1)])
def test_a_server_serves_whatever_stands_before_its_hub(
    site, run, monkeypatch, caplog, name_and_count
):
    name, count = name_and_count
    (site.folder / "filters_of_theirs.py").write_text(FILTERS)
    monkeypatch.syspath_prepend(site.folder)
    site.set("pipeline:inloggen", pipeline="theirs hub-session hub-trust hub")
    with site.file.open("a") as file:
        file.write(f"\n[filter:theirs]\nuse = call:filters_of_theirs:{name}\n")
    served = []
    monkeypatch.setattr(serve_command, "_run", lambda *_: served.append(True))
    result = run("serve", site.file)
    assert result.exit_code == 0, result.exception
    assert served
    assert (
        caplog.text.count("starts its background work only with its first visitor")
        == count
    )


class TestAParticipant:
    """Whose logouts the hub did not hear."""

    class Site:
        def __init__(self, store, count=0):
            self.sessions = SimpleNamespace(store=store)
            self.own = SimpleNamespace(entity_id=UWV)
            self.count = count

        def deliver(self):
            return self.count

    @pytest.mark.parametrize(
        ("count", "told"),
        [
            (0, ""),
            (1, f"{UWV}: 1 logout delivered\n"),
            (2, f"{UWV}: 2 logouts delivered\n"),
        ],
    )
    def test_delivers_them_once(self, capsys, count, told):
        work_command._deliver_once([self.Site("a store", count)])
        assert capsys.readouterr().out == told

    def test_is_left_out_where_its_store_is_in_another_process(self):
        sites = [self.Site(SQLiteStore(Path("sessions.db"))), self.Site(MemoryStore())]
        members = [
            SimpleNamespace(is_hub=False, site=lambda site=site: site) for site in sites
        ]
        members.append(SimpleNamespace(is_hub=True))
        assert list(work_command._sites(members)) == sites[:1]

    def test_is_left_out_where_other_filters_keep_us_away(self, caplog):
        def site():
            raise click.ClickException("cannot be reached")

        member = SimpleNamespace(is_hub=False, site=site, title="filter:uwv")
        assert list(work_command._sites([member])) == []
        assert "filter:uwv retries no logouts here" in caplog.text
