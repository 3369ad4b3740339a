"""``eilogin demo``: what it makes, what it leaves alone, what it throws away."""

import re
import stat

import pytest
import time_machine
from webob import Request, Response

import eilogin
from eilogin.cli.checks.configuration_check import check
from eilogin.cli.commands.demo import demo_command
from eilogin.cli.commands.demo.demo_preparation import Demo
from eilogin.cli.commands.running.serve_command import _application
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.hub.signin.citizen_accounts import DEMO_PASSWORDS, Citizens
from eilogin.saml.metadata import read_federation
from eilogin.saml.signing_keys import certificate_key, load_certificate


def contents(site):
    return {
        path.relative_to(site.var): path.read_bytes()
        for path in site.var.rglob("*")
        if path.is_file()
    }


def federation(site):
    certificate = load_certificate((site.var / "federation.crt").read_bytes())
    octets = (site.var / "federation.xml").read_bytes()
    return read_federation(octets, [certificate_key(certificate)], on_loopback=True)


class TestInAnEmptyClone:
    def test_everything_that_the_file_names_is_made(self, bare_site, run, monkeypatch):
        monkeypatch.chdir(bare_site.folder)
        result = run("demo", "--prepare-only")
        assert result.exit_code == 0, result.output
        lines = result.output.splitlines()
        assert len(lines) == 8
        assert all(line.startswith("var/") for line in lines)
        assert all(line.endswith(": made") for line in lines)
        assert {str(path) for path in contents(bare_site)} == {
            "inloggen.key",
            "inloggen.crt",
            "uwv.key",
            "uwv.crt",
            "gemeente.key",
            "gemeente.crt",
            "federation.key",
            "federation.crt",
            "federation.xml",
            "federation/.gitignore",
            "federation/federation.ini",
            "federation/members/gemeente.localhost-6543-eilogin-metadata.xml",
            "federation/members/inloggen.localhost-6543-metadata.xml",
            "federation/members/uwv.localhost-6543-eilogin-metadata.xml",
            "federation/rules.ini",
            "citizens.json",
            "name-id.key",
        }
        assert (bare_site.var / "uwv").is_dir()
        assert bare_site.faults() == []

    def test_the_members_are_the_sections_of_the_file(self, site):
        gemeente, hub, uwv = federation(site).entities
        assert hub.entity_id == "http://inloggen.localhost:6543/metadata"
        assert hub.identity_provider
        assert uwv.names["nl"] == "UWV"
        assert gemeente.service_provider

    def test_only_the_owner_can_read_secret_files(self, site):
        for path in site.var.iterdir():
            if path.suffix in (".key", ".json"):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path

    def test_the_citizens_can_sign_in(self, site):
        citizens = Citizens.load(site.var / "citizens.json")
        for name, password in DEMO_PASSWORDS.items():
            assert citizens.verify(name, password)


class TestOnceMore:
    def test_nothing_is_made_again(self, site, run, monkeypatch):
        monkeypatch.chdir(site.var)
        before = contents(site)
        result = run("demo", "--prepare-only")
        assert result.exit_code == 0, result.output
        assert result.output == "8 existed already\n"
        assert contents(site) == before

    def made(self, site):
        return {step.path.name for step in site.prepare() if step.made}

    def test_a_missing_key_is_made_and_told_to_the_federation(self, site):
        (site.var / "uwv.key").unlink()
        assert self.made(site) == {"uwv.key", "federation.xml"}
        assert site.faults() == []

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param({"name": "Het UWV"}, id="a name"),
            pytest.param({"acs": "post"}, id="how answers come"),
            pytest.param({"entity_id": "urn:uwv"}, id="an entityID"),
        ],
    )
    def test_a_changed_member_is_told_to_the_federation(self, site, change):
        site.set("filter:uwv-eilogin", **change)
        assert self.made(site) == {"federation.xml"}
        assert self.made(site) == set()

    @pytest.mark.parametrize("octets", [b"", b"<not-metadata/>"])
    def test_metadata_that_is_broken_is_made_again(self, site, octets):
        (site.var / "federation.xml").write_bytes(octets)
        assert self.made(site) == {"federation.xml"}

    def test_metadata_that_will_soon_be_over_is_made_again(self, site):
        ends = federation(site).valid_until
        with time_machine.travel(ends - 30 * 86_400 - 5, tick=False):
            assert self.made(site) == set()
        with time_machine.travel(ends - 30 * 86_400 + 5, tick=False):
            assert self.made(site) == {"federation.xml"}

    def test_another_operator_signs_anew(self, site):
        (site.var / "federation.key").unlink()
        assert self.made(site) == {"federation.key", "federation.xml"}
        assert site.faults() == []


