"""``eilogin sessions end``: who it is comes by standard input, and what is told."""

import pytest
from click.testing import CliRunner

from eilogin import clock as instants
from eilogin.cli import main
from eilogin.cli.commands.running import loaded_members
from eilogin.cli.commands.running.loaded_members import members_of
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.hub.hub_jobs import EndedSessions, HubJobs
from eilogin.sessions import Login, Participant, Subject

HUB = "http://inloggen.localhost:6543/metadata"
UWV = "http://uwv.localhost:6543/eilogin/metadata"
#: Anna, as UWV knows her.
THERE = Subject(HUB, UWV, "a name that only UWV knows")

#: A filter that lets nobody in.
CLOSED = """
class Closed:
    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        start_response("403 Forbidden", [])
        return [b""]

def close(global_conf):
    return Closed
"""

#: A filter that forgets the application inside it.
HIDES = """
def hide(global_conf):
    return lambda app: hidden

def hidden(environ, start_response):
    start_response("403 Forbidden", [])
    return [b""]
"""

pytestmark = pytest.mark.usefixtures("logging_as_before")


@pytest.fixture
def operators(site):
    """The hub or the logout that a command gets, by the section of each member."""
    members = members_of(IniFile.read(site.file), {})
    return {it.title: it.hub() if it.is_hub else it.site() for it in members}


@pytest.fixture
def anna(operators):
    """Anna, logged in at the hub and at UWV, at whose address nobody is."""
    now = instants.now()

    def log_in(sessions, who, index=None):
        login = Login(who, "basis", now, now + 7200, now, session_index=index)
        return sessions.find(sessions.create_login(login, issued=now))

    hub = operators["filter:hub-trust"]
    [who] = hub.called("anna")
    login = log_in(hub.sessions, who)
    told = Participant(UWV, THERE, "_session", now)
    assert hub.sessions.add_participant(login, told)
    log_in(operators["filter:uwv-eilogin"].sessions, THERE, "_session")


@pytest.fixture
def end(site):
    """Run the command, with these lines as its standard input."""

    def end(lines, *options):
        command = ["sessions", "end", str(site.file), "--subject", *options]
        return CliRunner().invoke(main, command, input=lines)

    return end


class TestAtTheHub:
    def test_tells_who_was_not_reached_and_will_be(self, anna, operators, end):
        result = end("anna\n")
        assert result.exit_code == 3
        assert "line 1: 1 session ended; 0 participants confirmed it\n" in result.output
        assert f"  no confirmation yet, will retry: {UWV}\n" in result.output
        assert operators["filter:hub-trust"].undelivered.count() == 1

    def test_tells_who_cannot_be_told(self, site, anna, end):
        site.set("app:hub", logout_binding=f"{UWV} browser")
        result = end("anna\n")
        assert result.exit_code == 3
        assert f"  cannot be reached (see the log): {UWV}\n" in result.output

    def test_takes_a_name_of_a_participant_too(self, anna, end):
        result = end(f"{THERE.name_id}\n")
        assert "1 session ended" in result.output
        assert THERE.name_id not in result.output

    def test_tells_of_each_name_and_of_all_by_its_status(self, anna, end):
        result = end("anna\n\nanna\nmallory\n")
        assert result.exit_code == 4
        assert result.output.count("1 session ended") == 1
        assert "line 1: 1 session ended" in result.output
        for line in (3, 4):
            said = f"line {line}: nobody with that name is signed in here"
            assert said in result.output
        assert "mallory" not in result.output

    def test_tells_where_the_hub_above_does_not_know(self, anna, end, monkeypatch):
        ended = EndedSessions(1, [UWV], [], [], is_above_notified=False)
        monkeypatch.setattr(HubJobs, "end", lambda self, who, above: ended)
        result = end("anna\n")
        assert result.exit_code == 3
        assert "1 session ended; 1 participant confirmed it\n" in result.output
        assert "the hub above has not confirmed the logout" in result.output

    def test_tells_that_the_store_does_not_answer(self, anna, end, monkeypatch):
        def down(hub, who, above):
            raise StoreUnavailable("the disk is gone")

        monkeypatch.setattr(HubJobs, "end", down)
        result = end("anna\n")
        assert result.exit_code == 1
        assert "the disk is gone" in result.output

    def test_takes_the_last_line_as_it_is(self, anna, end):
        assert "1 session ended" in end("anna").output

    @pytest.mark.parametrize("lines", ["", "\n \n"])
    def test_does_nothing_without_a_name(self, anna, end, lines):
        result = end(lines)
        assert result.exit_code == 1
        assert "no name was given" in result.output

    def test_does_nothing_for_what_is_no_name(self, anna, end):
        result = end("x" * 1025)
        assert result.exit_code == 1
        assert "a name has more than 1024 characters" in result.output

    def test_writes_it_to_the_log_of_the_file(self, site, anna, end):
        log = site.folder / "audit.log"
        site.file.write_text(
            f"{site.file.read_text()}\n"
            "[loggers]\nkeys = root\n[handlers]\nkeys = f\n[formatters]\nkeys =\n"
            "[logger_root]\nlevel = INFO\nhandlers = f\n"
            f"[handler_f]\nclass = FileHandler\nargs = ('{log}',)\n"
        )
        end("anna\n")
        assert '"code": "session.ended"' in log.read_text()
        assert "anna" not in log.read_text().replace(str(site.folder), "")


