"""``eilogin join``: from somebody's application to a site that can be taken in."""

import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate
from paste.deploy import loadapp
from webtest import TestApp

from eilogin import clock
from eilogin.cli.inifiles.ini_members import own_of_part, parts_of
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.inifiles.pipeline_wrapping import Host
from eilogin.config import split
from eilogin.federation import Own
from eilogin.federation.local.local_keys import OwnKey
from eilogin.saml.metadata import write_federation
from eilogin.saml.safe_xml import parse
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.stores.sqlite import mounts

APP = """\
# Of ours: do not touch.

[app:main]
use = egg:eilogin#wsgi
app = wsgiref.simple_server:demo_app
; kept as it is
"""
NAMED = APP.replace("main", "mine")
WITH_LOGS = """
[filter:outer]
paste.filter_app_factory = outer:make
"""
#: As Zope's mkwsgiinstance makes it.
ZOPE = "[app:zope]\nuse = egg:Zope#main\nzope_conf = %(here)s/zope.conf\n"
PIPELINE = "[pipeline:main]\npipeline =\n    egg:Zope#httpexceptions\n    zope\n"
FILES = {
    "an application": APP,
    "a pipeline": NAMED + WITH_LOGS + "[pipeline:main]\npipeline = outer mine\n",
    "a pipeline on lines": NAMED
    + WITH_LOGS
    + "[pipeline:main]\npipeline =\n    # logs first\n    outer\n    mine\n",
    "a composite": NAMED + "[composite:main]\nuse = egg:eilogin#hosts\n"
    "mijn.example.nl = mine\n",
    "an application with a filter": APP.replace(
        "use =", "filter-with = outer\nuse =", 1
    )
    + WITH_LOGS,
    "one that uses another": NAMED + "[app:main]\nuse = mine\n",
}
#: What names filters already, and names one more afterwards.
NAMING = ("filter-with = outer", "pipeline = outer mine")
OUTER = """\
def make(app, global_conf):
    def outer(environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, [*headers, ("X-Outer", "yes")], exc_info)
        return app(environ, start)
    return outer
"""
HTTPS, HTTP = "https://mijn.example.nl", "http://mijn.localhost:6543"
ARGUMENTS = ("--public-url", "https://mijn.example.nl", "--yes")


@pytest.fixture(scope="module")
def pairs():
    return {name: new_key_pair(name) for name in ("site", "operator", "hub")}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the application's ini file is, and code that it imports."""
    (tmp_path / "outer.py").write_text(OUTER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "outer", raising=False)
    return tmp_path


@pytest.fixture
def ini(folder):
    return folder / "production.ini"


@pytest.fixture
def with_key(folder, pairs):
    """The key of an earlier time: to make one takes its time."""
    for end, octets in zip(("key", "crt"), pairs["site"], strict=True):
        (folder / f"mijn.example.nl.{end}").write_bytes(octets)
        (folder / f"mijn.example.nl.{end}").chmod(0o600)


@pytest.fixture
def join(run, ini):
    def call(*arguments, text=None):
        if text is not None:
            ini.write_text(text)
        return run("join", "--wrap", ini, *(arguments or ARGUMENTS))

    return call


@pytest.fixture
def taken_in(folder, pairs):
    """The operator takes a site in, with the hub that it has."""

    def take(ini):
        file = IniFile.read(ini)
        (part,) = parts_of_members(file)
        hub = Own(
            "hub",
            "https://inloggen.example.nl",
            "",
            (OwnKey.of(SigningKey.load(*pairs["hub"])),),
            "https://inloggen.example.nl/metadata",
            "https://inloggen.example.nl",
        )
        octets = write_federation(
            [own_of_part(file, part).descriptor(), hub.descriptor()],
            name="",
            valid_until=clock.now() + 14 * 86400,
            key=SigningKey.load(*pairs["operator"]),
        )
        (folder / "federation.xml").write_bytes(octets)
        (folder / "operator.crt").write_bytes(pairs["operator"][1])

    return take


def parts_of_members(file):
    return [part for part in parts_of(file) if part.entry_point == "main"]


