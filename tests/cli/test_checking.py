"""``eilogin check``: every fault of a file, and nothing built."""

import ast
import os
import subprocess
import sys

import pytest
import time_machine

from eilogin.cli import checking
from eilogin.errors import ConfigurationError
from eilogin.saml.keys import new_key_pair


class TestASoundFile:
    def test_is_in_order(self, site, run):
        result = run("check", site.file)
        assert result.exit_code == 0, result.output
        assert result.output == (
            f"{site.file}: everything in order: 16 sections, 11 of them of eilogin, "
            "and 3 applications with the filters around them\n"
        )

    @pytest.mark.parametrize(
        ("pipeline", "remark"),
        [
            ("app", "no filter of eilogin stands before it"),
            (
                "g-session g-trust g-logout g-identity app",
                "no filter 'login' stands before it, so nobody is asked to log in",
            ),
            (
                "g-session g-trust g-login g-logout app",
                (
                    "no filter 'identity' stands before it, so the application is told "
                    "nothing, and what a client forges"
                ),
            ),
        ],
        ids=["none", "no login", "no identity"],
    )
    def test_tells_what_is_left_open(self, site, run, pipeline, remark):
        site.set("pipeline:gemeente", pipeline=pipeline)
        result = run("check", site.file)
        assert result.exit_code == 0
        assert result.output.endswith(f"\nnote: [app:app]: {remark}\n")

    def test_is_checked_without_building_or_writing_anything(self, site):
        before = sorted(site.folder.rglob("*"))
        assert site.faults() == []
        assert sorted(site.folder.rglob("*")) == before

    def test_may_have_filters_of_others_anywhere(self, site):
        site.set("filter:uwv-eilogin", **{"filter-with": "lint"})
        site.change(
            "[app:app]",
            "[filter:lint]\n"
            "paste.filter_app_factory = wsgiref.validate:validator\n\n[app:app]",
        )
        site.set(
            "pipeline:gemeente",
            pipeline="lint g-session lint g-trust g-login g-logout g-identity lint app",
        )
        assert site.faults() == []


class TestAStoreThatIsNoFile:
    def test_and_does_not_answer_is_a_fault_and_may_be_served_all_the_same(
        self, site, run
    ):
        pytest.importorskip("redis")
        # Nobody listens there.
        store = "redis://:secret@127.0.0.1:1"
        site.set("filter:uwv-eilogin", store=store, store_timeout="1s")
        result = run("check", site.file)
        assert result.exit_code == 1
        assert "[filter:uwv-eilogin] store: " in result.stderr
        assert result.stderr.endswith("\n1 fault\n")
        assert "secret" not in result.stderr
        assert site.faults() == []

        # Once: the log has nothing to add.
        assert result.stderr.count("refused") == 1

    def test_and_could_lose_something_is_noted(self, site, run, new_redis, caplog):
        server = new_redis()
        site.set("filter:uwv-eilogin", store=server.url())
        result = run("check", site.file)
        assert result.exit_code == 0
        assert "note: [filter:uwv-eilogin]: the store redis://" in result.stdout
        assert "appendonly is off" in result.stdout
        assert caplog.text == ""

    def test_and_cannot_be_used_is_a_fault(self, site, monkeypatch):
        class Evicting:
            def prepare(self):
                raise ConfigurationError("found allkeys-lru, expected noeviction")

        monkeypatch.setattr(checking, "open_store", lambda url, timeout: Evicting())
        site.set("filter:uwv-eilogin", store="memory:")
        assert "expected noeviction" in str(site.fault())


class TestAFileWithManyFaults:
    def test_tells_them_all_at_once_and_exits_with_1(self, site, run):
        site.set("filter:hub-session", stor="memory:", store=None)
        site.set("filter:uwv-eilogin", idle="a day", name="UWV ; the one")
        site.set("pipeline:gemeente", pipeline="g-trust g-session nothing app")
        result = run("check", site.file)
        assert result.exit_code == 1
        assert result.stdout == ""
        for said in (
            "[filter:hub-session] stor: unknown option; did you mean 'store'?",
            "[filter:hub-session] store: is required",
            "[filter:uwv-eilogin] idle: found 'a day'; expected a duration",
            "[filter:uwv-eilogin] name: found ' ;'",
            "[pipeline:gemeente] pipeline: found 'nothing'; there is no",
            "[filter:g-trust]: needs 'session' before it",
        ):
            assert said in result.stderr
        lines = result.stderr.splitlines()
        assert all(line.startswith(f"{site.file}: ") for line in lines[:-1])
        assert lines[-1] == f"{len(lines) - 1} faults"

    def test_that_is_one_fault_says_so(self, site, run):
        site.set("filter:uwv-eilogin", idle="a day")
        assert run("check", site.file).stderr.splitlines()[-1] == "1 fault"