class TestTheOperatorsFolder:
    """It is one as any other: ``eilogin federation`` works on it."""

    @pytest.fixture
    def joined(self, site, run, tmp_path):
        site.prepare()
        own = (site.var / "federation/members").glob("uwv*")
        came = tmp_path / "came.xml"
        came.write_text(next(own).read_text().replace("uwv.localhost", "x.localhost"))
        words = ("--without-proof", "test", "--yes")
        told = run("federation", "add", site.var / "federation", came, *words)
        assert told.exit_code == 0, told.output
        assert run("federation", "sign", site.var / "federation").exit_code == 0
        return "http://x.localhost:6543/eilogin/metadata"

    def members(self, site):
        return {entity.entity_id for entity in federation(site).entities}

    def test_prepare_keeps_a_joined_member(self, site, joined):
        assert not any(step.made for step in site.prepare())
        assert joined in self.members(site)
        site.set("filter:uwv-eilogin", name="Het UWV")
        site.prepare()
        assert joined in self.members(site)

    def test_reset_keeps_a_joined_member(self, site, joined, run, monkeypatch):
        monkeypatch.chdir(site.folder)
        run("demo", "--reset", "--prepare-only")
        assert joined in self.members(site)
        assert site.faults() == []

    def test_a_section_that_is_gone_is_no_member_any_more(self, site):
        site.set("filter:uwv-eilogin", entity_id="urn:uwv")
        site.prepare()
        assert "urn:uwv" in self.members(site)
        assert len(self.members(site)) == 3

    def test_is_a_federation_in_order(self, site, run):
        told = run("federation", "verify", site.var / "federation")
        assert "everything in order: 3 members" in told.output


class TestWhatTheSitesKnow:
    """In the folder that they name, so that who joins or leaves does so meanwhile."""

    @pytest.fixture
    def known(self, site):
        """What UWV keeps of the federation."""
        folder = site.var / "known"
        site.set("filter:uwv-eilogin", federation_folder="%(here)s/var/known")
        assert [step.path for step in site.prepare() if step.made] == [folder]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        entity_id = "http://uwv.localhost:6543/eilogin/metadata"
        found = SiteFolder.of(folder, entity_id).path
        found.mkdir()
        return found

    def test_stays_while_the_file_is_as_it_was(self, site, known):
        site.prepare()
        assert known.is_dir()

    def test_is_no_reason_to_wait_for_what_the_file_says_now(self, site, known):
        (site.var / "gemeente.key").unlink()
        site.prepare()
        assert not known.exists()

    def test_is_gone_after_a_reset(self, site, known, run, monkeypatch):
        monkeypatch.chdir(site.folder)
        told = run("demo", "--reset", "--prepare-only")
        assert re.search(r"var/known +folder: made", told.output)
        assert list((site.var / "known").iterdir()) == []


class TestReset:
    def test_throws_away_what_the_demo_made(self, site, run, monkeypatch):
        monkeypatch.chdir(site.folder)
        before = contents(site)
        for name in ("eilogin.db", "eilogin.db-wal", "uwv/eilogin.db"):
            (site.var / name).write_text("sessions")
        result = run("demo", "--reset", "--prepare-only")
        assert result.exit_code == 0, result.output
        after = contents(site)
        assert after.keys() == before.keys()
        same = {path.name for path in before if after[path] == before[path]}
        assert same == {".gitignore", "federation.ini", "rules.ini"}

    def test_leaves_what_is_not_of_the_demo(self, site, run, monkeypatch):
        monkeypatch.chdir(site.folder)
        (site.var / "screenshot.png").write_text("keep")
        run("demo", "--reset", "--prepare-only")
        assert (site.var / "screenshot.png").read_text() == "keep"