class TestAtAParticipant:
    """Which is to leave: its sessions end, and no other ones."""

    @pytest.fixture
    def end_at(self, site):
        """Run the command; ``typed`` is what is answered."""

        def end_at(entity_id=UWV, *options, typed=""):
            command = ["sessions", "end", str(site.file), "--participant", entity_id]
            return CliRunner().invoke(main, [*command, *options], input=typed)

        return end_at

    @pytest.fixture
    def is_in(self, operators):
        """Whether anna is at UWV, as far as the hub knows."""
        return lambda: operators["filter:hub-trust"].sessions.is_in(THERE)

    def test_tells_how_many_will_be_told_again(self, anna, operators, end_at):
        result = end_at(UWV, "--yes")
        assert result.exit_code == 3
        assert result.stdout == (
            f"1 session ended at {UWV}; it confirmed 0\n"
            "  no confirmation yet, will retry: 1\n"
        )
        hub = operators["filter:hub-trust"]
        assert hub.undelivered.count() == 1
        [who] = hub.called("anna")
        assert len(hub.sessions.find_all_of(who)) == 1, "her login at the hub goes on"

    def test_tells_how_many_cannot_be_told(self, site, anna, end_at):
        site.set("app:hub", logout_binding=f"{UWV} browser")
        result = end_at(UWV, "--yes")
        assert result.exit_code == 3
        assert "  cannot be reached (see the log): 1\n" in result.stdout

    def test_where_nobody_is_has_nothing_to_end(self, site, end_at):
        result = end_at()
        assert result.exit_code == 0
        assert result.stdout == f"no visitor of this hub is signed in at {UWV}\n"

    def test_asks_first(self, anna, end_at, is_in):
        result = end_at(typed="n\n")
        assert result.exit_code == 1
        question = f"End all sessions at {UWV} (this hub has 1 login)?"
        assert question in result.output
        assert is_in()
        assert f"1 session ended at {UWV}" in end_at(typed="y\n").output
        assert not is_in()

    def test_does_nothing_where_nobody_can_be_asked(self, anna, end_at, is_in):
        result = end_at()
        assert result.exit_code == 1
        assert "In a script, use --yes" in result.output
        assert is_in()

    def test_that_is_not_known_says_who_is(self, anna, end_at, is_in):
        result = end_at("https://elsewhere.test", "--yes")
        assert result.exit_code == 1
        assert "'https://elsewhere.test' is not a member" in result.output
        assert "one of the participants here: http://gemeente.local" in result.output
        assert UWV in result.output
        assert HUB not in result.output
        assert is_in()

    def test_is_for_a_hub_alone(self, anna, end_at):
        result = end_at(UWV, "--yes", "--section", "filter:uwv-eilogin")
        assert result.exit_code == 2
        assert "--participant works only with the file of a hub" in result.output

    def test_does_not_go_with_a_name(self, anna, end_at, is_in):
        result = end_at(UWV, "--yes", "--subject", typed="anna\n")
        assert result.exit_code == 2
        assert is_in()


class TestWhoIsThere:
    @pytest.fixture(autouse=True)
    def _terminal(self, monkeypatch):
        kind = "click.testing._NamedTextIOWrapper.isatty"
        monkeypatch.setattr(kind, lambda self: True, raising=False)

    def test_is_asked_for_names_until_there_is_none(self, anna, end):
        result = end("mallory\nanna\n\nnever\n")
        assert result.output.count("Name (Enter to stop)") == 3
        assert "line" not in result.output
        assert "1 session ended" in result.output
        assert result.exit_code == 4

    def test_may_think_better_of_it(self, anna, end):
        result = end("")
        assert result.exit_code == 1
        assert "session" not in result.output