OPTIONS = [
    ("filter:g-login", "use", "egg:eilogin#logon", "did you mean 'login'?"),
    ("filter:g-login", "use", "egg:eilogin#hub", "is for a section [app:…]"),
    ("app:hub", "use", "egg:eilogin#session", "is for a section [filter:…]"),
    ("filter:uwv-eilogin", "public_url", "http://uwv.example.nl", "an https address"),
    ("filter:uwv-eilogin", "key", "%(here)s/var/no.key", "an existing file"),
    ("filter:uwv-eilogin", "key", "%(here)s/var/gemeente.key", "another key"),
    ("filter:uwv-eilogin", "key", "%(here)s/paste.ini", "not a private key"),
    ("filter:uwv-eilogin", "federation", "%(here)s/var/no.xml", "an existing file"),
    ("filter:uwv-eilogin", "hub", "http://hub/metadata", "is no hub of this"),
    ("filter:uwv-eilogin", "entity_id", "urn:x", "no member of this federation"),
    ("filter:uwv-eilogin", "name", "UWV ; the one", "no comments behind a value"),
    ("filter:uwv-eilogin", "name", "100%", "expected '%%' for a percent sign"),
    ("filter:uwv-eilogin", "name", "%(nothing)s", "expected '%%' for a percent"),
    ("filter:uwv-eilogin", "store", "sqlite:////no/x.db", "its folder is not there"),
    ("filter:uwv-eilogin", "back_channel_ca", "%(here)s/paste.ini", "no certificates"),
    ("filter:uwv-eilogin", "back_channel_proxy", "proxy:3128", "the proxy: expected"),
    ("filter:uwv-eilogin", "federation_file", "x", "PasteDeploy then ignores this"),
    ("filter:uwv-eilogin", "get name", "nothing", "is not in [DEFAULT]"),
    ("filter:hub-trust", "role", "participant", "no member of this federation"),
    ("filter:hub-trust", "federation_certificate", "%(here)s/paste.ini", "PEM form"),
    ("filter:uwv-eilogin", "federation", "%(here)s/paste.ini", "paste.ini: "),
    ("app:hub", "citizens", "%(here)s/paste.ini", "not a JSON file"),
    ("composite:main", "x.localhost", "nothing", "there is no [app:nothing]"),
    ("composite:main", "x!.localhost", "uwv", "host names without a port"),
    ("pipeline:uwv", "pipeline", "", "should name an application"),
    ("pipeline:uwv", "pipeline", "uwv-elogin app", "did you mean 'uwv-eilogin'?"),
    ("filter:g-session", "use", "hub-sesion", "did you mean 'hub-session'?"),
    ("filter:g-session", "use", "g-session", "leads to itself"),
    ("filter:g-session", "filter-with", "g-session", "leads to itself"),
    ("pipeline:uwv", "pipeline", "uwv", "leads to itself"),
    ("server:main", "use", None, "expected 'egg:waitress#main'"),
    ("server:main", "thread", "4", "waitress: "),
    ("server:main", "threads", "many", "waitress: "),
    ("app:app", "use", "egg:nothing#main", "is installed: nothing"),
    ("app:app", "use", "egg:waitress#nothing", "waitress"),
    ("app:app", "use", "call:no.such.module:app", "No module named"),
]


@pytest.mark.parametrize(
    ("section", "option", "value", "says"),
    OPTIONS,
    ids=[f"{s}-{o}-{v}" for s, o, v, _ in OPTIONS],
)
def test_a_fault_is_told_with_its_section(site, section, option, value, says):
    site.set(section, **{option: value})
    found = [str(fault) for fault in site.faults()]
    assert any(says in text for text in found), found


