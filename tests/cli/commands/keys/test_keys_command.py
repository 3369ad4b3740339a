"""The commands for the keys of a site."""

import stat
from types import SimpleNamespace

import pytest
import time_machine
from click.testing import CliRunner

from eilogin.cli import main
from eilogin.cli.inifiles.ini_members import chosen, own_of_part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.federation.local.local_keys import read_instant
from eilogin.federation.members.key_readiness import Finding
from eilogin.saml.metadata import read_unsigned, write_entity, write_federation
from eilogin.saml.signing_keys import new_key_pair

DAY = 86400.0
NOW = read_instant("2026-11-27T10:00Z")

SITE = """
[filter:mine]
use = egg:eilogin#trust
public_url = https://mine.test
key = %(here)s/mine.key
certificate = %(here)s/mine.crt
federation = %(here)s/federation.xml
federation_unsigned = true
"""
SEVERAL = """
[filter:mine]
use = egg:eilogin#trust
public_url = https://mine.test
keys = %(here)s/keys
secret = file:%(here)s/keys/secret
pseudonym_key = file:%(here)s/keys/pseudonym_key
federation = %(here)s/federation.xml
federation_unsigned = true
"""


@pytest.fixture(scope="module")
def pairs():
    begins = read_instant("2026-01-01")
    return {n: new_key_pair(n, 730, begins=begins) for n in ("mine", "hub")}


@pytest.fixture
def site(tmp_path, pairs):
    """A site at a moment, and what a command says there."""
    for ending, octets in zip((".key", ".crt"), pairs["mine"], strict=True):
        (tmp_path / f"mine{ending}").write_bytes(octets)
    file = tmp_path / "app.ini"
    file.write_text(SITE)

    def run(command, *arguments, at=NOW):
        with time_machine.travel(at, tick=False):
            return CliRunner().invoke(main, ["keys", command, str(file), *arguments])

    def own():
        ini = IniFile.read(file)
        return own_of_part(ini, chosen(ini, None))

    return SimpleNamespace(
        run=run, own=own, file=file, keys=tmp_path / "keys", folder=tmp_path
    )


@pytest.fixture
def rolling(site):
    """The same site, with a next key."""
    site.before = site.own()
    site.said = site.run("new", "--folder", str(site.keys))
    site.file.write_text(SEVERAL)
    return site


@pytest.fixture
def with_hub(rolling, pairs):
    """The same, in a federation with a hub; ``publish`` says what the operator has."""
    for ending, octets in zip((".key", ".crt"), pairs["hub"], strict=True):
        (rolling.folder / f"hub{ending}").write_bytes(octets)
    file = rolling.folder / "hub.ini"
    file.write_text(SITE.replace("mine", "hub").replace("use =", "role = hub\nuse ="))
    ini = IniFile.read(file)
    hub = own_of_part(ini, chosen(ini, None)).entry()

    def publish(*members):
        with time_machine.travel(NOW, tick=False):
            octets = write_federation(
                [hub, *(member.entry() for member in members)],
                name="Test",
                valid_until=NOW + 1000 * DAY,
                key=rolling.own().key,
            )
        (rolling.folder / "federation.xml").write_bytes(octets)

    publish(rolling.own())
    rolling.publish = publish
    return rolling


