"""``eilogin check``: every fault of a file, and nothing built."""

import ast
import os
import pwd
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib import resources

import pytest
import time_machine
from paste.deploy import loadapp

from eilogin import clock
from eilogin.cli.checks import configuration_check, federation_check
from eilogin.cli.inifiles import entry_points
from eilogin.cli.inifiles.ini_members import own_of_part, parts_of
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.errors import ConfigurationError, InvalidOptions
from eilogin.federation.members import trust_options
from eilogin.filters import session_options
from eilogin.saml.bindings import REDIRECT
from eilogin.saml.metadata import Contact, Endpoint, write_entity
from eilogin.saml.safe_xml import parse, serialize
from eilogin.saml.signing_keys import SigningKey, fingerprints, new_key_pair
from eilogin.saml.xml_signatures import sign
from eilogin.stores.sqlite import SQLiteStore, file_faults, mounts, sqlite_schema
from eilogin.web.pipeline.pipeline_parts import provided


def contents(folder):
    """What each file of a folder holds; but of SQLite's locks, that they are there."""
    return {
        f.name: None if f.name.endswith("-shm") else f.read_bytes()
        for f in folder.iterdir()
    }


class TestASoundFile:
    def test_is_in_order(self, site, run):
        result = run("check", site.file)
        assert result.exit_code == 0, result.output
        assert result.output == (
            f"{site.file}: everything in order: 16 sections, 11 of them of eilogin, "
            "and 3 applications with the filters around them\n"
        )

    def test_tells_of_an_application_without_a_filter(self, site, run):
        site.change("\n[app:app]", "\n[app:other]\nuse = app\n\n[app:app]")
        result = run("check", site.file)
        assert result.exit_code == 0
        note = "[app:other]: no filter of eilogin is in front of it"
        assert f"\nnote: {note}\n" in result.output

    @pytest.mark.parametrize(
        ("pipeline", "remark"),
        [
            (
                "g-session g-trust g-logout g-identity app",
                "no filter 'login' is in front of it, so nobody has to log in",
            ),
        ],
        ids=["no login"],
    )
    def test_tells_what_is_left_open(self, site, run, pipeline, remark):
        site.set("pipeline:gemeente", pipeline=pipeline)
        result = run("check", site.file)
        assert result.exit_code == 0
        assert f"\nnote: [app:app]: {remark}\n" in result.output

    def test_notes_no_filter_that_the_portal_does_without(self, site, run):
        pipeline = "g-session g-trust g-login g-logout egg:eilogin#portal"
        site.set("pipeline:gemeente", pipeline=pipeline)
        result = run("check", site.file)
        assert result.exit_code == 0
        assert "is in front of it" not in result.output

    @pytest.mark.parametrize(
        ("pipeline", "section", "missing"),
        [
            ("g-session g-trust g-login g-logout app", "g-login", "identity"),
            ("g-session g-trust g-login g-identity app", "g-login", "logout"),
            ("g-session g-trust app", "g-trust", "identity"),
        ],
    )
    def test_refuses_what_the_filters_refuse(
        self, site, run, pipeline, section, missing
    ):
        site.set("pipeline:gemeente", pipeline=pipeline)
        told = f"[filter:{section}]: expected the filter '{missing}' between it and"
        assert told in str(site.fault())
        assert f"no filter '{missing}' stands" not in run("check", site.file).output
        with pytest.raises(InvalidOptions) as refused:
            loadapp(f"config:{site.file}#gemeente")
        assert str(site.fault()) in str(refused.value)

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

        monkeypatch.setattr(
            session_options, "open_store", lambda url, timeout: Evicting()
        )
        site.set("filter:uwv-eilogin", store="memory:")
        assert "expected noeviction" in str(site.fault())


class TestWhatServeWouldRefuse:
    """It is a fault, so that nobody hears first of it from ``eilogin serve``."""

    def test_is_a_slip_in_the_name_of_what_is_served(self, site):
        site.change("[composite:main]", "[composite:mian]")
        assert str(site.fault()) == (
            f"{site.file}: [composite:mian]: there is nothing to serve: expected one of"
            " [app:main], [composite:main], [pipeline:main], [filter-app:main]; did you"
            " mean 'main'?"
        )

    def test_is_that_nothing_has_a_name_like_it(self, site):
        site.change("[composite:main]", "[composite:sites]")
        assert str(site.fault()).endswith(", [pipeline:main], [filter-app:main]")

    def test_is_no_such_thing_where_nothing_serves(self, site):
        site.change("[composite:main]", "[composite:mian]")
        text = site.file.read_text().replace("[server:", "[of-others:")
        site.file.write_text(text)
        assert site.faults() == []

    def test_is_a_module_of_a_hook_that_is_not_there(self, site):
        text = "raise RuntimeError\nnote = application = None\n"
        (site.folder / "mysite.py").write_text(text)
        site.set("app:app", app="mysite:application", path="%(here)s")
        site.set("filter:uwv-eilogin", on_logout="mysite:note mysit:note")
        assert str(site.fault()) == (
            f"{site.file}: [filter:uwv-eilogin] on_logout: found 'mysit:note'; expected"
            " a module that can be imported; no folder of 'path' and no installed"
            " package has 'mysit'; did you mean 'mysite'?"
        )

    def test_is_a_page_of_ones_own_that_replaces_none(self, site):
        pages = site.folder / "pages"
        pages.mkdir()
        (pages / "canceled.html").write_text("Jammer")
        site.set("filter:uwv-eilogin", templates="%(here)s/pages")
        found = str(site.fault())
        told = f"{site.file}: [filter:uwv-eilogin] templates: found 'canceled.html';"
        assert found.startswith(told)
        assert "did you mean 'cancelled.html'?" in found

    def test_is_no_language_that_lacks_sentences_which_is_noted_with_their_number(
        self, site, run
    ):
        pages = site.folder / "pages"
        pages.mkdir()
        english = resources.files("eilogin.web").joinpath(
            "locale/en/LC_MESSAGES/eilogin.po"
        )
        whole = english.read_text("utf-8").replace("Language: en", "Language: de")
        (pages / "de.po").write_text(whole)
        (pages / "nl.po").write_text('msgid "button.log_in"\nmsgstr "Naar binnen"\n')
        site.set("filter:uwv-eilogin", templates="%(here)s/pages")
        assert "untranslated" not in run("check", site.file).stdout
        total = whole.count("msgid") - 1
        lacking = whole.replace('msgstr "Log in"', 'msgstr ""')
        count = whole.count('msgstr "Log in"')
        doubted = lacking.replace(
            'msgid "button.cancel"', '#, fuzzy\nmsgid "button.cancel"'
        )
        (pages / "de.po").write_text(doubted)
        assert (
            "note: [filter:uwv-eilogin] templates: 'de.po' leaves"
            f" {count + 1} of {total} sentences untranslated; pages in that language"
            " have them in English\n"
        ) in run("check", site.file).stdout
        assert site.faults() == []

    def test_is_a_module_that_is_not_there(self, site):
        (site.folder / "mysite").mkdir()
        (site.folder / "mysite/__init__.py").write_text("raise RuntimeError\n")
        text = "raise RuntimeError\napplication = None\n"
        (site.folder / "mysite/wsgi.py").write_text(text)
        site.set("app:app", app="mysit.wsgi:application", path="%(here)s")
        assert str(site.fault()) == (
            f"{site.file}: [app:app] app: found 'mysit.wsgi:application'; expected a"
            " module that can be imported; no folder of 'path' and no installed"
            " package has 'mysit'; did you mean 'mysite'?"
        )
        # Which is not imported.
        site.set("app:app", app="mysite.wsgi:application")
        assert site.faults() == []

    def test_is_a_module_of_a_function_too(self, site):
        site.set("app:app", use="egg:eilogin#factory", app=None, factory="mysit:make")
        assert "[app:app] factory: found 'mysit:make'; expected" in str(site.fault())
        site.set("app:app", factory="getopt:getopt")
        assert site.faults() == []
        # One that nothing has imported yet.
        site.set("app:app", factory="this:s")
        assert site.faults() == []

    @pytest.mark.parametrize(
        ("option", "value", "found"),
        [
            ("listen", "127.0.0.1:99999", "127.0.0.1:99999"),
            ("listen", "127.0.0.1:0 127.0.0.1:65536", "127.0.0.1:65536"),
            ("port", "99999", "99999"),
        ],
    )
    def test_is_a_port_that_is_none(self, site, run, option, value, found):
        site.set("server:main", listen=None)
        site.set("server:main", **{option: value})
        for command in ("check", "serve"):
            result = run(command, site.file)
            assert result.exit_code == 1
            assert result.stderr == (
                f"{site.file}: [server:main] {option}: found '{found}'; expected a port"
                " of 1 to 65535\n1 fault\n"
            )