class TestAPipeline:
    @pytest.mark.parametrize(
        ("pipeline", "says"),
        [
            ("g-trust g-session g-login app", "needs 'session' before it"),
            ("g-trust g-session g-login app", "should stand before 'trust'"),
            ("g-session g-login g-trust app", "needs 'trust' before it"),
            ("g-session g-trust g-logout g-login app", "should stand before 'logout'"),
            ("g-identity app", "needs 'session' before it"),
            ("g-session g-trust g-trust app", "is the second 'trust'"),
            ("uwv-eilogin g-session app", "is the second 'session'"),
            ("app", None),
            ("g-session hub", "needs 'trust' before it"),
            ("g-session g-trust hub-session hub-trust hub", "is the second 'trust'"),
            ("g-session g-trust app", None),
            ("g-session hub-session g-trust app", "is the second 'session'"),
        ],
    )
    def test_has_an_order(self, site, pipeline, says):
        site.set("pipeline:gemeente", pipeline=pipeline)
        found = [str(fault) for fault in site.faults()]
        if says is None:
            assert found == []
        else:
            assert any(says in text for text in found), found
            order = "session trust login logout identity appsession app"
            assert any(text.endswith(f"the order is: {order}") for text in found)

    def test_is_also_what_filter_with_makes(self, site):
        site.set("pipeline:gemeente", pipeline="g-login app")
        site.set("filter:g-login", **{"filter-with": "g-trust"})
        site.set("filter:g-trust", **{"filter-with": "g-session"})
        assert site.faults() == []
        site.set("filter:g-trust", **{"filter-with": None})
        assert "needs 'session' before it" in str(site.faults()[0])

    def test_is_also_what_a_filter_app_makes(self, site):
        site.change(
            "[pipeline:uwv]",
            "[filter-app:one]\nuse = egg:eilogin#identity\nnext = app\n\n"
            "[pipeline:uwv]",
        )
        site.set("pipeline:gemeente", pipeline="g-session g-trust one")
        assert site.faults() == []
        site.set("pipeline:gemeente", pipeline="one")
        assert "[filter-app:one]: needs 'session'" in str(site.fault())
        site.set("filter-app:one", next=None)
        assert any("should name an application" in str(f) for f in site.faults())

    def test_goes_on_behind_a_composite(self, site):
        site.change(
            "[pipeline:uwv]",
            "[pipeline:outer]\npipeline = g-session g-trust inner\n\n"
            "[composite:inner]\nuse = egg:eilogin#hosts\nx.localhost = innermost\n\n"
            "[pipeline:innermost]\npipeline = g-login app\n\n[pipeline:uwv]",
        )
        assert site.faults() == []

    def test_may_begin_at_an_app_that_uses_it(self, site):
        site.set("app:app", use=None)
        site.set("app:app", use="gemeente2", app=None)
        site.change(
            "[pipeline:uwv]",
            "[app:second]\nuse = egg:eilogin#wsgi\n"
            "app = wsgiref.simple_server:demo_app\n\n"
            "[pipeline:gemeente2]\npipeline = second\n\n[pipeline:uwv]",
        )
        assert site.faults() == []

    def test_may_begin_at_an_app_that_gives_another_more_options(self, site):
        site.change("[app:app]", "[app:more]\nuse = app\npath = /no/such\n\n[app:app]")
        site.set("pipeline:gemeente", pipeline="g-session more")
        fault = site.fault()
        assert (fault.section, fault.option) == ("app:more", "path")

    def test_may_name_eggs_directly(self, site):
        site.set("pipeline:gemeente", pipeline="g-session egg:eilogin#identity app")
        assert site.faults() == []
        site.set("pipeline:gemeente", pipeline="egg:eilogin#identity app")
        assert "[pipeline:gemeente]: needs 'session'" in str(site.fault())
        site.set("pipeline:gemeente", pipeline="g-session g-trust egg:eilogin#portal")
        assert site.faults() == []
        site.set("pipeline:gemeente", pipeline="egg:eilogin#session app")
        assert "[pipeline:gemeente] store: is required" in str(site.fault())
        site.set("pipeline:gemeente", pipeline="egg:nothing app")
        assert "no project of this name is installed" in str(site.fault())