class TestAtASite:
    SECTION = ("--section", "filter:uwv-eilogin")

    def test_says_that_nobody_told_the_hub(self, anna, operators, end):
        result = end(f"{THERE.name_id}\n", *self.SECTION)
        assert result.exit_code == 3
        said = "1 session ended; the hub has not confirmed that all participants"
        assert said in result.output
        sessions = operators["filter:uwv-eilogin"].sessions
        assert sessions.find_all_of(THERE) == []

    def test_knows_nobody_by_the_name_of_the_hub(self, anna, end):
        result = end("anna\n", *self.SECTION)
        assert result.exit_code == 4
        assert "nobody with that name is signed in here" in result.output

    def test_of_filters_one_by_one(self, anna, end):
        result = end("anna\n", "--section", "filter:g-trust")
        assert "nobody with that name" in result.output

    def test_knows_by_which_attribute_her_hub_names_her(self, site, operators, end):
        site.set("filter:uwv-eilogin", subject="attribute:mail")
        now = instants.now()
        who = Subject(HUB, UWV, "anna@burger.test", "attribute:mail")
        sessions = operators["filter:uwv-eilogin"].sessions
        sessions.create_login(Login(who, "basis", now, now + 60, now), issued=now)
        assert "1 session ended" in end("anna@burger.test\n", *self.SECTION).output

    def test_is_reached_behind_a_filter_that_rejects_requests(
        self, site, anna, end, monkeypatch
    ):
        (site.folder / "closed_to_all.py").write_text(CLOSED)
        monkeypatch.syspath_prepend(site.folder)
        site.change("pipeline = uwv-eilogin", "pipeline = closed uwv-eilogin")
        text = f"{site.file.read_text()}\n[filter:closed]\n"
        site.file.write_text(f"{text}use = call:closed_to_all:close\n")
        result = end(f"{THERE.name_id}\n", *self.SECTION)
        assert "1 session ended" in result.output

    def test_is_not_there_if_a_filter_hides_it(self, site, end, monkeypatch):
        (site.folder / "hides_all.py").write_text(HIDES)
        monkeypatch.syspath_prepend(site.folder)
        site.change("pipeline = uwv-eilogin", "pipeline = hiding uwv-eilogin")
        text = f"{site.file.read_text()}\n[filter:hiding]\n"
        site.file.write_text(f"{text}use = call:hides_all:hide\n")
        result = end("anna\n", *self.SECTION)
        assert result.exit_code == 1
        assert f"cannot reach the site '{UWV}' through the filters" in result.output


class TestAMistake:
    def test_without_the_word_that_says_what_is_read(self, site, run):
        result = run("sessions", "end", site.file)
        assert result.exit_code == 2
        assert "Expected --subject" in result.output

    @pytest.mark.parametrize("options", [("--subject",), ()])
    def test_that_says_who_it_is_is_not_repeated(self, site, run, options):
        result = run("sessions", "end", site.file, "900000016", *options)
        assert result.exit_code == 2
        assert "Expected --subject" in result.output
        assert "900000016" not in result.output

    def test_with_a_variable_is_that_of_the_file(self, anna, site):
        site.set("app:hub", work="%(works)s")
        command = ["sessions", "end", str(site.file), "works=false", "--subject"]
        result = CliRunner().invoke(main, command, input="anna\n")
        assert "1 session ended" in result.output

    def test_in_the_file_is_told(self, site, end):
        site.set("app:hub", work="perhaps")
        result = end("anna\n")
        assert result.exit_code == 1
        assert "[app:hub] work" in result.output

    def test_that_only_the_start_finds_is_told(self, site, end, monkeypatch):
        def fail(*args, **kwargs):
            raise ConfigurationError("no such luck")

        monkeypatch.setattr(loaded_members, "loadapp", fail)
        result = end("anna\n")
        assert result.exit_code == 1
        assert "no such luck" in result.output

    def test_in_the_section_is_told(self, end):
        result = end("anna\n", "--section", "filter:other")
        assert result.exit_code == 1
        assert (
            "which member? --section takes one of: filter:hub-trust,"
            " filter:uwv-eilogin, filter:g-trust" in result.output
        )

    def test_of_what_is_in_memory_is_told(self, site, end):
        site.set("filter:hub-session", store="memory:")
        result = end("anna\n")
        assert result.exit_code == 1
        assert "in the process that serves" in result.output

    def test_of_a_store_that_cannot_be_read_is_told(self, site, anna, end):
        (site.var / "eilogin.db").write_bytes(b"not a database" * 1000)
        result = end("anna\n")
        assert result.exit_code == 1
        assert "eilogin.db" in result.output