class TestNew:
    def test_of_a_site_with_one_key_says_how_it_has_several(self, site):
        result = site.run("new")
        assert result.exit_code == 1
        assert "[filter:mine] has one key ('key')" in result.output
        assert "expected --folder FOLDER, which makes it" in result.output

    def test_makes_a_folder_with_that_key_and_the_next(self, rolling):
        assert rolling.said.exit_code == 0, rolling.said.output
        assert sorted(path.name for path in rolling.keys.iterdir()) == [
            "2026-01-01.crt",
            "2026-01-01.key",
            "2026-12-27.crt",
            "2026-12-27.key",
            "keys.ini",
            "pseudonym_key",
            "secret",
        ]
        assert "signs from 2026-12-27 until 2029-12-26 (UTC)" in rolling.said.output
        assert "keys = %(here)s/keys\n" in rolling.said.output
        assert "secret = file:%(here)s/keys/secret\n" in rolling.said.output
        assert f"eilogin keys ready {rolling.file}" in rolling.said.output
        assert "restart the site: its metadata contains" in rolling.said.output

    def test_keeps_secrets_for_its_owner_alone(self, rolling):
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode)
            for path in rolling.keys.iterdir()
        }
        secret = {"2026-01-01.key", "2026-12-27.key", "secret", "pseudonym_key"}
        assert {name for name, mode in modes.items() if mode == 0o600} == secret
        assert stat.S_IMODE(rolling.keys.stat().st_mode) == 0o700

    def test_changes_nobodys_pseudonym_and_nothing_that_is_sealed(self, rolling):
        own = rolling.own()
        assert own.pseudonym("x") == rolling.before.pseudonym("x")
        assert own.sealing_secrets == tuple(rolling.before.sealing_secrets)
        with time_machine.travel(NOW, tick=False):
            assert own.key.public == rolling.before.key.public

    def test_makes_one_after_another_where_there_is_a_folder(self, rolling):
        result = rolling.run(
            "new", "--name", "third", "--from", "2027-03-01", "--kind", "p-256"
        )
        assert result.exit_code == 0, result.output
        assert "in the place of" not in result.output
        assert "without a restart, the metadata of the site contains" in result.output
        names = [key.name for key in rolling.own().keys]
        assert names == ["2026-01-01", "2026-12-27", "third"]
        calendar = (rolling.keys / "keys.ini").read_text()
        assert "[third]\nfrom = 2027-03-01\nuntil = " in calendar
        assert "[2026-12-27]\nfrom = 2026-12-27\n" in calendar

    def test_signs_in_time_where_the_last_one_ends_sooner(self, site):
        at = read_instant("2027-12-20")
        result = site.run("new", "--folder", str(site.keys), at=at)
        assert "signs from 2027-12-31 until" in result.output

    def test_says_what_will_be_known_too_late(self, site):
        at = read_instant("2028-06-01")
        result = site.run("new", "--folder", str(site.keys), at=at)
        assert "signs from 2028-06-03 until" in result.output
        assert "A peer that has not read our metadata by then rejects" in result.output

    def test_writes_over_nothing(self, rolling):
        before = (rolling.keys / "2026-12-27.key").read_bytes()
        result = rolling.run("new", "--from", "2026-12-27")
        assert result.exit_code == 1
        assert "is an existing file; expected another name" in result.output
        assert (rolling.keys / "2026-12-27.key").read_bytes() == before
        result = rolling.run("new", "--name", "2026-12-27")
        assert result.exit_code == 1

    def test_takes_no_folder_that_is_there(self, site):
        site.keys.mkdir()
        result = site.run("new", "--folder", str(site.keys))
        assert result.exit_code == 1
        assert "--folder: expected a new folder, found" in result.output

    def test_takes_no_name_that_the_key_before_it_has(self, site):
        result = site.run("new", "--folder", str(site.keys), "--name", "2026-01-01")
        assert result.exit_code == 1
        assert "2026-01-01.key is the current key" in result.output
        assert not site.keys.exists()

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--from", "soon"], "expected a day such as '2026-12-01'"),
            (["--until", "2026-12-01"], "--until: expected a future day, after 2026-"),
            (["--name", "../x"], "--name: expected letters"),
            (["--folder", "other"], "has its keys in"),
        ],
    )
    def test_says_what_is_wrong(self, rolling, arguments, says):
        result = rolling.run("new", *arguments)
        assert result.exit_code in {1, 2}
        assert says in result.output
        assert len(rolling.own().keys) == 2

    def test_that_is_stopped_leaves_no_key_that_signs_too_early(
        self, rolling, monkeypatch
    ):
        def stop(path, octets, *, mode):
            raise KeyboardInterrupt

        monkeypatch.setattr("eilogin.cli.commands.keys.new_key_files.write", stop)
        rolling.run("new", "--name", "third")
        result = rolling.run("list")
        assert result.exit_code == 1
        assert "third.key: found no third.crt beside it" in result.output