class TestAroundAnApplication:
    @pytest.mark.parametrize("text", FILES.values(), ids=FILES)
    def test_joined_application_redirects_anonymous_visitors_to_the_hub(
        self, join, ini, taken_in, with_key, text
    ):
        assert join(text=text).exit_code == 0
        taken_in(ini)
        answer = TestApp(loadapp(f"config:{ini}")).get(
            "https://mijn.example.nl/", expect_errors=True
        )
        assert answer.status_int in (302, 303)
        assert answer.location.startswith("https://inloggen.example.nl/sso")

    @pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
    @pytest.mark.parametrize("text", FILES.values(), ids=FILES)
    def test_nothing_of_the_file_is_lost(self, join, ini, with_key, text, newline):
        text = text.replace("\n", newline) + "# the end, without a newline"
        ini.write_bytes(text.encode())
        assert join().exit_code == 0
        after = ini.read_bytes().decode()
        kept = iter(after.split(newline))
        changed = [
            line
            for line in text.split(newline)
            if line not in NAMING and line not in kept
        ]
        assert changed == []
        assert "\n" not in after.replace(newline, "")
        assert (ini.parent / f"{ini.name}.before-eilogin").read_bytes() == text.encode()

    def test_a_filter_that_was_around_it_stays(self, join, ini, taken_in, with_key):
        join(text=FILES["an application with a filter"])
        taken_in(ini)
        answer = TestApp(loadapp(f"config:{ini}")).get("https://mijn.example.nl/")
        assert answer.headers["X-Outer"] == "yes"

    def test_the_change_is_shown_first(self, join, ini):
        result = join(*ARGUMENTS[:2], "--dry-run", text=APP)
        assert result.exit_code == 0
        assert "+filter-with = eilogin\n use = egg:eilogin#wsgi" in result.output
        assert "Nothing was written" in result.output
        assert ini.read_text() == APP
        assert {path.name for path in ini.parent.iterdir()} == {"outer.py", ini.name}

    def test_a_script_has_to_say_yes(self, join, ini):
        result = join(*ARGUMENTS[:2], text=APP)
        assert result.exit_code == 1
        assert "--yes" in result.output
        assert ini.read_text() == APP

    def test_a_script_is_told_what_it_did_not_say(self, join):
        result = join("--yes", text=APP)
        assert result.exit_code == 2
        assert "expected --public-url" in result.output

    def test_its_mode_stays(self, join, ini, with_key):
        ini.write_text(APP)
        ini.chmod(0o640)
        join()
        kept = ini.parent / f"{ini.name}.before-eilogin"
        assert {stat.S_IMODE(p.stat().st_mode) for p in (ini, kept)} == {0o640}

    def test_a_link_stays_one(self, join, ini, folder, with_key):
        real = folder / "real.ini"
        real.write_text(APP)
        ini.symlink_to(real)
        assert join().exit_code == 0
        assert ini.is_symlink()
        assert "[filter:eilogin]" in real.read_text()

    def test_another_filter_of_that_name_is_another(self, join, ini, with_key):
        taken = "\n[filter:eilogin]\nuse = outer\n" + WITH_LOGS
        join(text=APP + taken)
        assert "filter-with = eilogin-2" in ini.read_text()
        assert [part.title for part in Host.read(ini).guards] == ["filter:eilogin-2"]

    def test_the_section_is_the_one_that_is_named(self, join, ini, with_key):
        text = APP + NAMED.replace("# Of ours", "# Another")
        assert join(*ARGUMENTS, "--section", "app:mine", text=text).exit_code == 0
        assert not Host.read(ini).guards
        assert Host.read(ini, "app:mine").guards

    def test_a_value_means_what_was_said(self, join, ini, with_key):
        join(*ARGUMENTS, "--name", "Súdwest 100%", "--hub", "urn:hub", text=APP)
        (guard,) = Host.read(ini).guards
        assert guard.options["name"] == "Súdwest 100%"
        assert guard.options["hub"] == "urn:hub"

    @pytest.mark.parametrize(
        "text",
        [
            ZOPE + PIPELINE,
            ZOPE.replace("app:zope", "app:main").replace("#main", ""),
            ZOPE.replace("egg:Zope#main", "call:Zope2.Startup.run:make_wsgi_app")
            + PIPELINE,
            ZOPE.replace("egg:Zope#main", "egg:eilogin#factory")
            + "factory = Zope2.Startup.run:make_wsgi_app\n"
            + PIPELINE,
        ],
        ids=["pipeline", "app", "call", "factory"],
    )
    def test_zope_gets_its_own_paths(self, join, ini, with_key, text):
        join(text=text)
        (guard,) = Host.read(ini).guards
        assert guard.options["path_style"] == "zope"

    def test_nobody_else_does(self, join, ini, with_key):
        join(text=APP)
        (guard,) = Host.read(ini).guards
        assert "path_style" not in guard.options

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            pytest.param("[app:mine]\nuse = egg:x\n", "--section app:mine", id="name"),
            pytest.param("use = egg:x\n", "no section headers", id="no ini file"),
            pytest.param(
                "[DEFAULT]\nstore = x\n" + APP, "is in [DEFAULT] too", id="DEFAULT"
            ),
            pytest.param(
                APP.replace("use =", "filter-with =\n    outer\nuse =") + WITH_LOGS,
                "by hand",
                id="on two lines",
            ),
            pytest.param(
                NAMED + WITH_LOGS + "[filter-app:main]\nuse = outer\nnext = mine\n",
                "[filter-app:site]",
                id="a filter-app",
            ),
            pytest.param(
                NAMED + "[pipeline:one]\npipeline = mine\n[app:main]\nuse = one\n",
                "by hand",
                id="a pipeline by another name",
            ),
            pytest.param(
                APP + "[pipeline:main]\npipeline = main\n", "more than one", id="twice"
            ),
        ],
    )
    def test_failed_join_leaves_the_ini_file_unchanged(self, join, ini, text, told):
        result = join(text=text)
        assert result.exit_code == 1
        assert told in result.output
        assert ini.read_text() == text
        assert not list(ini.parent.glob("*.key"))