class TestAFileWithManyFaults:
    def test_tells_what_is_missing_because_of_a_slip(self, site, run):
        text = site.file.read_text()
        head, part, rest = text.partition("[filter:uwv-eilogin]")
        rest = rest.replace("federation_certificate =", "federation_cert =", 1)
        site.file.write_text(head + part + rest)
        result = run("check", site.file)
        for said in (
            "federation_cert: unknown option; did you mean 'federation_certificate'?",
            "federation_certificate: is required",
        ):
            assert f"[filter:uwv-eilogin] {said}" in result.stderr
        assert result.stderr.endswith("\n2 faults\n")

    @pytest.mark.parametrize(
        "store", ["sqlite:///%(here)s/no/x.db", "sqlite:///no/x.db"]
    )
    def test_tells_where_a_store_has_no_folder(self, site, store):
        site.set("filter:uwv-eilogin", store=store, idle="a day")
        told = [str(fault) for fault in site.faults()]
        assert len(told) == 2
        assert "[filter:uwv-eilogin] idle: found 'a day'" in told[0]
        assert told[1] == (
            f"{site.file}: [filter:uwv-eilogin] store: found '{site.folder}/no/x.db';"
            " its folder does not exist"
        )

    @pytest.mark.parametrize("store", ["memory:", "mysql://x", None])
    def test_looks_for_no_folder_of_another_store(self, site, store):
        site.set("filter:uwv-eilogin", store=store, idle="a day")
        told = [fault.option for fault in site.faults()]
        assert sorted(told) == (["idle"] if store == "memory:" else ["idle", "store"])

    def test_tells_that_a_slash_is_missing(self, site):
        # As somebody writes it who knows the folder as '%(here)s'.
        site.set("filter:uwv-eilogin", store="sqlite://%(here)s/var/uwv.db")
        told = str(site.fault())
        assert told.endswith(
            f"/var/uwv.db'; its folder does not exist; did you mean 'sqlite:///{site.var}"
            "/uwv.db'? (a path with three slashes is relative to the folder of this"
            " file)"
        )
        for store in ("sqlite:///no/x.db", "sqlite:///%(here)s/tmp/x.db"):
            site.set("filter:uwv-eilogin", store=store)
            assert "did you mean" not in str(site.fault())

    def test_tells_what_is_wrong_with_the_federation_too(self, site):
        site.set("filter:uwv-eilogin", idle="a day", hub="http://inloggen.localhost")
        site.set("filter:g-trust", colour="red", entity_id="urn:x")
        told = {(fault.section, fault.option) for fault in site.faults()}
        assert told == {
            ("filter:uwv-eilogin", "idle"),
            ("filter:uwv-eilogin", "hub"),
            ("filter:g-trust", "colour"),
            ("filter:g-trust", "federation"),
        }

    def test_tells_nothing_of_a_federation_that_cannot_be_looked_at(self, site):
        site.set("filter:uwv-eilogin", idle="a day", federation="%(here)s/no.xml")
        site.set("filter:g-trust", colour="red", federation="%(here)s/paste.ini")
        told = [(fault.section, fault.option) for fault in site.faults()]
        assert sorted(told) == [
            ("filter:g-trust", "colour"),
            ("filter:g-trust", "federation"),
            ("filter:uwv-eilogin", "federation"),
            ("filter:uwv-eilogin", "idle"),
        ]

    def test_tells_them_all_at_once_and_exits_with_1(self, site, run):
        site.set("filter:hub-session", stor="memory:", store=None)
        site.set("filter:uwv-eilogin", idle="a day", name="UWV ; the one")
        site.set("pipeline:gemeente", pipeline="g-trust g-session nothing app")
        result = run("check", site.file)
        assert result.exit_code == 1
        assert "note: [filter:g-login]: is in no pipeline" in result.stdout
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


def test_only_the_lines_that_are_wrong_are_shown(site):
    site.set("filter:g-login", protect="\n  /a basis\n  /b foo\n  /c off\n  d off")
    told = str(site.fault())
    assert told.startswith(f"{site.file}: [filter:g-login] protect: expected one of ")
    assert "(line 2: '/b foo')" in told
    assert "(line 4: 'd off')" in told
    assert "/a" not in told
    assert "/c" not in told


def test_a_client_certificate_that_is_none_is_named(site):
    paths = {
        option: f"%(here)s/var/{file}"
        for option, file in (
            ("tls_client_certificate", "uwv.key"),
            ("tls_client_key", "uwv.crt"),
        )
    }
    site.set("filter:g-trust", **paths)
    assert site.fault().expected.startswith(
        f"tls_client_certificate, tls_client_key: found '{site.var}/uwv.key' and"
        f" '{site.var}/uwv.crt'; expected PEM files with a certificate and its key: "
    )


def test_a_prefix_that_leaves_no_room_is_told_as_others_are(site):
    site.set("filter:g-trust", prefix="/")
    assert str(site.fault()) == (
        f"{site.file}: [filter:g-trust] prefix: found '/'; expected a path such as"
        " '/eilogin'"
    )