class TestList:
    def test_says_what_each_key_does(self, rolling):
        _, first, second = rolling.run("list").output.splitlines()
        assert first.startswith("2026-01-01: signs now; RSA 2048, signs and decrypts")
        assert second.startswith(
            "2026-12-27: published, will sign from 2026-12-27; RSA 3072, signs and"
        )
        assert "SHA-256 " in second
        after = read_instant("2026-12-27")
        _, first, second = rolling.run("list", at=after).output.splitlines()
        assert first.startswith("2026-01-01: published, no longer signs;")
        assert second.startswith("2026-12-27: signs now;")
        _, first, _ = rolling.run("list", at=read_instant("2028-02-01")).output.split(
            "\n", 2
        )
        assert first.startswith("2026-01-01: expired, decrypts only;")

    def test_is_short_where_there_is_one(self, site):
        _, only = site.run("list").output.splitlines()
        assert only.startswith(
            "key: signs now; RSA 2048, signs and decrypts from 2026-"
        )


class TestCalendar:
    def test_says_what_comes_when(self, with_hub):
        result = with_hub.run("calendar")
        assert result.exit_code == 0
        lines = result.stdout.splitlines()
        days = [line.split()[0] for line in lines]
        assert days == sorted(days)
        assert lines[0].startswith("2026-12-27  key 2026-12-27 signs from now on")
        assert any("key 2026-01-01 has ended" in line for line in lines)
        assert any(
            "'https://hub.test/metadata' ends: ask the" in line for line in lines
        )

    def test_goes_without_others_where_there_is_no_metadata(self, rolling):
        result = rolling.run("calendar")
        assert result.exit_code == 0
        assert "2026-12-27  key 2026-12-27 signs from now on" in result.stdout
        assert "so the dates of others are missing: " in result.stderr

    def test_has_the_end_of_our_own_key_in_any_case(self, site):
        result = site.run("calendar")
        assert "so the dates of others are missing: " in result.stderr
        (line,) = result.stdout.splitlines()
        assert line.endswith("mine.crt (CN=mine) ends: replace it in time")

    def test_has_the_end_of_what_we_show_in_any_case(self, site):
        (site.folder / "federation.xml").write_text("<html/>")
        site.file.write_text(
            f"{SITE}tls_client_certificate = %(here)s/mine.crt\n"
            "tls_client_key = %(here)s/mine.key\n"
        )
        result = site.run("calendar")
        assert "so the dates of others are missing: " in result.stderr
        assert len(result.stdout.splitlines()) == 2

    def test_is_one_to_import_that_reminds_in_time(self, with_hub):
        result = with_hub.run("calendar", "--ical")
        octets = result.stdout_bytes
        lines = octets.split(b"\r\n")
        assert (lines[0], lines[-2]) == (b"BEGIN:VCALENDAR", b"END:VCALENDAR")
        assert all(len(line) <= 75 for line in lines)
        unfolded = octets.replace(b"\r\n ", b"").decode().split("\r\n")
        assert "DTSTART:20261227T000000Z" in unfolded
        assert "TRIGGER:-P60D" in unfolded
        assert unfolded.count("BEGIN:VEVENT") == unfolded.count("END:VEVENT") > 2
        uids = [line for line in unfolded if line.startswith("UID:")]
        assert len(uids) == len(set(uids))
        again = with_hub.run("calendar", "--ical", at=NOW + DAY).stdout_bytes
        assert all(uid in again.replace(b"\r\n ", b"").decode() for uid in uids)