class TestOnceMore:
    def test_nothing_is_done(self, join, ini, with_key):
        join(text=APP)
        before = {p: p.read_bytes() for p in ini.parent.iterdir() if p.is_file()}
        result = join("--wrap", ini)
        assert result.exit_code == 0
        assert "contains eilogin already" in result.output
        for path, octets in before.items():
            if path.suffix != ".xml":
                assert path.read_bytes() == octets, path

    def test_a_key_that_is_missing_is_made(self, join, ini):
        join(text=APP)
        key = ini.parent / "mijn.example.nl.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        for path in (key, key.with_suffix(".crt")):
            path.unlink()
        assert "your key, made" in join().output
        assert key.exists()

    def test_a_key_without_its_certificate_is_kept(self, join, ini, with_key):
        (ini.parent / "mijn.example.nl.crt").unlink()
        before = (ini.parent / "mijn.example.nl.key").read_bytes()
        result = join(text=APP)
        assert result.exit_code == 1
        assert "Restore that file" in result.output
        assert (ini.parent / "mijn.example.nl.key").read_bytes() == before

    @pytest.mark.parametrize(
        ("option", "same", "other"),
        [
            ("--public-url", "https://mijn.example.nl", "https://other.example.nl"),
            ("--federation", "federation.xml", "https://federation.example.nl/"),
            ("--operator-certificate", "./operator.crt", "other.crt"),
        ],
    )
    def test_something_else_than_is_there_is_refused(  # noqa: PLR0913, PLR0917
        self, join, folder, with_key, monkeypatch, option, same, other
    ):
        join(text=APP)
        monkeypatch.chdir(folder)
        assert join(option, same).exit_code == 0
        result = join(option, other)
        assert result.exit_code == 1
        assert "Change it in the file" in result.output