class TestARole:
    def test_of_the_hub_is_what_stands_before_it(self, site):
        site.set("pipeline:inloggen", pipeline="hub-session g-trust hub")
        fault = site.fault()
        assert (fault.section, fault.option) == ("filter:g-trust", "role")
        assert fault.found == "'participant'"
        assert fault.expected.startswith("expected 'hub': ")

    @pytest.mark.parametrize(
        "pipeline",
        [
            "g-session hub-trust g-login app",
            "g-session hub-trust g-logout app",
            "g-session hub-trust g-identity app",
            "g-session hub-trust egg:eilogin#portal",
        ],
    )
    def test_of_a_participant_is_what_stands_before_its_filters(self, site, pipeline):
        site.set("pipeline:gemeente", pipeline=pipeline)
        fault = site.fault()
        assert (fault.section, fault.option) == ("filter:hub-trust", "role")
        assert fault.expected.startswith("expected 'participant': ")

    def test_is_a_participants_where_all_its_filters_stand_together(self, site):
        site.set("filter:uwv-eilogin", role="hub")
        found = [str(fault) for fault in site.faults()]
        said = "[filter:uwv-eilogin] role: found 'hub'; expected 'participant'"
        assert any(said in text for text in found), found

    def test_may_be_any_without_a_participants_filters_or_a_hub(self, site):
        site.set("pipeline:gemeente", pipeline="hub-session hub-trust app")
        assert site.faults() == []

    @pytest.mark.parametrize(
        "pipeline",
        [
            "g-session g-trust g-login hub-session hub-trust hub",
            "g-session g-trust g-login hub",
            "hub-session hub-trust g-login hub",
        ],
    )
    def test_of_a_participant_and_the_hub_are_not_for_one_pipeline(
        self, site, pipeline
    ):
        site.set("pipeline:inloggen", pipeline=pipeline)
        found = [str(fault) for fault in site.faults()]
        said = "[filter:g-login]: is a participant's, and cannot stand before [app:hub]"
        assert any(text.endswith(said) for text in found), found


class TestADemo:
    @pytest.mark.parametrize(
        ("demo", "public_url", "is_fine"),
        [
            ("true", "http://inloggen.localhost:6543", True),
            ("yes", "https://inloggen.example.nl", False),
            ("false", "https://inloggen.example.nl", True),
        ],
    )
    def test_is_for_this_machine_only(self, site, demo, public_url, is_fine):
        site.set("app:hub", demo=demo)
        site.set("filter:hub-trust", public_url=public_url)
        found = [fault for fault in site.faults() if fault.option == "demo"]
        if is_fine:
            assert found == []
        else:
            (fault,) = found
            assert (fault.section, fault.found) == ("app:hub", "'yes'")
            assert public_url in fault.expected

    def test_is_looked_at_although_other_options_are_wrong(self, site):
        site.set("app:hub", demo="true", logout_timeout="soon")
        assert [fault.option for fault in site.faults()] == ["logout_timeout"]


class TestKeysAndTheFederation:
    def other_key(self, site):
        key, certificate = new_key_pair("other")
        (site.var / "other.key").write_bytes(key)
        (site.var / "other.crt").write_bytes(certificate)

    def test_have_to_be_the_same(self, site):
        self.other_key(site)
        site.set(
            "filter:uwv-eilogin",
            key="%(here)s/var/other.key",
            certificate="%(here)s/var/other.crt",
        )
        assert "by another key than ours" in site.fault().expected

    def test_are_the_operators(self, site):
        self.other_key(site)
        site.set("filter:uwv-eilogin", federation_certificate="%(here)s/var/other.crt")
        assert site.fault().option == "federation"

    def test_are_compared_although_other_options_are_wrong(self, site):
        site.set("filter:uwv-eilogin", key="%(here)s/var/gemeente.key", idle="a day")
        found = [str(fault) for fault in site.faults()]
        assert any("key, certificate: " in text for text in found)

    def test_hold_no_longer_than_the_operator_said(self, site):
        with time_machine.travel("2126-01-01T00:00:00Z", tick=False):
            found = [str(fault) for fault in site.faults()]
        assert len(found) == 3
        assert all("expired" in text for text in found)

    def test_say_in_which_role_we_are(self, site):
        hub = "http://inloggen.localhost:6543/metadata"
        site.set("filter:uwv-eilogin", entity_id=hub)
        assert "is no participant in this federation" in site.fault().expected

    def test_need_a_hub_that_is_named_where_there_are_more(self, site, monkeypatch):
        hub = checking.Federation.entities.fget
        monkeypatch.setattr(
            checking.Federation, "entities", property(lambda f: hub(f) + hub(f)[:1])
        )
        found = [str(fault) for fault in site.faults()]
        assert len(found) == 2
        assert all("the federation has 2 hubs" in text for text in found)