OPTIONS = [
    ("filter:g-login", "use", "egg:eilogin#logon", "did you mean 'login'?"),
    ("filter:g-login", "use", "egg:eilogin#hub", "is for a section [app:…]"),
    ("app:hub", "use", "egg:eilogin#session", "is for a section [filter:…]"),
    ("filter:uwv-eilogin", "public_url", "http://uwv.example.nl", "an https address"),
    ("filter:uwv-eilogin", "key", "%(here)s/var/no.key", "an existing file"),
    ("filter:uwv-eilogin", "key", "%(here)s/var/gemeente.key", "another key"),
    ("filter:uwv-eilogin", "key", "%(here)s/paste.ini", "not a private key"),
    ("filter:uwv-eilogin", "federation", "%(here)s/var/no.xml", "an existing file"),
    ("filter:uwv-eilogin", "hub", "http://hub/metadata", "is not a member of the"),
    (
        "filter:uwv-eilogin",
        "entity_id",
        "urn:x",
        "federation does not contain us, urn:x",
    ),
    ("filter:uwv-eilogin", "name", "UWV ; the one", "no comments after a value"),
    ("filter:uwv-eilogin", "name", "100%", "expected '%%' for a percent sign"),
    ("filter:uwv-eilogin", "name", "%(nothing)s", "expected '%%' for a percent"),
    ("filter:uwv-eilogin", "name", "%(heer)s", "name: found '%(heer)s'; expected '%%'"),
    ("filter:uwv-eilogin", "name", "%(heer)s", "of a known NAME (here, __file__, fed"),
    ("filter:uwv-eilogin", "name", "%(heer)s", "did you mean 'here'?"),
    ("filter:uwv-eilogin", "store", "sqlite:////no/x.db", "its folder does not exist"),
    (
        "filter:uwv-eilogin",
        "back_channel_ca",
        "%(here)s/paste.ini",
        "expected certificates",
    ),
    (
        "filter:uwv-eilogin",
        "back_channel_proxy",
        "proxy:3128",
        "[filter:uwv-eilogin] back_channel_proxy: found 'proxy:3128'; expected an addr",
    ),
    ("filter:uwv-eilogin", "federation_file", "x", "so PasteDeploy ignores this"),
    ("filter:uwv-eilogin", "get name", "nothing", "is not in [DEFAULT]"),
    ("filter:hub-trust", "role", "participant", "this federation does not contain us"),
    ("filter:hub-trust", "federation_certificate", "%(here)s/paste.ini", "PEM form"),
    ("filter:uwv-eilogin", "federation", "%(here)s/paste.ini", "paste.ini: "),
    ("app:hub", "citizens", "%(here)s/paste.ini", "not a JSON file"),
    ("composite:main", "x.localhost", "nothing", "there is no [app:nothing]"),
    ("composite:main", "x!.localhost", "uwv", "host names without a port"),
    ("pipeline:uwv", "pipeline", "", "expected the name of an application"),
    ("pipeline:uwv", "pipeline", "uwv-elogin app", "did you mean 'uwv-eilogin'?"),
    ("filter:g-session", "use", "hub-sesion", "did you mean 'hub-session'?"),
    ("filter:g-session", "use", "g-session", "leads to itself"),
    ("filter:g-session", "filter-with", "g-session", "leads to itself"),
    ("pipeline:uwv", "pipeline", "uwv", "leads to itself"),
    (
        "pipeline:uwv",
        "filter-with",
        "g-session",
        "works only around a plain application",
    ),
    ("server:main", "use", None, "expected 'egg:waitress#main'"),
    ("filter:g-login", "require_attributes", "mail, cn", "between them, found 'mail,'"),
    ("filter:g-login", "require_attributes", "mail =", "between them, found '='"),
    ("filter:uwv-eilogin", "requested_attributes", "mail,", "found 'mail,'"),
    (
        "filter:uwv-eilogin",
        "requested_attributes",
        "mail isRequired",
        "optionally 'required' behind it (line 1: 'mail isRequired')",
    ),
    ("filter:g-identity", "allow_attributes", "mail, cn", "found 'mail,'"),
    ("filter:g-identity", "attributes", "mail = MAIL", "found 'mail ='"),
    ("filter:g-identity", "attributes", "mail, MAIL", "found 'mail,'"),
    ("filter:g-identity", "user", "attribute:mail, subject", "found 'mail,'"),
    ("filter:uwv-eilogin", "hub", "urn:a, urn:b", "found 'urn:a,'"),
    ("app:hub", "default_attributes", "mail=", "between them, found 'mail='"),
    ("server:main", "thread", "4", "'thread'; did you mean 'threads'?"),
    ("server:main", "threads", "many", "waitress: "),
    (
        "app:app",
        "use",
        "egg:nothing#main",
        "no installed project has this name: nothing",
    ),
    ("filter:g-login", "use", "egg:eilogn#login", "eilogn; did you mean 'eilogin'?"),
    ("filter:g-login", "idle", "5m", "unknown option; it is an option of 'session'"),
    ("filter:g-trust", "key", None, "key: expected a PEM file with our private key, "),
    ("filter:g-trust", "certificate", None, "certificate of our key, or 'keys'"),
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


#: A value of each option that cannot be right; none where any text is.
WRONG = {
    "session": {
        "store": "mysql://x",
        "store_timeout": "31s",
        "cookie": "a b",
        "idle": "a day",
        "max_session": "0",
    },
    "trust": {
        "role": "boss",
        "public_url": "ftp://uwv.example.nl",
        "prefix": "/",
        "entity_id": "urn:stranger",
        "name": None,
        "name_en": None,
        "description": None,
        "description_en": None,
        "keywords": "a+b",
        "keywords_en": "a+b",
        "link": "//elsewhere",
        "telephone": None,
        "email": None,
        "templates": "no-folder",
        "logo": "no.svg",
        "accent": "#ffd700",
        "footer": "privacy javascript:alert(1)",
        "accessibility_status": "AA",
        "accessibility_date": "1 december",
        "accessibility_contact": "javascript:alert(1)",
        "accessibility_report": "javascript:alert(1)",
        "accessibility_gaps": "x" * 501,
        "accessibility_gaps_en": "x" * 501,
        "accessibility_appeal": "javascript:alert(1)",
        "keys": "no-folder",
        "key": "no.key",
        "certificate": "no.crt",
        "secret": "short",
        "pseudonym_key": "env:NO_SUCH_NAME",
        "back_channel_url": "uwv",
        "acs": "soap",
        "hub_inside": "hub",
        "profile": "eidas",
        "name_id_format": "opaque",
        "requested_attributes": "bsn\x7f",
        "entity_categories": "research",
        "federation": "no.xml",
        "federation_certificate": "no.crt",
        "federation_unsigned": "maybe",
        "federation_validity": "a month",
        "federation_folder": "no/folder",
        "federation_refresh": "10s",
        "federation_changes": "all",
        "four_eyes": "maybe",
        "hub": "urn:hub",
        "discovery": "kies",
        "level_classes": "basis",
        "accept_weak": "md5",
        "back_channel_ca": "paste.ini",
        "back_channel_proxy": "foo",
        "tls_client_certificate": "no.crt",
        "tls_client_key": "var/uwv.key",
        "trusted_proxies": "everybody",
        "path_style": "django",
        "back_channel_timeout": "soon",
        "metrics_token": "short",
    },
    "login": {
        "protect": "/mijn",
        "require_attributes": None,
        "keep_alive": "never",
        "bind_address": "maybe",
        "request_binding": "soap",
        "comparison": "better",
        "subject": "bsn",
        "name_id_mismatch": "accept",
        "sectors": "bsn",
        "error_text": None,
        "error_text_en": None,
        "cancel_text": None,
        "cancel_text_en": None,
        "silent": "maybe",
        "explain_step_up": "maybe",
        "unsolicited": "maybe",
        "want_response_signed": "maybe",
        "require_encryption": "everything",
        "artifacts_at_once": "0",
        "second_opinion": "maybe",
        "keep_post": "65m",
        "store_down": "ignore",
        "no_store": "maybe",
        "warn": "soon",
    },
    "logout": {
        "next": "https://elsewhere",
        "app_logout": "logout",
        "app_cookies": "some, more",
        "app_logout_call": "logout",
        "logout_binding": "pigeon",
        "logout_timeout": "soon",
        "logouts_at_once": "0",
        "encrypt_name_id": "maybe",
        "on_logout": "hooks",
        "on_logout_timeout": "soon",
    },
    "identity": {
        "user": "foo",
        "user_prefix": "a b",
        "attributes": "naam HTTP_NAAM",
        "allow_attributes": None,
        "headers": "X-Name",
        "pass_session_cookie": "perhaps",
    },
    "appsession": {
        "type": "dbm",
        "data_dir": "no-folder",
        "url": "localhost:11211",
        "timeout": "a day",
        "auto": "maybe",
        "max_size": "off",
    },
    "hub": {
        "sign_in": "elsewhere",
        "citizens": "paste.ini",
        "passed_on_to": None,
        "name_id_key": "env:NO_SUCH_NAME",
        "logout_timeout": "soon",
        "logouts_at_once": "some",
        "logout_scope": "world",
        "confirm_logout": "perhaps",
        "show_session": "maybe",
        "work": "perhaps",
        "logout_binding": "https://stad.test/ post",
        "logout_in_browser": "windows",
        "name_id": "opaque",
        "name_id_attributes": "persistent mail",
        "nameless": None,
        "release": "* naam\n    * bsn",
        "default_attributes": None,
        "attribute_names": "mail",
        "sign": "nothing",
        "encrypt": "maybe",
        "encrypt_name_id": "maybe",
        "metrics_token": "short",
        "demo": "maybe",
        "sectors": "* bsn",
        "inactive": None,
        "rehearsal": "maybe",
    },
    "portal": {
        "title": None,
        "login_url": "//elsewhere",
        "logout_url": "javascript:x",
        "name_attribute": None,
        "not_reachable": "/no/such/file",
    },
    "wsgi": {"path": "/no/such", "app": "nothing"},
    "factory": {"path": "/no/such", "factory": "nothing"},
}
WRONG["main"] = {
    option: value
    for part in provided("main")
    for option, value in WRONG[part.eilogin_part].items()
}

#: Where the file has a section of each; for the others one is written.
PLACES = {
    "main": "filter:uwv-eilogin",
    "session": "filter:hub-session",
    "trust": "filter:g-trust",
    "login": "filter:g-login",
    "logout": "filter:g-logout",
    "identity": "filter:g-identity",
    "hub": "app:hub",
    "wsgi": "app:app",
}


class TestEveryOption:
    def test_is_tried(self):
        declared = entry_points.declared()
        assert {name: list(WRONG[name]) for name in declared} == {
            name: list(options.model_fields)
            for name, options in declared.items()
            if name != "main"
        } | {"main": list(WRONG["main"])}
        assert WRONG["main"].keys() == declared["main"].model_fields.keys()

    @pytest.mark.parametrize(
        ("name", "option", "value"),
        [(n, o, v) for n, options in WRONG.items() for o, v in options.items() if v],
    )
    def test_is_seen_to_be_wrong(self, site, name, option, value):
        kind = entry_points.kind_of(name)
        section = PLACES.get(name, f"{kind}:tried")
        if name not in PLACES:
            text = site.file.read_text()
            site.file.write_text(f"{text}\n[{section}]\nuse = egg:eilogin#{name}\n")
        site.set(section, **{option: value})
        told = [
            str(fault)
            for fault in site.faults()
            if fault.section == section and "is required" not in fault.expected
        ]
        assert told
        assert all("unknown option" not in text for text in told)
        # An entityID is told where the federation does not know it.
        assert any(option in text or value in text for text in told), told

    def test_that_paste_takes_itself_is_not_passed_on(self, site):
        site.change(
            "[pipeline:uwv]",
            "[filter-app:two]\nuse = g-logout\nnext = one\n\n"
            "[filter-app:one]\nuse = g-identity\nnext = app\n\n[pipeline:uwv]",
        )
        site.set("pipeline:gemeente", pipeline="g-session g-trust g-login two")
        assert site.faults() == []

    def test_of_a_pipeline_there_is_one(self, site):
        site.set("pipeline:gemeente", idle="5m")
        fault = site.fault()
        assert (fault.section, fault.option) == ("pipeline:gemeente", "idle")
        assert fault.expected == "only 'pipeline' here"


class TestAPipeline:
    @pytest.mark.parametrize(
        ("pipeline", "says"),
        [
            ("g-trust g-session g-login app", "needs 'session' before it"),
            ("g-trust g-session g-login app", "should come before 'trust'"),
            ("g-session g-login g-trust app", "needs 'trust' before it"),
            ("g-session g-trust g-logout g-login app", "should come before 'logout'"),
            ("g-identity app", "needs 'session', 'trust' before it"),
            ("g-session g-trust g-trust app", "is the second 'trust'"),
            ("uwv-eilogin g-session app", "is the second 'session'"),
            ("g-session hub", "needs 'trust' before it"),
            ("g-session g-trust hub-session hub-trust hub", "is the second 'trust'"),
            ("g-session g-trust g-identity app", None),
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

    @pytest.mark.parametrize("use", ["egg:Zope#main", "egg:Zope"])
    def test_before_zope_reads_paths_as_zope_does(self, site, use):
        site.set("app:app", use=use, app=None)

        def told():
            return [one for one in site.faults() if one.option == "path_style"]

        faults = told()
        assert {one.section for one in faults} == {
            "filter:g-trust",
            "filter:uwv-eilogin",
        }
        assert "expected 'zope': [app:app] is Zope" in faults[0].expected
        for one in faults:
            site.set(one.section, path_style="zope")
        assert told() == []

    def test_before_zope_names_nobody_as_a_user_of_zope(self, site):
        site.set("app:app", use="egg:Zope#main", app=None)
        site.set("filter:g-identity", user="attribute:mail subject")

        def told():
            noted = map(str, configuration_check.check(IniFile.read(site.file)).remarks)
            return [text for text in noted if "user in Zope" in text]

        (note,) = told()
        assert note.startswith("[filter:g-identity] user: attribute:mail: ")
        site.set("filter:g-identity", user_prefix="burger-")
        assert told() == []

    def test_is_also_what_filter_with_makes(self, site):
        site.set("pipeline:gemeente", pipeline="g-login g-logout g-identity app")
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
        assert any(
            "expected the name of an application" in str(f) for f in site.faults()
        )

    def test_goes_on_behind_a_composite(self, site):
        site.change(
            "[pipeline:uwv]",
            "[pipeline:outer]\npipeline = g-session g-trust inner\n\n"
            "[composite:inner]\nuse = egg:eilogin#hosts\nx.localhost = innermost\n\n"
            "[pipeline:innermost]\npipeline = g-login g-logout g-identity app\n\n"
            "[pipeline:uwv]",
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
        inline = "g-session g-trust egg:eilogin#identity app"
        site.set("pipeline:gemeente", pipeline=inline)
        assert site.faults() == []
        site.set("pipeline:gemeente", pipeline="egg:eilogin#identity app")
        assert "[pipeline:gemeente]: needs 'session'" in str(site.fault())
        site.set("pipeline:gemeente", pipeline="g-session g-trust egg:eilogin#portal")
        assert site.faults() == []
        site.set("pipeline:gemeente", pipeline="egg:eilogin#session app")
        assert "[pipeline:gemeente] store: is required" in str(site.fault())
        site.set("pipeline:gemeente", pipeline="egg:nothing uwv-eilogin app")
        assert "no installed project has this name" in str(site.fault())

    @pytest.mark.parametrize(
        "names",
        [
            "g-session, g-trust, g-login, g-logout, g-identity, app",
            "g-session,g-trust,g-login,g-logout,g-identity,app",
        ],
    )
    def test_has_no_commas(self, site, names):
        site.set("pipeline:gemeente", pipeline=names)
        assert str(site.fault()) == (
            f"{site.file}: [pipeline:gemeente] pipeline: found ','; expected blanks"
            " between the names, without commas"
        )


class TestAMount:
    @pytest.fixture
    def found(self, site):
        """The faults of ``public_url`` where a composite mounts a pipeline."""

        def found(line, public_url, outer="", entry_point="Paste#urlmap"):
            site.change(
                "[pipeline:uwv]",
                f"[composite:mounts]\nuse = egg:{entry_point}\n{line} = gemeente\n"
                f"/public = app\n\n[pipeline:uwv]",
            )
            site.set("filter:g-trust", public_url=public_url)
            if outer:
                site.set(
                    "pipeline:gemeente", pipeline="g-login g-logout g-identity app"
                )
                site.change(
                    "[pipeline:uwv]",
                    "[pipeline:outer]\npipeline = g-session g-trust mounts\n\n"
                    "[pipeline:uwv]",
                )
            return [str(f) for f in site.faults() if "a composite mounts it" in str(f)]

        return found

    @pytest.mark.parametrize("line", [
        "/app", "/app/", "domain gemeente.localhost /app",
        "domain gemeente.localhost port 6543 /app",
    ])  # fmt: skip
    def test_elsewhere_than_public_url_says_is_a_fault(self, found, site, line):
        told = (
            f"{site.file}: [filter:g-trust] public_url: found"
            " 'http://gemeente.localhost:6543'; a composite mounts it below '/app';"
            " expected that path at the end of public_url, because the hub sends its"
            " answers there; put the filters around the composite, so that they guard"
            " the whole host. Or write the path behind the host in public_url, and send"
            " the new metadata to the operator"
        )
        assert found(line, "http://gemeente.localhost:6543") == [told]

    @pytest.mark.parametrize(("line", "public_url"), [
        ("/app", "http://gemeente.localhost:6543/app"),
        ("/app", "http://gemeente.localhost:6543/all/app"),
        ("domain gemeente.localhost", "http://gemeente.localhost:6543"),
        ("/", "http://gemeente.localhost:6543"),
    ])  # fmt: skip
    def test_is_right_where_public_url_ends_in_it(self, found, line, public_url):
        assert found(line, public_url) == []

    def test_inside_of_the_filters_changes_nothing(self, found):
        assert found("/app", "http://gemeente.localhost:6543", outer="outer") == []

    def test_is_not_known_of_other_composites(self, found):
        url = "http://gemeente.localhost:6543"
        assert found("/app", url, entry_point="Paste#cascade") == []


class TestARole:
    def test_of_the_hub_is_what_stands_before_it(self, site):
        site.set("pipeline:inloggen", pipeline="hub-session g-trust hub")
        fault = site.fault()
        assert (fault.section, fault.option) == ("filter:g-trust", "role")
        assert fault.found == "'participant'"
        assert fault.expected.startswith("expected 'hub', because ")

    @pytest.mark.parametrize(
        "pipeline",
        [
            "g-session hub-trust g-login g-logout g-identity app",
            "g-session hub-trust g-logout app",
            "g-session hub-trust g-identity app",
            "g-session hub-trust egg:eilogin#portal",
        ],
    )
    def test_of_a_participant_is_what_stands_before_its_filters(self, site, pipeline):
        site.set("pipeline:gemeente", pipeline=pipeline)
        fault = site.fault()
        assert (fault.section, fault.option) == ("filter:hub-trust", "role")
        assert fault.expected.startswith("expected 'participant', because ")

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
        said = "[filter:g-login]: is a filter for participants, so it cannot be before"
        assert any(text.endswith(f"{said} [app:hub]") for text in found), found


class TestAHubThatSignsInAbove:
    @pytest.fixture
    def below(self, site):
        """The site's hub behind the filters of a participant."""
        site.set("app:hub", sign_in="above", passed_on_to="https://uwv.test/")
        site.set(
            "filter:uwv-eilogin",
            hub_inside="/",
            cookie="eilogin-above",
            protect="/ optional",
        )
        site.set("pipeline:inloggen", pipeline="uwv-eilogin hub-session hub-trust hub")
        site.set("pipeline:uwv", pipeline="app")
        return site

    def test_stands_behind_a_participant(self, below):
        assert below.faults() == []

    def test_may_stand_behind_its_filters_one_by_one(self, below):
        below.set("filter:g-trust", hub_inside="/")
        below.set("filter:g-login", protect="/ optional")
        below.set("filter:hub-session", cookie="eilogin-hub")
        below.set("filter:g-session", cookie="eilogin-above")
        filters = "g-session g-trust g-login g-logout g-identity"
        below.set("pipeline:inloggen", pipeline=f"{filters} hub-session hub-trust hub")
        below.set("pipeline:gemeente", pipeline="uwv-eilogin app")
        below.set("filter:uwv-eilogin", hub_inside=None)
        assert below.faults() == []

    @pytest.mark.parametrize(
        ("section", "options", "told"),
        [
            (
                "filter:uwv-eilogin",
                {"hub_inside": None},
                "[filter:uwv-eilogin] hub_inside: expected the prefix of [app:hub]",
            ),
            (
                "filter:uwv-eilogin",
                {"cookie": None},
                "[filter:hub-session] cookie: found 'eilogin'; expected another name",
            ),
            (
                "filter:uwv-eilogin",
                {"role": "hub"},
                "[filter:uwv-eilogin] role: found 'hub'; expected 'participant'",
            ),
            (
                "pipeline:inloggen",
                {"pipeline": "g-session g-trust hub-session hub-trust hub"},
                "[app:hub] sign_in: found 'above'; needs 'login', 'logout' of a",
            ),
            (
                "pipeline:inloggen",
                {"pipeline": "hub-session hub-trust hub"},
                "[app:hub] sign_in: found 'above'; needs 'login', 'logout' of a",
            ),
            ("app:hub", {"passed_on_to": None}, "passed_on_to: is required with"),
        ],
    )
    def test_is_told_what_it_lacks(self, below, section, options, told):
        below.set(section, **options)
        found = [str(fault) for fault in below.faults()]
        assert any(told in text for text in found), found

    @pytest.mark.parametrize(
        ("prefix", "found", "expected"),
        [(None, "/idp", "/"), ("/idp", "/", "/idp"), ("/idp", "/hub", "/idp")],
    )
    def test_has_the_prefix_that_its_own_filters_say(
        self, below, prefix, found, expected
    ):
        hub = "http://inloggen.localhost:6543/metadata"
        below.set("filter:uwv-eilogin", hub_inside=found)
        below.set("filter:hub-trust", prefix=prefix, entity_id=hub)
        assert str(below.fault()).endswith(
            f"[filter:uwv-eilogin] hub_inside: found '{found}'; expected '{expected}',"
            " the prefix of [filter:hub-trust]"
        )

    @pytest.mark.parametrize(
        ("protect", "told"),
        [
            (None, "protect: '/' needs 'basis'; expected 'optional' for all"),
            ("/ optional\n    /sso midden", "protect: '/sso' needs 'midden'"),
            ("/ optional\n    /login off", "protect: '/login' needs 'off'"),
            (
                "/ optional\n    /slo basis methods=POST",
                "protect: '/slo' needs 'basis'",
            ),
        ],
    )
    def test_is_asked_for_a_login_by_nobody_but_itself(self, below, protect, told):
        below.set("filter:uwv-eilogin", protect=protect)
        assert told in str(below.fault())

    def test_may_answer_servers_without_a_look_at_sessions(self, below):
        protect = "/ optional\n    /artifact off\n    /health off\n    /slo/soap off"
        below.set("filter:uwv-eilogin", protect=protect)
        assert below.faults() == []

    def test_is_looked_for_where_its_prefix_is(self, below):
        protect = "/ basis\n    /idp optional"
        below.set("filter:uwv-eilogin", hub_inside="/idp", protect=protect)
        hub = "http://inloggen.localhost:6543/metadata"
        below.set("filter:hub-trust", prefix="/idp", entity_id=hub)
        assert below.faults() == []

    def test_is_one_too_where_other_options_are_wrong(self, below):
        """Nothing is said of an order that is well."""
        below.set("app:hub", name_id_key=None)
        assert "[app:hub] name_id_key: is required" in str(below.fault())


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

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("rehearsal", "true"),
            ("sectors", "* s00000001"),
            ("inactive", "https://uwv.example.nl"),
        ],
    )
    def test_of_digid_is_for_that_profile_only(self, site, option, value):
        site.set("app:hub", **{option: value})
        (fault,) = [fault for fault in site.faults() if fault.option == option]
        assert "expected 'profile = digid'" in fault.expected
        site.set("filter:hub-trust", profile="digid")
        assert [fault for fault in site.faults() if fault.option == option] == []

    def test_of_digid_signs_its_citizens_in_itself(self, site):
        site.set("app:hub", sign_in="above", passed_on_to="https://uwv.test/")
        site.set("filter:hub-trust", profile="digid")
        found = [str(fault) for fault in site.faults() if fault.option == "sign_in"]
        assert any("expected 'own' with 'profile = digid'" in text for text in found)

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
        told = site.fault().expected
        assert "than ours. It knows the one of" in told
        for name in ("uwv", "other"):
            pair = [(site.var / f"{name}.{end}").read_bytes() for end in ("key", "crt")]
            assert fingerprints(SigningKey.load(*pair).certificate_text) in told

    def test_are_the_operators(self, site):
        self.other_key(site)
        site.set("filter:uwv-eilogin", federation_certificate="%(here)s/var/other.crt")
        assert site.fault().option == "federation"

    @pytest.mark.parametrize("also", [{}, {"idle": "a day"}], ids=["alone", "more"])
    def test_are_named_where_they_are_none(self, site, also):
        certificate = f"{site.var}/uwv.crt"
        site.set("filter:uwv-eilogin", key=certificate, **also)
        (told,) = [f.expected for f in site.faults() if not f.option]
        assert told == (
            f"key, certificate: '{certificate}' and '{certificate}': a certificate, and"
            " not a private key in PEM form (-----BEGIN PRIVATE KEY-----)"
        )

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
        assert "has no role participant in this federation" in site.fault().expected

    def test_say_which_hubs_there_are(self, site):
        site.set("filter:uwv-eilogin", hub="urn:hub")
        assert site.fault().expected == (
            "'urn:hub' is not a member of the federation"
            " (hubs: http://inloggen.localhost:6543/metadata) (hub-unknown)"
        )

    def test_say_no_more_than_five(self, site, monkeypatch):
        hubs = federation_check.Membership.hubs.fget
        monkeypatch.setattr(
            federation_check.Membership, "hubs", property(lambda f: hubs(f)[:1] * 6)
        )
        site.set("filter:uwv-eilogin", hub="urn:hub")
        told = next(str(f) for f in site.faults() if "urn:hub" in f.expected)
        assert told.count("/metadata") == 5
        assert ", …)" in told

    def test_need_a_hub_that_is_named_where_there_are_more(self, site, monkeypatch):
        hubs = federation_check.Membership.hubs.fget
        monkeypatch.setattr(
            federation_check.Membership, "hubs", property(lambda f: hubs(f) * 2)
        )
        found = [str(fault) for fault in site.faults()]
        assert len(found) == 2
        assert all("has more than one hub (2)" in text for text in found)


class TestMetadataAtAnAddress:
    ADDRESS = "http://localhost:1/federation.xml?token=geheim"

    def test_that_does_not_give_it_is_told_with_whom_to_ask(self, site):
        site.set("filter:uwv-eilogin", federation=self.ADDRESS)
        told = site.fault()
        assert told.option == "federation"
        assert "http://localhost:1/federation.xml" in told.expected
        assert "refuses connections" in told.expected
        assert (
            "Ask the administrator of that address (metadata-unavailable)"
        ) in told.expected
        assert "geheim" not in str(told)

    def test_is_kept_in_a_folder_that_the_start_makes(self, site):
        folder = site.var / "trust"
        site.set("filter:uwv-eilogin", federation_folder="%(here)s/var/trust")
        site.set("filter:hub-trust", federation_folder="%(here)s/var/trust")
        assert site.faults() == []
        assert not folder.exists(), "a check makes nothing"
        loadapp(f"config:{site.file}", "inloggen")
        assert folder.is_dir()

    def test_is_noted_where_a_copy_stands_in_for_it(self, site):
        (site.var / "trust").mkdir()
        theirs = site.var / "theirs.xml"
        shutil.copy(site.var / "federation.xml", theirs)
        site.set(
            "filter:uwv-eilogin",
            federation="%(here)s/var/theirs.xml",
            federation_folder="%(here)s/var/trust",
        )
        loadapp(f"config:{site.file}", "uwv")
        theirs.write_text("<half")
        loadapp(f"config:{site.file}", "uwv")
        found = configuration_check.check(IniFile.read(site.file, {})).remarks
        (note,) = [note for note in found if note.code == "metadata-copy"]
        assert "[filter:uwv-eilogin] federation: eilogin uses the previous copy" in str(
            note
        )
        assert site.faults() == []


class TestALevelThatNoHubCouldSay:
    def test_is_a_fault_where_the_filters_stand_alone(self, site):
        site.set("filter:g-trust", level_classes="basis urn:b")
        site.set("filter:g-login", protect="/ basis\n    /mijn midden")
        told = site.fault()
        assert (told.section, told.option) == ("filter:g-login", "protect")
        assert "a line needs midden; expected a class in 'level" in told.expected

    def test_is_one_in_one_section_too(self, site):
        site.set("filter:uwv-eilogin", level_classes="basis urn:b", protect="/ hoog")
        assert "a line needs hoog; expected" in site.fault().expected


class TestTheMetadataOfAPeer:
    @pytest.fixture
    def hub_file(self, site):
        """Write the hub's own metadata, changed, and let a participant trust that."""

        def write(section="filter:uwv-eilogin", **changes):
            ini = IniFile.read(site.file)
            parts = parts_of(ini)
            (part,) = [part for part in parts if part.title == "filter:hub-trust"]
            descriptor = own_of_part(ini, part).descriptor()
            role = replace(descriptor.identity_provider, **changes)
            contact = Contact("technical", "De Hub", "beheer@hub.test")
            hub = replace(descriptor, identity_provider=role, contacts=(contact,))
            (site.var / "hub.xml").write_bytes(write_entity(hub))
            site.set(
                section,
                federation="%(here)s/var/hub.xml",
                federation_certificate=None,
                federation_unsigned="true",
            )

        return write

    def test_that_nobody_signed_is_noted(self, site, run, hub_file):
        hub_file()
        result = run("check", site.file)
        assert result.exit_code == 0, result.stderr
        assert result.stdout.endswith(
            f"note: [filter:uwv-eilogin] federation_unsigned: {site.var}/hub.xml:"
            " eilogin verifies no signature there, so anybody who can write it decides"
            " whom this site trusts (metadata-unsigned)\n"
        )
        # It is one party's, and not a list that we should be on.
        assert "does not contain us" not in result.stdout

    def test_of_which_we_want_the_hub_alone_is_noted(self, site, run):
        file = site.var / "federation.xml"
        site.set("filter:uwv-eilogin", federation=f"{file} role=hub validity=off")
        result = run("check", site.file)
        assert result.exit_code == 0, result.stderr
        told = r"federation: \S+/federation\.xml: \d+ of \d+ members skipped"
        assert re.search(told, result.stdout)
        assert "does not contain us" not in result.stdout

    def test_of_which_a_line_is_wrong_is_a_fault_of_that_line(self, site):
        file = site.var / "federation.xml"
        site.set("filter:uwv-eilogin", federation=f"{file} rol=hub")
        told = site.fault()
        assert told.option == "federation"
        assert "and not 'rol'; did you mean 'role'? (line 1: '" in told.expected

    def test_that_nobody_signed_and_does_not_list_us_is_noted(self, site, run):
        octets = (site.var / "federation.xml").read_bytes()
        (site.var / "all.xml").write_bytes(
            octets.replace(b"http://uwv.localhost", b"http://other.localhost")
        )
        site.set(
            "filter:uwv-eilogin",
            federation="%(here)s/var/all.xml",
            federation_certificate=None,
            federation_unsigned="true",
        )
        told = run("check", site.file).stdout
        assert (
            "us, http://uwv.localhost:6543/eilogin/metadata; does the hub know us?"
            in told
        )

    def test_that_is_signed_by_itself_need_not_name_us_either(
        self, site, run, hub_file
    ):
        hub_file()
        key, certificate = (
            (site.var / f"inloggen.{end}").read_bytes() for end in ("key", "crt")
        )
        root = parse((site.var / "hub.xml").read_bytes())
        root.set("ID", "_signed")
        sign(root, SigningKey.load(key, certificate))
        (site.var / "hub.xml").write_bytes(serialize(root))
        site.set(
            "filter:uwv-eilogin",
            federation_certificate="%(here)s/var/inloggen.crt",
            federation_unsigned=None,
        )
        result = run("check", site.file)
        assert result.exit_code == 0, result.stderr
        assert "does not contain us" not in result.stdout
        assert "not signed" not in result.stdout

    def test_without_keys_is_a_fault(self, site, hub_file):
        hub_file(signing_certificates=())
        told = site.fault()
        assert told.option == "federation"
        assert "has no usable signing certificate" in told.expected
        assert "found none. Expected" in told.expected
        assert told.expected.endswith("(peer-without-keys)")

    def test_without_a_binding_that_is_needed_is_a_fault(self, site, hub_file):
        hub_file(artifact_resolutions=())
        told = site.fault()
        assert told.option == "hub"
        assert "resolves no artifacts over SOAP" in told.expected
        assert "ask De Hub beheer@hub.test" in told.expected
        assert told.expected.endswith("(binding-missing)")
        site.set("filter:uwv-eilogin", acs="post")
        assert site.faults() == []

    def test_that_says_of_no_logout_is_noted(self, site, run, hub_file):
        hub_file(single_logouts=())
        result = run("check", site.file)
        assert result.exit_code == 0
        assert "note: [filter:uwv-eilogin] hub: single logout is" in result.stdout
        assert "(logout-impossible)" in result.stdout

    def test_check_notes_an_expired_certificate_of_a_peer(self, site, run, hub_file):
        with time_machine.travel("2021-01-01T00:00:00Z", tick=False):
            old = SigningKey.load(*new_key_pair("inloggen.localhost", days=1))
        hub_file(signing_certificates=(old.certificate_text,))
        result = run("check", site.file)
        assert result.exit_code == 0, result.stderr
        assert (
            "expired at 2021-01-02T00:00:00Z: eilogin trusts its key"
        ) in result.stdout
        assert "ask De Hub beheer@hub.test" in result.stdout
        assert "(certificate-expired)" in result.stdout

    @pytest.fixture
    def ours(self, site, hub_file):
        """Take a certificate of ours that ends in so many days; what is told of it."""
        hub_file()

        def take(days, profile):
            begins = clock.now() - 10 * 86400
            pair = new_key_pair("uwv.localhost", begins=begins, days=10 + days)
            for end, octets in zip(("key", "crt"), pair, strict=True):
                (site.var / f"uwv.{end}").write_bytes(octets)
            site.set("filter:uwv-eilogin", profile=profile)
            file = site.var / "uwv.crt"
            return f"[filter:uwv-eilogin] certificate: {file} (CN=uwv.localhost)"

        return take

    @pytest.mark.parametrize("profile", ["saml", "digid"])
    def test_of_which_our_own_is_nearly_over_is_noted(self, site, run, ours, profile):
        told = ours(20, profile)
        result = run("check", site.file)
        assert f"{told} ends at " in result.stdout
        assert "(certificate-ends)" in result.stdout

    def test_of_which_our_own_is_over_is_noted(self, site, run, ours):
        assert f"{ours(-1, 'saml')} expired at " in run("check", site.file).stdout

    def test_of_which_our_own_is_over_is_a_fault_with_digid(self, site, ours):
        ours(-1, "digid")
        fault = site.fault()
        assert fault.option == "certificate"
        assert fault.expected.endswith(
            "DigiD answers 404 to a site with an expired certificate"
        )

    def test_of_which_a_part_was_passed_over_is_noted(self, site, run, hub_file):
        hub_file(
            single_logouts=(
                Endpoint("urn:x-test:carrier-pigeon", "http://hub.test/loft"),
                Endpoint(REDIRECT, "https://hub.test/slo"),
            )
        )
        result = run("check", site.file)
        assert "'http://hub.test/loft' (metadata-passed-over)" in result.stdout

    def test_that_has_expired_is_a_fault_with_its_code(self, site):
        with time_machine.travel("2126-01-01T00:00:00Z", tick=False):
            told = {fault.expected[-18:] for fault in site.faults()}
        assert told == {"(metadata-expired)"}


class TestWhatIsWorthAWord:
    def test_is_each_weak_algorithm(self, site, run):
        site.set("filter:uwv-eilogin", accept_weak="cbc rsa-1.5")
        result = run("check", site.file)
        assert result.exit_code == 0
        for name in ("cbc", "rsa-1.5"):
            assert (
                f"note: [filter:uwv-eilogin] accept_weak: eilogin accepts {name}: "
            ) in result.stdout

    def test_is_that_answers_may_name_nobody(self, site, run):
        site.set("filter:uwv-eilogin", name_id_format="none")
        assert "single logout is impossible" in run("check", site.file).stdout

    def test_is_what_digid_asks_for_on_the_back_channel(self, site, run):
        site.set("filter:uwv-eilogin", profile="digid", public_url="https://uwv.test")
        told = run("check", site.file).stdout.splitlines()
        options = [line.split(": ")[1] for line in told if line.startswith("note: ")]
        assert [one for one in options if "uwv-eilogin" in one][:3] == [
            "[filter:uwv-eilogin] pseudonym_key",
            "[filter:uwv-eilogin] tls_client_certificate",
            "[filter:uwv-eilogin] back_channel_ca",
        ]

    def test_is_not_what_a_rehearsal_of_digid_needs_not(self, site, run):
        site.set("filter:uwv-eilogin", profile="digid")
        result = run("check", site.file)
        assert result.exit_code == 0, result.stderr
        told = [line for line in result.stdout.splitlines() if "note" in line]
        assert [line.split(": ")[1] for line in told] == [
            "[filter:uwv-eilogin] pseudonym_key",
        ]

    def test_is_not_there_where_that_is_there(self, site, run):
        site.set(
            "filter:uwv-eilogin",
            profile="digid",
            pseudonym_key="a secret that stays",
            tls_client_key="%(here)s/var/uwv.key",
            tls_client_certificate="%(here)s/var/uwv.crt",
            back_channel_ca="%(here)s/var/uwv.crt",
        )
        assert "note" not in run("check", site.file).stdout

    def test_is_a_fault_where_a_filter_of_its_own_contradicts_it(self, site, run):
        site.set("filter:g-trust", profile="digid")
        site.set("filter:g-login", keep_alive="5m", silent="true", comparison="exact")
        site.set("filter:g-session", idle="20m")
        result = run("check", site.file)
        assert result.exit_code == 1
        for told in (
            "[filter:g-session] idle: found '20m'; expected at most '15m'",
            "[filter:g-login] keep_alive: found '5m'; expected '10m' to '15m'",
            "[filter:g-login] silent: found 'true'; expected 'false'",
            "[filter:g-login] comparison: found 'exact'; expected 'minimum'",
        ):
            assert told in result.stderr

    def test_is_no_fault_with_high_levels_and_a_keep_alive(self, site, run):
        site.set("filter:g-trust", profile="digid")
        site.set("filter:g-login", keep_alive="12m", protect="/ substantieel")
        assert run("check", site.file).exit_code == 0

    def test_is_not_that_of_a_hub_that_plays_digid(self, site, run):
        site.set("filter:hub-trust", profile="digid")
        assert "note" not in run("check", site.file).stdout


class TestLimitsThatNeverComeIntoForce:
    def test_are_noted(self, site, run):
        site.set(
            "filter:uwv-eilogin", idle="10m", protect="/a basis idle=20m", warn="3h"
        )
        output = run("check", site.file).stdout
        assert (
            "note: [filter:uwv-eilogin] protect: an idle= is longer than the idle time"
            " of the session (600 s), so it has no effect\n" in output
        )
        assert (
            "note: [filter:uwv-eilogin] warn: is more than half of 'idle' (600 s), so"
            " eilogin warns when half of 'idle' is over\n" in output
        )

    def test_are_noted_where_they_stand(self, site, run):
        site.change(
            "[filter:g-login]",
            "[filter:strict]\nuse = g-login\n\n[filter:g-login]\nwarn = 10m",
        )
        site.change("g-login g-logout", "strict g-logout")
        assert "note: [filter:g-login] warn: " in run("check", site.file).stdout

    def test_are_noted_where_idle_is_longer_than_a_session(self, site, run):
        site.set("filter:hub-session", idle="3h")
        output = run("check", site.file).stdout
        assert (
            "note: [filter:hub-session] idle: is longer than 'max_session' (7200 s)"
            in output
        )

    def test_and_others_are_not(self, site, run):
        site.set(
            "filter:uwv-eilogin", protect="/a basis idle=5m", warn="5m", idle="10m"
        )
        assert "note: " not in run("check", site.file).stdout

    def test_and_a_time_that_nobody_wrote_is_not(self, site, run):
        site.set("filter:uwv-eilogin", idle="3m")
        assert "note: " not in run("check", site.file).stdout


class TestAWarningThatIsSwitchedOff:
    def test_is_noted_with_what_it_costs(self, site, run):
        site.set("filter:uwv-eilogin", warn="off")
        assert (
            "note: [filter:uwv-eilogin] warn: eilogin signs visitors out without a"
            " warning, which fails WCAG 2.2.1 (level A); expected a time such as 2m\n"
            in run("check", site.file).stdout
        )

    def test_is_not_noted_of_sessions_of_more_than_twenty_hours(self, site, run):
        site.set("filter:uwv-eilogin", warn="off", idle="21h", max_session="21h")
        assert "WCAG" not in run("check", site.file).stdout


class TestWhatIsHardlyMeant:
    def notes(self, site, run):
        result = run("check", site.file)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()[1:]

    def test_a_filter_around_no_application_is_noted(self, site, run):
        """An example of the manual, say, below a pipeline that does not name it."""
        site.change(
            "[app:app]",
            "[filter:logout]\nuse = egg:eilogin#logout\napp_logout = /uit\n\n[app:app]",
        )
        assert self.notes(site, run) == [
            "note: [filter:logout]: is in no pipeline, so it has no effect"
        ]

    def test_one_of_which_another_is_made_is_not(self, site, run):
        site.change(
            "[app:app]",
            "[filter:more]\nuse = g-logout\n\n[filter:most]\nuse = more\n\n[app:app]",
        )
        assert self.notes(site, run) == [
            "note: [filter:most]: is in no pipeline, so it has no effect"
        ]

    def test_an_option_in_default_is_noted(self, site, run):
        site.set("DEFAULT", idle="5m", bind_address="enforce", of_others="1")
        assert self.notes(site, run) == [
            f"note: [DEFAULT] {option}: has no effect here; write it in the section of"
            " the filter"
            for option in ("bind_address", "idle")
        ]

    @pytest.mark.parametrize(
        "options", [{"idle": "%(name)s"}, {"get idle": "name"}], ids=["value", "get"]
    )
    def test_one_that_is_referred_to_is_not(self, site, run, options):
        site.set("DEFAULT", name="5m")
        site.set("filter:uwv-eilogin", name=None, **options)
        assert self.notes(site, run) == []

    def test_a_server_that_refuses_forms_that_would_be_kept_is_noted(self, site, run):
        """The server that takes the most counts."""
        site.set("server:back", max_request_body_size="1048576")
        assert self.notes(site, run) == []
        site.set("server:main", max_request_body_size="2097152")
        for section in ("filter:uwv-eilogin", "filter:g-login"):
            site.set(section, keep_post="1m")
        assert self.notes(site, run) == []
        site.set("filter:g-login", keep_post="8m")
        [note] = self.notes(site, run)
        assert note == (
            "note: [filter:g-login] keep_post: keeps forms of up to 8388608 bytes, but"
            " no server accepts a body of more than 2097152 bytes"
            " (max_request_body_size); expected a larger max_request_body_size, or a"
            " smaller keep_post"
        )

    def test_as_many_who_wait_as_there_are_threads_is_noted(self, site, run):
        """The server that has the most of them counts; waitress has four of itself."""
        site.set("server:main", threads=None)
        site.set("server:back", threads="3")
        site.set("filter:g-login", artifacts_at_once="3")
        assert self.notes(site, run) == []
        site.set("filter:g-login", artifacts_at_once="4")
        site.set("app:hub", logouts_at_once="5")
        assert self.notes(site, run) == [
            f"note: [{section}] {option}: {most}, and no server has more than 4"
            " threads, so a peer that hangs holds them all; expected fewer"
            for section, option, most in (
                ("app:hub", "logouts_at_once", 5),
                ("filter:g-login", "artifacts_at_once", 4),
            )
        ]
        site.set("server:main", threads="6")
        assert self.notes(site, run) == []

    def test_of_a_server_that_is_told_elsewhere_nobody_knows(self, site, run):
        site.set("filter:g-login", artifacts_at_once="100")
        for server in ("server:main", "server:back"):
            site.set(server, use="egg:gunicorn#main")
        assert self.notes(site, run) == []

    def test_an_attribute_that_is_not_asked_for_is_noted(self, site, run):
        needed = {"protect": "/a basis role=x mail=*", "require_attributes": "mail bsn"}
        site.set("filter:uwv-eilogin", **needed)
        assert self.notes(site, run) == [], "who asks for nothing may get anything"
        site.set("filter:uwv-eilogin", requested_attributes="mail")
        assert self.notes(site, run) == [
            f"note: [filter:uwv-eilogin] {option}: {name!r} is not in"
            " requested_attributes; will the hub tell it?"
            for option, name in (("protect", "role"), ("require_attributes", "bsn"))
        ]

    @pytest.mark.parametrize("subject", ["attribute:mail", "name-id attribute:mail"])
    def test_that_an_attribute_may_name_her_is_noted(self, site, run, subject):
        site.set("filter:uwv-eilogin", subject=subject)
        assert self.notes(site, run) == [
            (
                "note: [filter:uwv-eilogin] subject: if an attribute identifies the"
                " visitor, and the hub sends no NameID, single logout is impossible"
                " (logout-impossible)"
            )
        ]

    def test_a_participant_without_names_is_noted(self, site, run):
        uwv = "http://uwv.localhost:6543/eilogin/metadata"
        site.set("app:hub", nameless=uwv)
        assert self.notes(site, run) == [
            (
                f"note: [app:hub] nameless: {uwv!r} gets no NameID, so for its"
                " sessions single logout is impossible (logout-impossible)"
            )
        ]

    def test_check_notes_values_that_each_of_several_hubs_can_send(self, site, run):
        told = {
            "protect": "/a basis role=x\n /b hoog\n /c midden\n =/ optional",
            "user": "attribute:mail subject",
        }
        site.set("filter:uwv-eilogin", **told)
        assert self.notes(site, run) == []
        site.set("filter:uwv-eilogin", hub="all")
        told = (
            "each of the hubs can send 'role', and so let its visitors in; do you mean"
        )
        named = (
            "attribute:mail: each hub can send any value here, also one of another"
            " hub's visitor; 'subject' separates the visitors of different hubs"
        )
        levels = "each of the hubs can claim midden or hoog for its visitors"
        assert self.notes(site, run) == [
            f"note: [filter:uwv-eilogin] protect: {levels}; do you mean that?",
            f"note: [filter:uwv-eilogin] protect: {told} that?",
            f"note: [filter:uwv-eilogin] user: {named}",
        ]

    def test_the_lowest_level_is_for_any_hub_to_say(self, site, run):
        site.set("filter:uwv-eilogin", hub="all", protect="/ basis\n /open optional")
        assert self.notes(site, run) == []

    @pytest.mark.parametrize("networks", ["0.0.0.0/0", "10.0.0.1 ::/0"])
    def test_trust_in_every_address_is_noted(self, site, run, networks):
        site.set("filter:g-trust", trusted_proxies=networks)
        (note,) = self.notes(site, run)
        told = "note: [filter:g-trust] trusted_proxies: trusts every address, so"
        assert note.startswith(told)

    @pytest.mark.parametrize(
        "server",
        [
            {"unix_socket": "%(here)s/s", "listen": None},
            {
                "use": "egg:gunicorn#main",
                "bind": "unix:%(here)s/s",
                "listen": None,
                "threads": None,
            },
        ],
        ids=["waitress", "gunicorn"],
    )
    def test_a_unix_socket_whose_proxy_is_not_trusted_is_noted(self, site, run, server):
        site.set("server:back", **server)
        trusting = ("filter:hub-trust", "filter:uwv-eilogin", "filter:g-trust")
        notes = self.notes(site, run)
        assert [note.partition(":")[2].split()[0] for note in notes] == [
            f"[{title}]" for title in trusting
        ]
        assert "trusted_proxies: [server:back] is a Unix socket" in notes[0]
        for title in trusting:
            site.set(title, trusted_proxies="unix 10.0.0.1")
        assert self.notes(site, run) == []

    def test_a_method_that_is_none_is_noted(self, site, run):
        protect = "/a off methods=GET,POTS\n /b off methods=PROPFIND,PATCH"
        site.set("filter:g-login", protect=protect)
        (note,) = self.notes(site, run)
        assert note.startswith("note: [filter:g-login] protect: found methods=POTS, ")
        assert note.endswith("; did you mean 'POST'?")

    def test_one_word_in_the_place_of_a_text_is_noted(self, site, run):
        site.set("filter:uwv-eilogin", profile="digid", error_text="c17")
        assert any(
            note.endswith(
                "error_text: visitors see only the text 'c17'; did you mean 'cl7'?"
            )
            for note in self.notes(site, run)
        )
        for fine in ("tvs", "Het lukt niet."):
            site.set("filter:uwv-eilogin", error_text=fine)
            assert "a visitor reads" not in "".join(self.notes(site, run))

    @pytest.mark.parametrize(
        "option",
        [
            "nameless",
            "release",
            "passed_on_to",
            "sectors",
            "inactive",
            "logout_binding",
        ],
    )
    def test_check_notes_an_entity_id_that_is_not_a_member(self, site, run, option):
        uwv = "http://uwv.localhost:6543/eilogin/metadata"
        lines = {
            "nameless": f"{uwv} {uwv}x",
            "release": f"{uwv} name\n {uwv}x name\n category:urn:c name\n * name",
            "passed_on_to": f"{uwv} {uwv}x",
            "sectors": f"{uwv} s00000000\n {uwv}x s00000001\n * s00000000",
            "inactive": f"{uwv} {uwv}x",
            "logout_binding": f"{uwv} soap\n {uwv}x browser\n * soap",
        }
        if option in ("sectors", "inactive"):
            site.set("filter:hub-trust", profile="digid")
        site.set("app:hub", **{option: lines[option]})
        notes = [note for note in self.notes(site, run) if "no member" in note]
        (note,) = notes
        assert note.startswith(
            f"note: [app:hub] {option}: '{uwv}x' is no member of the"
        )
        assert note.endswith(f"; did you mean '{uwv}'?")

    def test_seconds_where_minutes_may_be_meant_are_noted(self, site, run):
        site.set("filter:uwv-eilogin", idle="15", max_session="59")
        assert self.notes(site, run) == [
            f"note: [filter:uwv-eilogin] {option}: {number} is {number} seconds;"
            f" for minutes, write '{number}m'"
            for option, number in (("idle", 15), ("max_session", 59))
        ]
        site.set("filter:uwv-eilogin", idle="15s", max_session="60")
        assert self.notes(site, run) == []

    @pytest.mark.parametrize("section", ["filter:uwv-eilogin", "filter:hub-trust"])
    def test_an_old_accessibility_statement_is_noted(self, site, run, section):
        site.set(
            section, accessibility_status="none", accessibility_contact="hulp@uwv.test"
        )
        today = clock.utc(clock.now()).date()
        for days, notes in ((400, 1), (300, 0)):
            site.set(section, accessibility_date=str(today - timedelta(days=days)))
            told = "is more than a year ago; review the accessibility statement"
            note = f"note: [{section}] accessibility_date: {told}"
            assert self.notes(site, run) == notes * [note]

    def test_an_attribute_that_no_citizen_has_is_noted(self, site, run):
        site.set("app:hub", release="* mial bsn required\n  category:urn:c cn")
        assert self.notes(site, run) == [
            f"note: [app:hub] release: {told}"
            for told in (
                "'mial' is no attribute of the hub's citizens; did you mean 'mail'?",
                "'cn' is no attribute of the hub's citizens",
            )
        ]

    def test_a_hub_without_participants_is_noted(self, site, run):
        (hub,) = [
            part for part in parts_of(IniFile.read(site.file)) if "hub-t" in part.title
        ]
        own = own_of_part(IniFile.read(site.file), hub)
        (site.var / "own.xml").write_bytes(write_entity(own.descriptor(), own.key))
        site.set(
            "filter:hub-trust",
            federation="%(here)s/var/own.xml",
            federation_certificate="%(here)s/var/inloggen.crt",
        )
        (note,) = self.notes(site, run)
        assert note == (
            "note: [filter:hub-trust] federation: the metadata has no participant, so"
            " no visitor can come here to log in"
        )

    def test_a_comma_between_values_is_noted(self, site, run):
        protect = "=/x,y off\n /a=b,c off methods=GET,PUT\n /c basis role=chief,admin"
        site.set("filter:g-login", protect=protect)
        (note,) = self.notes(site, run)
        assert note.startswith("note: [filter:g-login] protect: role=chief,admin means")
        assert note.endswith("for several write role=chief|admin")

    def test_check_notes_a_value_that_looks_like_a_comment(self, site, run):
        site.set("filter:uwv-eilogin", name="Desk #1")
        (note,) = self.notes(site, run)
        assert note.startswith("note: [filter:uwv-eilogin] name: found ' #' (an ini")

    def test_a_store_that_a_restart_of_the_machine_takes_away_is_noted(
        self, site, run, tmp_path, monkeypatch
    ):
        table = tmp_path / "mountinfo"
        table.write_text(
            f"1 0 8:1 / / rw - ext4 /dev/sda rw\n"
            f"2 1 0:1 / {site.var}/uwv rw - tmpfs x rw\n"
        )
        monkeypatch.setattr(mounts, "MOUNTS", table)
        (note,) = self.notes(site, run)
        assert note == (
            "note: [filter:uwv-eilogin] store: is on a file system in memory, so"
            " a restart of the machine deletes it"
        )

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
    def test_keys_that_are_open_to_others_are_noted(self, site, run, mode):
        files = {"uwv.key": "key", "name-id.key": "name_id_key", "s": "secret"}
        (site.var / "s").write_text("a secret of the uwv")
        site.set("filter:uwv-eilogin", secret="file:var/s")
        for file in files:
            (site.var / file).chmod(mode)
        noted = self.notes(site, run)
        assert len(noted) == 3
        for file, option in files.items():
            assert any(
                f"] {option}: users other than the owner can read or write"
                f" {site.var / file} (mode 0{mode:o}): chmod 600" in note
                for note in noted
            ), noted

    def test_so_are_those_of_a_folder(self, site, run):
        keys = site.var / "keys"
        keys.mkdir()
        for ending in ("key", "crt"):
            (keys / f"2026.{ending}").write_bytes(
                (site.var / f"uwv.{ending}").read_bytes()
            )
        (keys / "2026.key").chmod(0o640)
        secrets = dict.fromkeys(("secret", "pseudonym_key"), "a secret of the uwv")
        site.set(
            "filter:uwv-eilogin", keys="var/keys", key=None, certificate=None, **secrets
        )
        (note,) = self.notes(site, run)
        assert f"can read or write {keys / '2026.key'} (mode" in note

    def test_a_store_that_is_open_to_others_is_noted(self, site, run):
        SQLiteStore(site.var / "uwv/eilogin.db").prepare()
        assert self.notes(site, run) == []
        (site.var / "uwv/eilogin.db").chmod(0o644)
        (note,) = self.notes(site, run)
        assert "[filter:uwv-eilogin] store: " in note
        assert "(mode 0644)" in note


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

    @pytest.mark.parametrize(
        ("mounts", "outer", "pipelines"),
        [
            ("x = one\ny = two", "", 2),
            ("x = one\ny = one\nz = two", "", 3),
            ("x = one\ny = app", "", None),
            ("x = app\ny = again", "uwv-eilogin", None),
        ],
    )
    def test_share_no_memory_between_pipelines(
        self, site, run, mounts, outer, pipelines
    ):
        """One filter around a composite is one store for all that is inside."""
        site.set("filter:uwv-eilogin", store="memory:")
        site.set("composite:main", **{"uwv.localhost": "outer"})
        site.change(
            "[pipeline:uwv]\npipeline = uwv-eilogin app\n",
            f"[pipeline:outer]\npipeline = {outer} mounts\n\n"
            f"[composite:mounts]\nuse = egg:eilogin#hosts\n{mounts}\n\n"
            + "".join(
                f"[pipeline:{name}]\npipeline = uwv-eilogin app\n\n"
                for name in ("one", "two")
                if f"= {name}" in mounts
            )
            + "[app:again]\nuse = app\n\n",
        )
        output = run("check", site.file).output
        told = re.findall(
            r"\[filter:uwv-eilogin\] store: found 'memory:' in (.)", output
        )
        assert told == ([] if pipelines is None else [str(pipelines)])

    def test_share_no_sessions_of_applications_in_memory_either(self, site):
        text = site.file.read_text()
        notes = "[filter:notes]\nuse = egg:eilogin#appsession\ntype = memory\n"
        site.file.write_text(f"{text}\n{notes}")
        site.set("pipeline:uwv", pipeline="uwv-eilogin notes app")
        assert site.faults() == []
        site.set("server:main", use="egg:gunicorn#main", workers="4")
        assert (site.fault().section, site.fault().option) == ("filter:notes", "type")


class TestAStore:
    def test_has_a_folder_that_can_be_written(self, site, monkeypatch):
        folder = site.var / "uwv"
        real = os.access
        monkeypatch.setattr(
            file_faults.os, "access", lambda p, m: p != folder and real(p, m)
        )
        fault = site.fault()
        assert fault.expected.startswith(
            "this user cannot write to its folder: it belongs to "
        )
        assert str(folder) in fault.found

    @pytest.mark.parametrize(
        ("octets", "fault"),
        [
            pytest.param(b"", "", id="empty"),
            pytest.param(b"SQLite", "file is not a database", id="short"),
            pytest.param(b"<html>" * 100, "file is not a database", id="another"),
            pytest.param(None, "is no file", id="a folder"),
        ],
    )
    def test_is_empty_or_a_file_of_sqlite(self, site, octets, fault):
        store = site.var / "uwv/eilogin.db"
        if octets is None:
            store.mkdir()
        else:
            store.write_bytes(octets)
        found = site.faults()
        assert len(found) == bool(fault)
        assert all(fault in f.expected for f in found)

    @pytest.mark.parametrize(
        ("statements", "says"),
        [
            pytest.param(
                "DROP TABLE sessions; DROP TABLE labels; DROP TABLE items;"
                " DROP TABLE texts; DROP TABLE marks; DROP TABLE meta;"
                " CREATE TABLE prices (x)",
                "has the tables prices, and no version that this eilogin knows",
                id="another's",
            ),
            pytest.param(
                "UPDATE meta SET value = '99'",
                "has tables of version 99",
                id="of a later version",
            ),
            pytest.param("DROP TABLE marks", "is damaged: no such table", id="damaged"),
            pytest.param(
                "UPDATE meta SET value = '99' WHERE name = 'schema'; DROP TABLE marks",
                "is damaged: no such table",
                id="of a later version that we may use, damaged",
            ),
            pytest.param(
                "ALTER TABLE meta DROP COLUMN value", "no such column", id="no meta"
            ),
        ],
    )
    @pytest.mark.parametrize("is_served", [False, True])
    def test_is_refused_where_the_server_would_refuse_it(
        self, site, statements, says, is_served
    ):
        store = site.var / "uwv/eilogin.db"
        SQLiteStore(store).prepare()
        with closing(sqlite3.connect(store)) as server:
            server.executescript(statements)
            if not is_served:
                server.close()
            before = contents(store.parent)
            assert says in site.fault().expected
            assert contents(store.parent) == before
        with pytest.raises(ConfigurationError, match=says):
            SQLiteStore(store).prepare()

    def test_is_refused_where_a_part_of_it_is_missing(self, site):
        store = site.var / "uwv/eilogin.db"
        SQLiteStore(store).prepare()
        octets = store.read_bytes()
        store.write_bytes(octets[: len(octets) // 2])
        assert "malformed" in site.fault().expected
        with pytest.raises(ConfigurationError, match="malformed"):
            SQLiteStore(store).prepare()

    def test_is_looked_at_without_touching_it(self, site):
        store = site.var / "uwv/eilogin.db"
        SQLiteStore(store).prepare()
        for statement in (None, "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"):
            with closing(sqlite3.connect(store, isolation_level=None)) as server:
                server.execute("UPDATE meta SET value = value")
                if statement:
                    server.execute(statement)
                before = contents(store.parent)
                assert site.faults() == []
                assert contents(store.parent) == before

    def test_that_nobody_can_look_into_now_has_no_fault(self, site, monkeypatch):
        store = site.var / "uwv/eilogin.db"
        # It waits for five seconds else, as sqlite3 does where nothing is said.
        impatient = partial(sqlite3.connect, timeout=0.1)
        monkeypatch.setattr(sqlite_schema.sqlite3, "connect", impatient)
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            other.execute("CREATE TABLE x (y)")
            other.execute("BEGIN EXCLUSIVE")
            # As a crash leaves it, or a backup tool: with a log, and nothing of it.
            store.with_name("eilogin.db-wal").write_bytes(b"x")
            before = contents(store.parent)
            assert site.faults() == []
            assert contents(store.parent) == before

    def test_that_others_open_and_close_all_the_time_has_no_fault(
        self, site, monkeypatch
    ):
        SQLiteStore(site.var / "uwv/eilogin.db").prepare()
        error = sqlite3.OperationalError("locking protocol")
        error.sqlite_errorcode = sqlite3.SQLITE_PROTOCOL

        def give_up(*_):
            raise error

        monkeypatch.setattr(sqlite_schema, "_version", give_up)
        assert site.faults() == []

    def test_is_on_a_local_disk(self, site, tmp_path, monkeypatch):
        table = tmp_path / "mountinfo"
        table.write_text(
            f"1 0 8:1 / / rw - ext4 /dev/sda rw\n"
            f"2 1 0:1 / {site.var}/uwv rw - nfs4 x rw\n"
        )
        monkeypatch.setattr(mounts, "MOUNTS", table)
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
            file_faults.os, "access", lambda p, m: p != store and real(p, m)
        )
        expected = site.fault().expected
        user = pwd.getpwuid(os.geteuid()).pw_name
        owner = f"it belongs to {user}, and this user is {user}"
        told = f"this user cannot write to it: {owner}"
        assert expected == told
        # As in a container that has no name for its user.
        monkeypatch.setattr(file_faults.os, "geteuid", lambda: 4_000_000_000)
        assert site.fault().expected.endswith("and this user is 4000000000")


class TestAFileThatIsNone:
    @pytest.mark.parametrize(
        ("octets", "says"),
        [
            (b"use = x", "no section headers"),
            (b"\xef\xbb\xbf[app:x]", "expected a file without a byte order mark (BOM)"),
            (b"[app:main]\n[app:main]\n", "already exists"),
            (b"[app:main]\na = 1\na = 2\n", "already exists"),
            (b"[app:main]\na = \xff\n", "it is not UTF-8, the encoding of the"),
            (
                b"[app:main]\nprotect =\n/mijn midden\n",
                "'NAME = VALUE': indent the further lines of a value",
            ),
        ],
    )
    def test_has_one_fault(self, bare_site, octets, says):
        bare_site.file.write_bytes(octets)
        assert says in bare_site.fault().expected

    def test_is_said_not_to_be_there(self, tmp_path, run):
        result = run("check", tmp_path / "no.ini")
        assert result.exit_code == 1
        assert "no.ini: cannot read it: No such file or directory" in result.stderr

    @pytest.mark.parametrize("text", ["", "# nothing\n", "[DEFAULT]\nidle = 5m\n"])
    def test_has_no_sections(self, bare_site, run, text):
        bare_site.file.write_text(text)
        result = run("check", bare_site.file)
        assert result.exit_code == 1
        assert "expected sections, such as [app:main]" in result.stderr

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
        assert any("is ambiguous" in str(fault) for fault in bare_site.faults())


READ_BY_ALL = """
import sys
from paste.deploy.loadwsgi import ConfigLoader
from eilogin import config
from eilogin.cli.inifiles.ini_sections import IniFile

class Named(config.Options, name="named"):
    \"""One option.\"""

def of_paste(path):
    try:
        return ConfigLoader(path).parser.get("filter:x", "name")
    except UnicodeDecodeError as error:
        return error.encoding

path = sys.argv[1]
ini = IniFile.read(path)
ours = ini.sections["filter:x"].values["name"] if ini.sections else ""
section = config.section_of(Named, path, {"name": of_paste(path)})
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
                ["cannot read it: it is not ASCII, the encoding of the locale"],
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


def test_check_accepts_set_lines_for_other_sections(site):
    site.set("composite:main", **{"set debug": "true"})
    assert site.faults() == []


def test_an_unknown_error_of_ours_is_told_as_a_fault(site, monkeypatch):
    def refuse(options):
        raise ConfigurationError("not today")

    monkeypatch.setattr(trust_options, "back_channel_of", refuse)
    assert {fault.expected for fault in site.faults()} == {"not today"}