class TestWithoutAnIniFile:
    def test_one_is_made(self, run, folder, with_key, taken_in, monkeypatch):
        # Where tests are run may be a file system in memory, which is worth a note.
        monkeypatch.setattr(mounts, "MOUNTS", folder / "no such table")
        arguments = ("--app", "wsgiref.simple_server:demo_app", "--folder", folder)
        result = run("join", *arguments, *ARGUMENTS)
        assert result.exit_code == 0, result.output
        taken_in(folder / "site.ini")
        checked = run("check", "--strict", folder / "site.ini")
        assert checked.exit_code == 0, checked.output
        again = run("join", *arguments, *ARGUMENTS)
        assert "contains eilogin already" in again.output
        other = run("join", "--app", "mysite:app", *arguments[2:], *ARGUMENTS)
        assert other.exit_code == 1
        assert (
            "expected 'mysite:app', as you gave it. Change it in the file"
            in other.output
        )

    def test_its_folder_may_have_a_blank_in_its_name(self, run, folder, with_key):
        place = folder / "Mijn site"
        place.mkdir()
        for file in folder.glob("mijn.example.nl.*"):
            file.rename(place / file.name)
        arguments = ("--app", "wsgiref.simple_server:demo_app", "--folder", place)
        told = run("join", *arguments, *ARGUMENTS).output
        assert f"with you in it, and put it into\n       {place}/federation.xml" in told

    def test_one_of_its_name_is_kept(self, run, folder):
        (folder / "site.ini").write_text(APP)
        result = run("join", "--app", "x:y", "--folder", folder, *ARGUMENTS)
        assert result.exit_code == 1
        assert "--wrap" in result.output
        assert (folder / "site.ini").read_text() == APP

    def test_a_folder_that_cannot_be_made_is_told(self, run, folder):
        (folder / "file").touch()
        result = run("join", "--app", "x:y", "--folder", folder / "file/x", *ARGUMENTS)
        assert result.exit_code == 1
        assert f"Error: {folder}/file/x: Not a directory" in result.output

    def test_an_egg_is_used(self, run, folder, with_key):
        run("join", "--app", "egg:mysite", "--folder", folder, *ARGUMENTS)
        assert "[app:myapp]\nuse = egg:mysite\n" in (folder / "site.ini").read_text()
        again = run("join", "--app", "egg:mysite", "--folder", folder, *ARGUMENTS)
        assert "contains eilogin already" in again.output
        other = run("join", "--app", "egg:other", "--folder", folder, *ARGUMENTS)
        assert "[app:myapp] app: found 'egg:mysite'" in other.output

    @pytest.mark.parametrize(
        ("place", "written"),
        [
            ("here", "{here}"),
            ("conf", "%(here)s"),
            ("conf/src", "%(here)s/src"),
            ("elsewhere", "%(here)s"),
        ],
    )
    def test_names_the_folder_of_the_module(  # noqa: PLR0913, PLR0917 - what differs
        self, run, folder, with_key, monkeypatch, place, written
    ):
        here, conf = folder / "here", folder / "conf"
        code = folder / place / "eilogintestsite"
        code.mkdir(parents=True)
        (code / "wsgi.py").write_text("application = None\n")
        # A folder of the same name is not the package.
        (folder / "eilogintestsite").mkdir()
        conf.mkdir(exist_ok=True)
        here.mkdir(exist_ok=True)
        start = conf / "src" if place == "conf/src" else here
        monkeypatch.chdir(start)
        app = "eilogintestsite.wsgi:application"
        result = run("join", "--app", app, "--folder", conf, *ARGUMENTS, "--dry-run")
        assert f"\n+path = {written.format(here=here)}\n" in result.output

    def test_zope_gets_its_own_paths(self, run, folder):
        arguments = ("--app", "egg:Zope", "--folder", folder, *ARGUMENTS)
        assert "+path_style = zope" in run("join", *arguments, "--dry-run").output

    def test_on_this_machine_it_listens_where_visitors_come(self, run, folder):
        url = "http://mijn.localhost:6543"
        arguments = ("--app", "x:y", "--folder", folder, "--public-url", url)
        result = run("join", *arguments, "--dry-run")
        assert "listen = 127.0.0.1:6543" in result.output


def test_notes_are_told_once_nothing_is_left_to_do(join, ini, taken_in, with_key):
    server = "[server:main]\nuse = egg:waitress\nlisten = 127.0.0.1:1\n\n"
    join(text=server + APP)
    taken_in(ini)
    told = join().output
    assert "note: [server:main]: without max_request_body_size" in told
    assert "everything in order; serve it" in told


class TestTheKey:
    @pytest.mark.parametrize(
        ("arguments", "name", "bits"),
        [((), "RSA", 3072), (("--kind", "p-256"), "EC", 256)],
        ids=["RSA", "EC"],
    )
    def test_is_good_for_five_years(self, join, ini, arguments, name, bits):
        result = join(*ARGUMENTS, *arguments, text=APP)
        assert result.exit_code == 0, result.output
        pem = (ini.parent / "mijn.example.nl.crt").read_bytes()
        certificate = load_pem_x509_certificate(pem)
        assert certificate.public_key().key_size == bits
        assert name in type(certificate.public_key()).__name__.upper()[-14:]
        days = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert days.days == 1825
        names = certificate.subject.rfc4514_string()
        assert names == "CN=mijn.example.nl"
        key = ini.parent / "mijn.example.nl.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        # The same key the next time.
        before = key.read_bytes()
        join(*ARGUMENTS, *arguments)
        assert key.read_bytes() == before


class TestAResponder:
    MDQ = (*ARGUMENTS, "--federation", "mdq:https://mdq.example.nl/")

    def test_is_asked_for_a_hub_that_has_to_be_said(self, join, ini):
        result = join(*self.MDQ, text=APP)
        assert result.exit_code == 2
        assert "expected --hub" in result.output
        assert ini.read_text() == APP

    def test_is_joined_by_the_name_of_the_hub(self, join, ini, with_key):
        hub = "https://inloggen.example.nl/metadata"
        result = join(*self.MDQ, "--hub", hub, text=APP)
        assert result.exit_code == 0, result.output
        assert "hub: is required" not in result.output
        assert "The steps that are left" in result.output
        assert f"\nhub = {hub}\n" in ini.read_text()