class TestLimitsThatNeverComeIntoForce:
    def test_are_noted(self, site, run):
        site.set(
            "filter:uwv-eilogin", idle="10m", protect="/a basis idle=20m", warn="3h"
        )
        output = run("check", site.file).stdout
        assert "note: [app:app]: an idle= of 'protect' is longer" in output
        assert "note: [app:app]: 'warn' (10800 s) is not shorter" in output

    def test_and_others_are_not(self, site, run):
        site.set("filter:uwv-eilogin", protect="/a basis idle=5m", warn="2m")
        assert "note: " not in run("check", site.file).stdout


class TestSectionsTogether:
    def test_have_addresses_of_their_own(self, site):
        site.set(
            "filter:g-trust",
            public_url="http://uwv.localhost:6543",
            key="%(here)s/var/uwv.key",
            certificate="%(here)s/var/uwv.crt",
        )
        found = site.faults()
        assert [fault.option for fault in found] == ["public_url", "public_url"]
        assert "[filter:uwv-eilogin] and [filter:g-trust]" in found[0].expected

    def test_share_no_memory_between_processes(self, site):
        site.set("filter:uwv-eilogin", store="memory:")
        assert site.faults() == []
        site.set("server:main", use="egg:gunicorn#main", workers="1")
        assert site.faults() == []
        site.set("server:main", workers="4")
        assert "because of [server:main] workers" in site.fault().expected


class TestAStore:
    def test_has_a_folder_that_can_be_written(self, site, monkeypatch):
        folder = site.var / "uwv"
        real = os.access
        monkeypatch.setattr(
            checking.os, "access", lambda p, m: p != folder and real(p, m)
        )
        fault = site.fault()
        assert fault.expected == "its folder cannot be written"
        assert str(folder) in fault.found

    @pytest.mark.parametrize(
        ("octets", "fault"),
        [
            pytest.param(b"", "", id="empty"),
            pytest.param(b"SQLite format 3\0" + bytes(84), "", id="of SQLite"),
            pytest.param(b"SQLite", "is no SQLite file", id="short"),
            pytest.param(b"<html>" * 100, "is no SQLite file", id="another"),
            pytest.param(None, "is no file", id="a folder"),
        ],
    )
    def test_is_empty_or_a_file_of_sqlite(self, site, octets, fault):
        store = site.var / "uwv/eilogin.db"
        if octets is None:
            store.mkdir()
        else:
            store.write_bytes(octets)
        assert [f.expected for f in site.faults()] == [fault] * bool(fault)

    def test_is_on_a_local_disk(self, site, tmp_path, monkeypatch):
        table = tmp_path / "mountinfo"
        table.write_text(
            f"1 0 8:1 / / rw - ext4 /dev/sda rw\n"
            f"2 1 0:1 / {site.var}/uwv rw - nfs4 x rw\n"
        )
        monkeypatch.setattr(checking.mounts, "MOUNTS", table)
        assert "is on a network file system (nfs4)" in site.fault().expected

    def test_has_no_options_that_would_be_a_part_of_its_name(self, site):
        site.set("filter:uwv-eilogin", store="sqlite:///var/x.db?mode=ro")
        assert "a path without '?'" in site.fault().expected

    def test_is_waited_for_no_longer_than_half_a_minute(self, site):
        site.set("filter:uwv-eilogin", store_timeout="30s")
        assert site.faults() == []
        site.set("filter:uwv-eilogin", store_timeout="31s")
        assert "expected at most '30s'" in str(site.fault())

    def test_has_a_file_that_can_be_written(self, site, monkeypatch):
        store = site.var / "uwv/eilogin.db"
        store.touch()
        real = os.access
        monkeypatch.setattr(
            checking.os, "access", lambda p, m: p != store and real(p, m)
        )
        assert site.fault().expected == "cannot be written"