class TestWhatCannotBe:
    def test_elsewhere_it_says_that_it_needs_a_clone(self, tmp_path, run, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(eilogin, "__file__", str(tmp_path / "x/__init__.py"))
        result = run("demo")
        assert result.exit_code == 1
        assert "needs a clone of the project" in result.output

    def test_without_a_working_folder_it_finds_the_clone_that_it_lies_in(
        self, bare_site, tmp_path_factory, monkeypatch
    ):
        monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
        package = bare_site.folder / "eilogin/__init__.py"
        monkeypatch.setattr(eilogin, "__file__", str(package))
        assert demo_command.find_paste_ini() == bare_site.file

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (
                ("filter:uwv-eilogin", "key", None),
                "[filter:uwv-eilogin] key: is required",
            ),
            (("filter:uwv-eilogin", "key", "/etc/uwv.key"), "under"),
            (("filter:uwv-eilogin", "certificate", "%(here)s/var/../x.crt"), "under"),
            (("filter:uwv-eilogin", "public_url", "uwv"), "an address such as"),
            (
                (
                    "filter:uwv-eilogin",
                    "federation",
                    "%(federation_file)s\n    %(here)s/var/two.xml",
                ),
                "federation: the demo works with one file, signed with",
            ),
            (
                ("filter:uwv-eilogin", "federation", "var/f.xml %(operator)s"),
                "federation: the demo works with one file, signed with",
            ),
            (
                ("filter:uwv-eilogin", "federation", "var/f.xml var/f.crt"),
                "found 'var/f.xml var/f.crt'",
            ),
            (("app:hub", "citizens", "/etc/citizens.json"), "under"),
            (("app:hub", "name_id_key", "file:/etc/secret"), "under"),
            (("filter:hub-session", "store", "sqlite:////etc/x.db"), "under"),
        ],
    )
    def test_a_file_that_it_cannot_prepare_for_is_refused(
        self, site, run, monkeypatch, change, says
    ):
        monkeypatch.chdir(site.folder)
        section, option, value = change
        site.set(section, **{option: value})
        result = run("demo", "--prepare-only")
        assert result.exit_code == 1
        assert says in result.output

    def test_a_file_that_cannot_be_read_is_refused(self, bare_site, run, monkeypatch):
        monkeypatch.chdir(bare_site.folder)
        bare_site.file.write_text("no ini file")
        result = run("demo", "--prepare-only")
        assert result.exit_code == 1
        assert "no section headers" in result.output


def test_a_file_on_a_line_of_its_own_is_read_as_the_options_are(bare_site, run):
    text = bare_site.file.read_text()
    for option in ("federation", "key", "citizens", "name_id_key", "store"):
        text = text.replace(f"\n{option} = ", f"\n{option} =\n    ")
    bare_site.file.write_text(text)
    bare_site.prepare()
    assert federation(bare_site).entities
    assert bare_site.faults() == []
    assert not any(step.made for step in bare_site.prepare())


def test_a_path_may_have_blanks_in_it(bare_site):
    bare_site.change("/var/federation.xml", "/var/the whole federation.xml")
    bare_site.prepare()
    assert (bare_site.var / "the whole federation.xml").is_file()
    assert bare_site.faults() == []


@pytest.fixture
def served(site, monkeypatch):
    """What the demo would serve, each time that it starts."""
    monkeypatch.chdir(site.folder)
    served = []
    monkeypatch.setattr(
        demo_command, "serve", lambda *arguments: served.append(arguments)
    )
    return served


def test_prints_the_address_of_the_guide_first(run, served):
    result = run("demo")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == "made 0 under var/; 8 existed already\n"
    ((_, _, greeting, *_),) = served
    assert greeting[0] == "Start here: http://localhost:6543/"


def test_it_serves_what_it_prepared_and_says_what_to_open(site, run, served):
    assert run("demo").exit_code == 0
    ((file, variables, greeting, *_),) = served
    assert (file, variables) == (site.file, {})
    text = "\n".join(greeting)
    assert "http://uwv.localhost:6543/" in text
    for name, password in DEMO_PASSWORDS.items():
        assert f"{name} ({password})" in text


class TestShortLimits:
    def test_are_those_of_every_site_that_is_served(self, site, run, served):
        assert run("demo", "--short").exit_code == 0
        ((file, variables, greeting, _, changes),) = served
        assert "2 minutes without activity, 5 minutes in all" in "\n".join(greeting)
        ini = IniFile.read(file, variables, changes)
        assert check(ini).faults == []
        uwv, hub, login = (
            ini.sections[f"filter:{name}"].values
            for name in ("uwv-eilogin", "hub-session", "g-login")
        )
        assert uwv["idle"] == hub["idle"] == "2m"
        assert uwv["max_session"] == hub["max_session"] == "5m"
        assert uwv["warn"] == login["warn"] == "30s"
        assert uwv["keep_alive"] == login["keep_alive"] == "1m"
        own = IniFile.read(site.file).sections["filter:uwv-eilogin"].values
        assert not own.keys() & {"idle", "max_session", "warn", "keep_alive"}

    def test_are_what_the_application_is_made_with(self, site, served, run):
        run("demo", "--short")
        ((file, variables, _, _, changes),) = served
        app = _application(file, variables, changes)
        page = opened(app, "inloggen", "/login").text.replace("\xa0", " ")
        assert "na 5 minuten, of als u 2 minuten niets doet" in page

    def test_leave_digid_the_interval_at_which_a_site_asks_it(self, site):
        site.set("filter:uwv-eilogin", profile="digid")
        assert "keep_alive" not in Demo(site.file).short_limits()["filter:uwv-eilogin"]

    def test_are_named_in_the_guide(self, run, served):
        run("demo", "--short", "--down", "uwv")
        ((_, _, greeting, wrap, _),) = served
        assert any(line.endswith("UWV (down)") for line in greeting)
        page = opened(wrap(Response()), "").text
        assert "De limieten zijn kort." in page
        assert "eilogin demo --short" not in page