@pytest.mark.parametrize(
    ("text", "url", "is_written"),
    [
        ("[server:main]\nuse = egg:waitress\nlisten = 127.0.0.1:1\n", HTTPS, True),
        ("[server:main]\nuse = egg:waitress\nlisten = *:1\n", HTTPS, False),
        ("[server:main]\nuse = egg:waitress\nlisten = 127.0.0.1:1\n", HTTP, False),
        ("", HTTPS, False),
    ],
    ids=["behind a proxy", "open", "http", "no server"],
)
def test_the_proxy_before_a_site_is_trusted(join, text, url, is_written):
    arguments = ("--public-url", url, "--dry-run")
    result = join(*arguments, text=text + APP)
    assert ("+trusted_proxies = 127.0.0.1" in result.output) is is_written


class TestHeaders:
    LINES = ('X-Role "90% of;them, read"', "X-Wiki-* none")

    @property
    def arguments(self):
        return [*ARGUMENTS, *(f"--header={line}" for line in self.LINES)]

    def test_are_those_that_are_named(self, join, ini, with_key):
        result = join(*self.arguments, text=APP)
        assert result.exit_code == 0, result.output
        (guard,) = Host.read(ini).guards
        assert split(guard.options["headers"]) == self.LINES
        assert join(*self.arguments).exit_code == 0

    def test_are_not_written_over(self, join, ini, with_key):
        join(text=APP)
        before = ini.read_bytes()
        assert b"# headers = " in before
        result = join(*self.arguments)
        assert result.exit_code == 1
        assert "headers: found ''" in result.stderr
        assert "Change it in the file" in result.stderr
        assert ini.read_bytes() == before

    @pytest.mark.parametrize("line", ["X-Wiki", "X-Wiki who", "X-A none\nX-A none"])
    def test_have_to_be_ones_that_the_option_takes(self, join, ini, line):
        result = join(*ARGUMENTS, f"--header={line}", text=APP)
        assert result.exit_code == 2
        assert "expected" in result.stderr or "each header once" in result.stderr
        assert ini.read_text() == APP


class TestTheMetadata:
    def test_is_what_the_operator_gets(self, join, ini, with_key):
        join(text=APP)
        octets = (ini.parent / "mijn.example.nl.xml").read_bytes()
        entity_id = parse(octets).get("entityID")
        assert entity_id == "https://mijn.example.nl/eilogin/metadata"

    def test_is_as_digid_wants_it(self, join, ini, with_key):
        result = join(*ARGUMENTS, "--profile", "digid", text=APP)
        assert result.exit_code == 0, result.output
        assert b"KeyName" in (ini.parent / "mijn.example.nl.xml").read_bytes()
        secret = ini.parent / "mijn.example.nl-pseudonym.key"
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        before = secret.read_bytes()
        join()
        assert secret.read_bytes() == before


class TestOnATerminal:
    def answered(self, folder, *answers):
        """What a person reads who gives these answers, one to each question."""
        ours, theirs = pty.openpty()
        program = Path(sys.executable).with_name("eilogin")
        with os.fdopen(ours, "wb", buffering=0) as keyboard:
            keyboard.write("".join(f"{answer}\n" for answer in answers).encode())
            result = subprocess.run(
                [program, "join"],
                cwd=folder,
                stdin=theirs,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            os.close(theirs)
        assert result.returncode == 0, result.stderr
        return result

    def test_it_asks_what_it_was_not_told(self, folder, ini, with_key):
        ini.write_text(APP)
        url = "https://mijn.example.nl"
        headers = "X-Wiki-Name attribute:name, X-Wiki-* none"
        more = "", "", "X-Wiki who", headers, "y"
        told = self.answered(folder, ini.name, "http://no", url, "Mijn", *more)
        assert "What is the address of your site?" in told.stdout
        assert "expected an https address" in told.stdout + told.stderr
        assert "Name [mijn.example.nl]" in told.stdout
        (guard,) = Host.read(ini).guards
        assert guard.options["name"] == "Mijn"
        assert guard.options["federation"] == f"{folder}/federation.xml"
        assert "a text in double quotes, or 'none'" in told.stdout + told.stderr
        assert split(guard.options["headers"]) == tuple(headers.split(", "))

    def test_join_without_an_ini_file_asks_for_the_application(self, folder, with_key):
        url = "https://mijn.example.nl"
        self.answered(folder, "", "mysite:application", url, "", "", "", "", "y")
        assert "app = mysite:application" in (folder / "site.ini").read_text()