class TestAFileThatIsNone:
    @pytest.mark.parametrize(
        ("octets", "says"),
        [
            (b"use = x", "no section headers"),
            (b"[app:main]\n[app:main]\n", "already exists"),
            (b"[app:main]\na = 1\na = 2\n", "already exists"),
            (b"[app:main]\na = \xff\n", "it is not UTF-8, the encoding of the"),
        ],
    )
    def test_has_one_fault(self, bare_site, octets, says):
        bare_site.file.write_bytes(octets)
        assert says in bare_site.fault().expected

    def test_is_said_not_to_be_there(self, tmp_path, run):
        result = run("check", tmp_path / "no.ini")
        assert result.exit_code == 1
        assert "no.ini: cannot be read: No such file or directory" in result.stderr

    def test_may_have_no_application_to_serve(self, bare_site, run):
        bare_site.file.write_text("[loggers]\nformat = 100%\n")
        result = run("check", bare_site.file)
        assert result.output.endswith(
            "1 section, 0 of them of eilogin, and 0 applications "
            "with the filters around them\n"
        )

    def test_names_an_application_once(self, bare_site):
        bare_site.file.write_text(
            "[app:main]\nuse = egg:eilogin#wsgi\napp = wsgiref.simple_server:demo_app\n"
            "[pipeline:main]\npipeline = main\n"
        )
        assert any("is not clear" in str(fault) for fault in bare_site.faults())


READ_BY_ALL = """
import sys
from paste.deploy.loadwsgi import ConfigLoader
from eilogin import settings
from eilogin.cli.inifile import IniFile

class Named(settings.Options, name="named"):
    \"""One option.\"""

def of_paste(path):
    try:
        return ConfigLoader(path).parser.get("filter:x", "name")
    except UnicodeDecodeError as error:
        return error.encoding

path = sys.argv[1]
ini = IniFile.read(path)
ours = ini.sections["filter:x"].values["name"] if ini.sections else ""
section = settings.section_of(Named, path, {"name": of_paste(path)})
print(ascii([of_paste(path), ours, section, [f.expected for f in ini.faults]]))
"""


@pytest.mark.parametrize(
    ("environ", "read"),
    [
        pytest.param({}, ["Caf\xe9", "Caf\xe9", "filter:x", []], id="as-python-does"),
        pytest.param(
            {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            [
                "ascii",
                "",
                "",
                ["cannot be read: it is not ASCII, the encoding of the locale"],
            ],
            id="in-ascii",
        ),
    ],
)
def test_a_file_is_read_in_the_encoding_in_which_paste_reads_it(
    tmp_path, environ, read
):
    path = tmp_path / "app.ini"
    path.write_text(
        "[filter:x]\nuse = egg:eilogin#named\nname = Café\n", encoding="utf-8"
    )
    told = subprocess.run(
        [sys.executable, "-c", READ_BY_ALL, path],
        env={**os.environ, "LC_ALL": "C", **environ},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ast.literal_eval(told.stdout) == read


def test_an_option_that_cannot_be_read_is_not_said_to_be_missing_too(site):
    site.set("filter:uwv-eilogin", key="100%")
    assert site.fault().expected.startswith("expected '%%'")


def test_variables_stand_in_for_what_default_does_not_say(site):
    site.set("filter:uwv-eilogin", name="%(who)s")
    assert site.faults() != []
    assert site.faults(who="UWV") == []


def test_an_option_can_be_had_from_default(site):
    site.set("filter:uwv-eilogin", federation=None)
    site.set("filter:uwv-eilogin", **{"get federation": "federation_file"})
    assert site.faults() == []


def test_what_is_set_for_others_is_no_option(site):
    site.set("composite:main", **{"set debug": "true"})
    assert site.faults() == []


def test_an_unknown_error_of_ours_is_told_as_a_fault(site, monkeypatch):
    def refuse(options):
        raise ConfigurationError("not today")

    monkeypatch.setattr(checking, "back_channel_of", refuse)
    assert {fault.expected for fault in site.faults()} == {"not today"}