class TestReady:
    @pytest.fixture(autouse=True)
    def hub(self, monkeypatch):
        """What our hub says of each key, by the name of its certificate."""
        said: dict[str, bool | None] = {}

        def knows(self, key):
            name = key.certificate.subject.rfc4514_string()
            asked.append(name)
            return Finding(said.get(name, True), f"the hub has looked at {name}")

        asked: list[str] = []
        monkeypatch.setattr(
            "eilogin.participant.login.hub_key_probe.HubKeyProbe.knows", knows
        )
        return SimpleNamespace(said=said, asked=asked)

    @pytest.mark.parametrize(
        ("says", "verdict", "code"),
        [
            (True, "ready", 0),
            (False, "NOT READY", 1),
            (None, "cannot find out", 1),
        ],
    )
    def test_is_what_the_hub_knows_too(self, with_hub, hub, says, verdict, code):
        hub.said["CN=mine.test"] = says
        result = with_hub.run("ready")
        assert result.exit_code == code, result.output
        assert result.output.splitlines() == [
            "2026-01-01 (signs now): ready",
            "  the federation's metadata has it as our key",
            "  the hub has looked at CN=mine",
            f"2026-12-27 (published, will sign from 2026-12-27): {verdict}",
            "  the federation's metadata has it as our key",
            "  the hub has looked at CN=mine.test",
        ]

    def test_is_what_the_metadata_names(self, with_hub, hub):
        result = with_hub.run("ready", "--metadata-only")
        assert hub.asked == []
        assert result.exit_code == 0, result.output
        assert result.output.splitlines() == [
            "2026-01-01 (signs now): ready",
            "  the federation's metadata has it as our key",
            "2026-12-27 (published, will sign from 2026-12-27): ready",
            "  the federation's metadata has it as our key",
        ]

    def test_is_not_what_the_operator_has_not_signed_yet(self, with_hub, hub):
        with_hub.publish(with_hub.before)
        result = with_hub.run("ready")
        assert hub.asked == ["CN=mine"], "the other one is not known to anybody yet"
        assert result.exit_code == 1
        assert "2026-01-01 (signs now): ready" in result.output
        assert "will sign from 2026-12-27): NOT READY" in result.output
        assert "give the operator our new metadata" in result.output

    def test_is_no_member(self, with_hub):
        with_hub.publish()
        result = with_hub.run("ready")
        assert result.exit_code == 1
        assert "NOT READY\n  the federation's metadata has no member" in result.output

    def test_asks_the_hub_where_the_metadata_is_of_that_alone(self, with_hub, hub):
        octets = (with_hub.folder / "federation.xml").read_bytes()
        entities = read_unsigned(octets).entities
        of_hub = next(one for one in entities if one.identity_provider is not None)
        key = with_hub.own().key
        (with_hub.folder / "federation.xml").write_bytes(write_entity(of_hub, key))
        result = with_hub.run("ready")
        assert result.exit_code == 0, result.output
        assert "2026-01-01 (signs now): ready" in result.output
        assert "our keys they know. Put our new metadata where" in result.output

    def test_asks_the_hubs_that_are_named_where_there_are_many(
        self, with_hub, hub, monkeypatch
    ):
        monkeypatch.setattr("eilogin.cli.commands.keys.key_ready._MOST_HUBS", 0)
        result = with_hub.run("ready")
        assert result.exit_code == 1
        assert "and eilogin asks at most 0; name some with --hub" in result.output
        monkeypatch.setattr("eilogin.cli.commands.keys.key_ready._MOST_HUBS", 1)
        result = with_hub.run("ready", "--hub", "https://hub.test/metadata")
        assert result.exit_code == 0, result.output
        assert hub.asked == ["CN=mine", "CN=mine.test"]

    def test_of_a_hub_is_what_the_metadata_names(self, with_hub, hub):
        file = with_hub.folder / "hub.ini"
        with time_machine.travel(NOW, tick=False):
            result = CliRunner().invoke(main, ["keys", "ready", str(file)])
        assert "key (signs now): ready" in result.output
        assert hub.asked == []

    def test_says_what_is_wrong_with_the_metadata(self, rolling):
        result = rolling.run("ready")
        assert result.exit_code == 1
        assert "federation.xml" in result.output

    def test_needs_a_site(self, site):
        site.file.write_text(SITE + SITE.replace("mine", "other"))
        result = site.run("ready")
        assert result.exit_code == 1
        assert "which site? --section takes one of" in result.output