def test_sites_that_are_down_do_not_answer(run, served):
    assert run("demo", "--down", "uwv").exit_code == 0
    ((_, _, greeting, wrap, _),) = served
    assert any(line.endswith("UWV (down)") for line in greeting)
    app = wrap(Response(text="a page"))
    assert opened(app, "uwv").status_int == 503
    assert "uwv.localhost is down" in opened(app, "uwv").text
    assert opened(app, "gemeente").text == "a page"


def opened(app, site, path="/"):
    host = f"{site}.localhost" if site else "localhost"
    return Request.blank(path, base_url=f"http://{host}:6543").get_response(app)


class TestTheGuide:
    """The page at the machine's own address."""

    @pytest.fixture
    def app(self, site, run, served):
        """What the demo serves, around an application that answers with 421."""
        site.set("filter:uwv-eilogin", name="U & V", description="Werk & inkomen")
        run("demo")
        ((_, _, _, wrap, _),) = served
        return wrap(Response(status=421))

    def guide(self, app, host="localhost", **more):
        return Request.blank("/", base_url=f"http://{host}:6543", **more)

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    def test_leads_to_the_sites_and_names_the_citizens(self, app, host):
        page = self.guide(app, host).get_response(app)
        assert page.status_int == 200
        link = '<a class="name" href="http://uwv.localhost:6543/">U &amp; V</a>'
        assert link in page.text
        assert "Werk &amp; inkomen" in page.text
        for name, password in DEMO_PASSWORDS.items():
            assert f"Gebruikersnaam: {name}. Wachtwoord: {password}" in page.text
        assert page.headers["X-Frame-Options"] == "DENY"

    def test_is_in_english_for_who_chooses_that(self, app):
        page = self.guide(app).get_response(app)
        assert 'href="?language=en"' in page.text
        page = Request.blank("/?language=en", base_url="http://localhost:6543")
        answer = page.get_response(app)
        assert answer.headers["Content-Language"] == "en"
        assert answer.headers["Set-Cookie"].startswith("__Host-eilogin-language=en;")

    def test_has_the_journeys_of_which_the_sites_are_there(self, app):
        page = self.guide(app, headers={"Accept-Language": "en"}).get_response(app)
        assert "Try Eenmalig Inloggen" in page.text
        assert "Log out while a site is down" in page.text
        assert "Say that it was not you" not in page.text

    def press(self, app, origin="http://localhost:6543", **fields):
        request = self.guide(app, method="POST", POST=fields)
        request.headers["Origin"] = origin
        return request.get_response(app)

    def test_switches_a_site_off_and_on(self, app):
        answer = self.press(app, off="uwv")
        assert (answer.status_int, answer.location) == (
            303,
            "http://localhost:6543/#down",
        )
        assert opened(app, "uwv").status_int == 503
        assert "Staat uit" in self.guide(app).get_response(app).text
        self.press(app, on="uwv")
        assert opened(app, "uwv").status_int == 421
        assert "Staat uit" not in self.guide(app).get_response(app).text

    def test_switches_nothing_else(self, app):
        assert self.press(app, off="nowhere", on="nowhere").status_int == 303
        assert opened(app, "uwv").status_int == 421

    def test_listens_to_no_other_site(self, app):
        answer = self.press(app, "http://evil.example", off="uwv")
        assert answer.status_int == 403
        assert opened(app, "uwv").status_int == 421


def test_a_site_that_there_is_not_cannot_be_down(site, run, monkeypatch):
    monkeypatch.chdir(site.folder)
    result = run("demo", "--down", "uvw")
    assert result.exit_code == 2
    assert "expected one of: inloggen, uwv, gemeente; did you mean 'uwv'?" in (
        result.output
    )


def test_a_folder_for_a_store_is_made_for_this_user_alone(site):
    site.set("filter:uwv-eilogin", store="sqlite:///%(here)s/var/stores/uwv.db")
    (folder,) = [step.path for step in site.prepare() if step.made]
    assert folder == site.var / "stores"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
