"""``eilogin trust``: what is active, what waits, and who decides."""

import json
import os
import re
import shlex
from dataclasses import replace

import pytest

from eilogin import clock
from eilogin.cli.commands.trust import trust_decisions
from eilogin.federation import Membership, MetadataFile
from eilogin.federation.changes import federation_changes
from eilogin.federation.changes.quarantine import signed_index
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.saml.metadata import write_federation
from eilogin.saml.signing_keys import SigningKey, fingerprints, new_key_pair

HUB = "http://inloggen.localhost:6543/metadata"
UWV = "http://uwv.localhost:6543/eilogin/metadata"
STAD = "http://gemeente.localhost:6543/eilogin/metadata"
SECTION = "filter:uwv-eilogin"
DAY = 86400.0

pytestmark = pytest.mark.usefixtures("logging_as_before")


@pytest.fixture
def kept(site):
    """A file whose site keeps what it knows of the federation, and has refreshed."""
    (site.var / "kept").mkdir()
    site.set(SECTION, federation_folder="%(here)s/var/kept")
    return site


@pytest.fixture
def operator(kept):
    """Sign the federation anew, with something in it otherwise."""
    path = kept.var / "federation.xml"
    pair = [(kept.var / f"federation.{end}").read_bytes() for end in ("key", "crt")]
    key = SigningKey.load(*pair)
    source = MetadataFile(path, [key.public], on_loopback=True)
    first = Membership.from_files([source]).entities

    def sign(change=lambda member: member, *, days=30):
        members = [one for one in map(change, first) if one is not None]
        ends = clock.now() + days * DAY
        path.write_bytes(
            write_federation(members, name="Proef", valid_until=ends, key=key)
        )

    sign()
    return sign


@pytest.fixture
def eilogin(kept, run):
    """Run ``eilogin trust``, which has to end well."""

    def call(command, *words, status=0):
        result = run("trust", command, kept.file, *words)
        assert result.exit_code == status, result.output
        return result.output

    return call


@pytest.fixture
def folder(kept):
    return SiteFolder.of(kept.var / "kept", UWV)


NEW = SigningKey.load(*new_key_pair("new"))


def other_key(member):
    """The hub has another key than before, and no other one."""
    if member.entity_id != HUB:
        return member
    certificates = (NEW.certificate_text,)
    role = replace(member.identity_provider, signing_certificates=certificates)
    return replace(member, identity_provider=role)


@pytest.fixture
def full_disk(monkeypatch):
    """Nothing more can be written to what was decided."""

    def log(*_):
        raise OSError(28, "No space left on device", "log.jsonl")

    monkeypatch.setattr(SiteFolder, "log", log)


@pytest.fixture
def waiting(eilogin, operator):
    """The ID of a state in which the hub has another key, and which waits."""
    eilogin("refresh")
    operator(other_key)
    assert "waits for approval" in eilogin("refresh")
    [state_id] = re.findall(r"approve \S+ ([0-9a-f]{32})", eilogin("diff"))
    return state_id


def key_of_hub(folder):
    federation = Membership.from_index(folder.index(folder.active.state))
    return federation.entity(HUB).identity_provider.signing_certificates[0]


class TestWhatIsActive:
    def test_is_nothing_at_first(self, eilogin, operator):
        told = eilogin("show")
        assert told.startswith(f"{SECTION} ({UWV})\n  no metadata is active yet")
        assert eilogin("diff") == "nothing waits for approval\n"

    def test_is_shown_with_its_sources(self, kept, eilogin, operator):
        told = f"{SECTION}: newer metadata is active: 3 members\n"
        assert eilogin("refresh") == told
        shown = eilogin("show")
        assert re.search(r"^  active since 20\S+Z: 3 members$", shown, re.MULTILINE)
        source = re.escape(str(kept.var / "federation.xml"))
        assert re.search(
            rf"^  source {source}: last success at 20\S+Z$", shown, re.MULTILINE
        )
        assert "waits" not in shown
        assert eilogin("refresh") == f"{SECTION}: nothing is new: 3 members\n"

    def test_is_shown_with_what_goes_wrong(self, kept, eilogin, operator):
        eilogin("refresh")
        (kept.var / "federation.xml").write_text("<html>\x1b[2J")
        told = eilogin("refresh", status=1)
        came = "a source failed; the active metadata stays the same: 3 members"
        assert told.startswith(f"{SECTION}: {came}\n  using the last good copy: ")
        shown = eilogin("show")
        assert "failed once, last at 20" in shown
        assert "\x1b" not in shown

    def test_is_shown_with_who_is_of_another_source(
        self, kept, eilogin, operator, folder
    ):
        eilogin("refresh")
        active = folder.active
        [source] = active.state.sources
        passing = replace(source, passed=("urn:a", "urn:b"))
        state = replace(active.state, sources=(passing,))
        folder.put_active(replace(active, state=state))
        assert "; 2 members skipped: they come from another source\n" in eilogin("show")

    def test_is_asked_of_who_keeps_something(self, site, run):
        result = run("trust", "show", site.file)
        assert result.exit_code == 1
        assert "no site has a 'federation_folder'" in result.output

    def test_is_of_one_section(self, eilogin, operator):
        told = eilogin("show", "--section", "filter:none", status=1)
        assert "which site? --section takes one of: filter:hub-trust, filter:" in told
        assert eilogin("show", "--section", SECTION)

    def test_needs_no_key_of_the_site(self, kept, eilogin, waiting):
        (kept.var / "uwv.key").write_text("not for who approves")
        assert "pending since" in eilogin("show")
        eilogin("diff")
        eilogin("approve", waiting)

    def test_is_told_where_an_option_is_wrong(self, kept, eilogin):
        kept.set(SECTION, federation_changes="all")
        told = eilogin("show", status=1)
        assert "federation_changes" in told
        assert "expected a percentage of 1 to 100" in told


class TestWhatWaits:
    def test_is_shown_in_words(self, kept, waiting, eilogin, folder):
        before = fingerprints(key_of_hub(folder))
        after = fingerprints(NEW.certificate_text)
        told = eilogin("diff")
        change = f"{HUB}: hub: all keys are replaced: {before}; now {after}"
        assert f"Why it needs approval:\n  {change}\n" in told
        assert f"Keys that sign (1):\n    ! {change}\n" in told
        assert told.endswith(f"  eilogin trust reject {kept.file} {waiting}\n")
        shown = eilogin("show")
        assert f"for 1 reason: {waiting}\n" in shown

    def test_is_decided_by_what_is_copied_of_it(self, kept, waiting, run):
        """Whatever the file is called."""
        file = kept.file.rename(kept.file.with_name("my; site's.ini"))
        told = run("trust", "diff", file).output
        [line] = [one for one in told.splitlines() if "trust approve" in one]
        name, *words = shlex.split(line)
        assert (name, words) == ("eilogin", ["trust", "approve", str(file), waiting])
        told = run("trust", "show", file, "a=b c").output
        word = shlex.quote(str(file))
        assert f"look at the changes: eilogin trust diff {word} 'a=b c'\n" in told
        assert "is active now" in run(*words).output

    def test_moves_nothing_on_the_screen_whoever_wrote_it(
        self, waiting, eilogin, folder
    ):
        """Who serves can write the folder, and may have been taken over."""
        place = folder.path / "quarantine.json"
        known = json.loads(place.read_text())
        known["pending"][0]["reasons"].append("fine\n  eilogin trust\x1b[2J")
        known["pending"][0]["id"] = "0; rm -rf ~ \x1b[2J"
        place.write_text(json.dumps(known))
        told = eilogin("diff")
        assert "\x1b" not in told + eilogin("show")
        assert "  fine\\n  eilogin trust\\x1b[2J\n" in told
        assert " $'0; rm -rf ~ \\033[2J'\n" in told

    def test_is_active_once_it_is_approved(self, waiting, eilogin, folder):
        assert key_of_hub(folder) != NEW.certificate_text
        told = eilogin("approve", waiting)
        assert told == f"{SECTION}: {waiting} is active now: 1 change (1 with '!')\n"
        assert key_of_hub(folder) == NEW.certificate_text
        assert eilogin("diff") == "nothing waits for approval\n"
        assert "nothing is new" in eilogin("refresh")

    def test_has_the_same_name_when_it_is_signed_once_more(
        self, waiting, operator, eilogin, folder
    ):
        operator(other_key, days=31)
        eilogin("refresh")
        eilogin("approve", waiting)
        assert key_of_hub(folder) == NEW.certificate_text

    def test_is_made_anew_after_an_update(self, waiting, eilogin, folder):
        """Of an index that another version wrote, here one that lacks its end."""
        path = signed_index(folder, folder.active.state)
        path.write_bytes(path.read_bytes()[:-1])
        for word in (("diff",), ("approve", waiting), ("reject", waiting)):
            told = eilogin(*word, status=1)
            assert (
                "eilogin makes it again from the metadata by 'eilogin trust refresh"
                in told
            )
        assert "waits for approval" in eilogin("refresh")
        assert "is active now" in eilogin("approve", waiting)

    def test_is_not_approved_where_another_waits_by_now(
        self, waiting, operator, eilogin, folder
    ):
        operator(lambda one: other_key(replace(one, names={"en": "Evil"})))
        eilogin("refresh")
        told = eilogin("approve", waiting, status=1)
        assert f"'{waiting}' is not pending (pending: " in told
        assert folder.open_quarantine is not None
        assert key_of_hub(folder) != NEW.certificate_text

    def test_is_not_approved_where_another_comes_to_wait_meanwhile(
        self, waiting, eilogin, folder, monkeypatch
    ):
        """A refresh was under way, for which the command has waited."""
        locked = SiteFolder.locked

        def after_it(self, patience):
            monkeypatch.undo()
            self.empty_quarantine()
            return locked(self, patience)

        monkeypatch.setattr(SiteFolder, "locked", after_it)
        told = eilogin("approve", waiting, status=1)
        assert "other changes are pending now; nothing was done. Look at" in told
        assert key_of_hub(folder) != NEW.certificate_text

    def test_is_not_approved_by_a_part_of_its_name(self, waiting, eilogin, folder):
        eilogin("approve", waiting[:12], status=1)
        eilogin("approve", "\x1b[2J", status=1)
        assert folder.open_quarantine is not None

    def test_is_gone_where_it_is_taken_back(self, waiting, operator, eilogin):
        operator()
        eilogin("refresh")
        told = eilogin("approve", waiting, status=1)
        assert "nothing is pending" in told

    def test_is_not_approved_once_it_has_expired(
        self, waiting, eilogin, folder, monkeypatch
    ):
        later = clock.now() + 40 * DAY
        monkeypatch.setattr(clock, "now", lambda: later)
        assert "has expired; nothing was done" in eilogin("approve", waiting, status=1)
        assert folder.open_quarantine is not None

    def test_is_not_asked_again_once_it_is_rejected(
        self, waiting, operator, eilogin, folder
    ):
        told = eilogin("reject", waiting)
        assert (
            told
            == f"{SECTION}: {waiting} is rejected; the active metadata stays the same\n"
        )
        operator(other_key, days=32)
        assert "was rejected" in eilogin("refresh")
        assert eilogin("diff") == "nothing waits for approval\n"
        operator(lambda one: replace(other_key(one), names={"en": "X"}))
        assert "waits for approval" in eilogin("refresh")

    def test_is_not_approved_once_it_is_rejected(self, waiting, eilogin, folder):
        eilogin("reject", waiting)
        for word in ("approve", "reject"):
            told = eilogin(word, waiting, status=1)
            assert (
                f"{waiting} was rejected before; nothing was done. The member keeps"
                in told
            )
        assert key_of_hub(folder) != NEW.certificate_text

    def test_is_decided_for_all_sites_where_it_waits(self, kept, operator, eilogin):
        site = "filter:g-trust"
        kept.set(site, federation_folder="%(here)s/var/kept")
        eilogin("refresh")
        operator(other_key)
        eilogin("refresh")
        first, second = re.findall(r"approve \S+ (\S+)", eilogin("diff"))
        assert first == second
        told = eilogin("approve", first, "--section", site)
        assert told.startswith(f"{site}: {first} is active now: ")
        told = eilogin("approve", first)
        assert told.startswith(f"{SECTION}: {first} is active now: ")


class TestSeveralSites:
    """Of one file, where the same waits: it is decided for all, or for none."""

    OTHER = "filter:g-trust"

    @pytest.fixture
    def folders(self, kept):
        """What is kept of each, in the order of the file."""
        kept.set(self.OTHER, federation_folder="%(here)s/var/kept")
        return [SiteFolder.of(kept.var / "kept", one) for one in (UWV, STAD)]

    @pytest.fixture
    def waiting(self, folders, eilogin, operator):
        eilogin("refresh")
        operator(other_key)
        eilogin("refresh")
        [state_id] = {*re.findall(r"approve \S+ (\S+)", eilogin("diff"))}
        return state_id

    def active(self, folders):
        return [key_of_hub(one) == NEW.certificate_text for one in folders]

    def test_are_decided_together(self, waiting, eilogin, folders):
        told = eilogin("approve", waiting)
        assert told.count(f": {waiting} is active now: ") == 2
        assert self.active(folders) == [True, True]

    @pytest.mark.parametrize("stops", [SECTION, OTHER])
    def test_are_left_alone_where_one_of_them_stops_it(
        self, kept, waiting, eilogin, folders, stops
    ):
        kept.set(stops, four_eyes="true")
        eilogin("approve", waiting, "--section", stops)
        told = eilogin("approve", waiting, status=1)
        assert f"Error: {stops}: " in told
        assert "has approved it already; nothing was done. A second person has" in told
        assert self.active(folders) == [False, False]
        logs = [one.path / "log.jsonl" for one in folders]
        assert [log.exists() for log in logs] == [stops == SECTION, stops == self.OTHER]

    def test_that_are_one_are_decided_once(self, kept, waiting, eilogin, folders):
        kept.set(self.OTHER, entity_id=UWV)
        assert eilogin("approve", waiting).count("is active now") == 1

    def test_are_told_apart_where_it_stops_on_the_way(
        self, kept, waiting, eilogin, folders, monkeypatch
    ):
        log, full = SiteFolder.log, []

        def fill(self, fields):
            if full:
                raise OSError(28, "No space left on device", "log.jsonl")
            full.append(log(self, fields))

        monkeypatch.setattr(SiteFolder, "log", fill)
        told = eilogin("reject", waiting, status=1)
        first, second = folders if folders[1].open_quarantine else reversed(folders)
        assert first.open_quarantine is None
        assert second.open_quarantine is not None
        assert told.count("is rejected") == 1
        assert "did not finish; to see the result: eilogin trust" in told
        assert "log.jsonl: No space left on device" in told
        assert "nothing was done" not in told

    def test_are_told_apart_where_it_stops_at_the_first(
        self, waiting, eilogin, folders, full_disk
    ):
        told = eilogin("approve", waiting, status=1)
        assert re.search(r"; not begun at filter:\S+; to see the result: ", told)
        assert self.active(folders) == [False, False]


class TestMoreThanIsShown:
    @pytest.fixture
    def folder(self, kept):
        return SiteFolder.of(kept.var / "kept", HUB)

    @pytest.fixture
    def waiting(self, operator, eilogin, monkeypatch, at_the_hub):
        """A state with more changes of a kind than are shown."""
        monkeypatch.setattr(federation_changes, "MOST_SHOWN", 1)
        eilogin("refresh", *at_the_hub)

        def moved(member):
            if member.service_provider is None:
                return member
            role = replace(
                member.service_provider, signing_certificates=(NEW.certificate_text,)
            )
            return replace(member, service_provider=role)

        operator(moved)
        eilogin("refresh", *at_the_hub)
        [state_id] = re.findall(r"approve \S+ ([0-9a-f]{32}) --all", eilogin("diff"))
        return state_id

    def test_is_counted_and_shown_by_all(self, kept, waiting, eilogin):
        told = eilogin("diff")
        assert told.count("    ! ") == 1
        assert "      and 1 more\n" in told
        more = "1 of the changes are not in this list. This shows all:\n"
        assert f"\n{more}  eilogin trust diff {kept.file} --all\n" in told
        told = eilogin("diff", "--all")
        assert told.count("    ! ") == 2
        assert "more" not in told

    def test_is_not_approved_unseen(self, waiting, eilogin, folder):
        told = eilogin("approve", waiting, status=1)
        assert "2 changes (2 with '!'), of which 'eilogin trust diff" in told
        assert folder.open_quarantine is not None
        told = eilogin("approve", waiting, "--all")
        assert "is active now: 2 changes (2 with '!')" in told
        line = json.loads((folder.path / "log.jsonl").read_text())
        assert line["count"] == 2
        waited = [one for one in line["changes"] if one.startswith("  ! ")]
        assert len(waited) == 2, "all that was approved"


class TestWhatCannotBeCompared:
    def test_is_approved_by_who_has_looked_at_all_of_it(
        self, kept, operator, eilogin, folder
    ):
        eilogin("refresh")
        for path in [*folder.path.glob("index-*"), *folder.path.glob("copy-*")]:
            path.write_bytes(b"broken")
        operator(other_key)
        assert "waits for approval" in eilogin("refresh")
        told = eilogin("diff")
        file = re.escape(str(kept.var / "federation.xml"))
        because = (
            rf"Why it needs approval:\n  {file}: eilogin can no longer read its active"
            rf" metadata"
        )
        assert re.search(because, told)
        assert "Members added (3):" in told
        [state_id] = re.findall(r"approve \S+ (\S+)", told)
        assert "is active now" in eilogin("approve", state_id)
        assert key_of_hub(folder) == NEW.certificate_text


class TestWhatWasJudgedByOtherOptions:
    @pytest.fixture
    def kept_on(self, kept, waiting, eilogin):
        """The same state after other options, by which nothing can be had yet."""
        kept.set(SECTION, federation_certificate="%(here)s/var/uwv.crt")
        eilogin("refresh", status=1)
        kept.set(SECTION, federation_certificate="%(here)s/var/federation.crt")
        return waiting

    def test_waits_on_and_nobody_approves_it(self, kept, kept_on, eilogin, folder):
        cure = f"eilogin trust refresh {kept.file}\n"
        for word in ("show", "diff"):
            told = eilogin(word)
            assert kept_on in told
            assert "needs a refresh with the current options before" in told
            assert cure in told
        told = eilogin("approve", kept_on, status=1)
        assert (
            "is out of date, because the options or the active metadata have changed"
            " since"
        ) in told
        assert f"; nothing was done. Refresh first: {cure}" in told
        assert not (folder.path / "log.jsonl").exists()
        assert key_of_hub(folder) != NEW.certificate_text

    def test_is_approved_once_that_is_done(self, kept_on, eilogin):
        assert "waits for approval" in eilogin("refresh")
        assert "needs a refresh" not in eilogin("diff")
        assert "is active now" in eilogin("approve", kept_on)

    def test_is_rejected_without_that(self, kept_on, eilogin):
        assert "is rejected" in eilogin("reject", kept_on)
        assert "was rejected" in eilogin("refresh")


class TestMetadataThatIsSoonOver:
    @pytest.fixture
    def after(self, monkeypatch, run, kept):
        """What ``eilogin check`` says after so many days."""
        began = clock.now()

        def check(days):
            monkeypatch.setattr(clock, "now", lambda: began + days * DAY)
            result = run("check", kept.file)
            return result.exit_code, result.output

        return check

    @pytest.fixture
    def waiting(self, eilogin, operator):
        """Another address of the hub for logouts: nothing that is a fault by itself."""

        def moved(member):
            if member.entity_id != HUB:
                return member
            role = member.identity_provider
            there = [
                replace(x, location=x.location.replace(":6543", ":1"))
                for x in role.single_logouts
            ]
            role = replace(role, single_logouts=tuple(there))
            return replace(member, identity_provider=role)

        eilogin("refresh")
        operator(moved)
        return re.findall(r"approve \S+ (\S+)", eilogin("refresh") + eilogin("diff"))[0]

    def test_is_a_fault_while_something_waits(self, waiting, after):
        code, told = after(26)
        assert (code, "metadata-waits" in told) == (0, True)
        code, told = after(28)
        assert code == 1
        assert "the active metadata expires at 20" in told
        assert f"then 'eilogin trust approve FILE {waiting}')" in told

    def test_is_none_where_newer_will_come(self, eilogin, operator, after):
        eilogin("refresh")
        assert after(28)[0] == 0

    def test_is_shown_with_its_cure_once_it_is_over(
        self, kept, waiting, eilogin, after
    ):
        after(31)
        told = eilogin("show")
        assert "but expired: nobody can log in" in told
        assert f"newer metadata: eilogin trust refresh {kept.file}\n" in told


def test_nobody_approves_that_a_site_has_no_hub(kept, operator, eilogin, folder):
    eilogin("refresh")
    operator(lambda one: one if one.entity_id != HUB else None)
    assert "our hub: " in eilogin("refresh")
    change = folder.open_quarantine.id
    told = eilogin("approve", change, status=1)
    assert "nobody could log in, because no hub would be left: has no hub" in told
    assert "; nothing was done" in told
    assert not (folder.path / "log.jsonl").exists()
    assert key_of_hub(folder)


def test_one_member_of_several_is_decided_by_its_own_id(
    kept, operator, eilogin, at_the_hub
):
    folder = SiteFolder.of(kept.var / "kept", HUB)
    eilogin("refresh", *at_the_hub)

    def moved(member):
        if member.entity_id == HUB:
            return member
        role = member.service_provider
        there = replace(role.assertion_consumers[0], location="https://x.test/")
        role = replace(role, assertion_consumers=(there,))
        return replace(member, service_provider=role)

    kept.set("filter:hub-trust", federation_changes="off")
    operator(moved)
    eilogin("refresh", *at_the_hub)
    told = eilogin("diff", *at_the_hub)
    ids = dict(re.findall(r"^  ([0-9a-f]{32})  (\S+)$", told, re.MULTILINE))
    stad = next(one for one, name in ids.items() if name == STAD)
    uwv = next(one for one, name in ids.items() if name == UWV)
    assert f"{stad} is active now: 1 change" in eilogin("approve", stad, *at_the_hub)
    assert f"{uwv} is rejected" in eilogin("reject", uwv, *at_the_hub)
    shown = eilogin("show", *at_the_hub)
    assert f"rejected: {UWV} keeps its old record until it changes again" in shown
    assert folder.open_quarantine is None
    assert "a change of 1 member was rejected" in eilogin("refresh", *at_the_hub)


@pytest.fixture
def at_the_hub(kept):
    """The hub of that file keeps what it knows too, and decides for itself."""
    kept.set("filter:hub-trust", federation_folder="%(here)s/var/kept")
    return "--section", "filter:hub-trust"


class TestWhoGoes:
    def test_does_not_come_back_at_a_hub_as_somebody_else_unseen(
        self, operator, eilogin, at_the_hub
    ):
        eilogin("refresh", *at_the_hub)
        operator(lambda one: one if one.entity_id != STAD else None)
        assert "newer metadata is active: 2 members" in eilogin("refresh", *at_the_hub)

        def back(member):
            if member.entity_id != STAD:
                return member
            role = replace(
                member.service_provider, signing_certificates=(NEW.certificate_text,)
            )
            return replace(member, service_provider=role)

        operator(back)
        assert "waits for approval" in eilogin("refresh", *at_the_hub)
        assert f"{STAD}: participant: all keys are replaced" in eilogin(
            "diff", *at_the_hub
        )


class TestWhoDecides:
    @pytest.fixture
    def by(self, monkeypatch):
        """Be another user of the system, as far as the command can tell."""

        def become(uid, sudo=None, number=None):
            monkeypatch.setattr(os, "getuid", lambda: uid)
            said = {"SUDO_USER": sudo, "SUDO_UID": number}
            for name, value in said.items():
                monkeypatch.delenv(name, raising=False)
                if value:
                    monkeypatch.setenv(name, value)

        return become

    @pytest.fixture
    def for_two(self, kept, waiting):
        """The same state, which two people have to approve."""
        kept.set(SECTION, four_eyes="true")
        return waiting

    def logged(self, folder):
        text = (folder.path / "log.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def test_is_written_down_with_the_words(self, waiting, by, eilogin, folder, events):
        by(0, "jan\x1b[2J")
        eilogin("approve", waiting)
        [line] = self.logged(folder)
        assert line["code"] == "trust.approved"
        assert line["id"] == waiting
        assert (line["who"], line["uid"]) == ("root, by sudo of jan?[2J", 0)
        assert line["time"] == pytest.approx(clock.now(), abs=60)
        assert line["changes"][1].startswith(f"  ! {HUB}: hub: all keys are replaced")
        [event] = events("trust.approved")
        assert event["by"] == "root, by sudo of jan?[2J (uid 0)"
        assert event["reference"] == waiting
        assert event["peer"] == UWV
        assert event["changes"] == line["changes"]

    def test_is_written_down_of_a_rejection(self, waiting, eilogin, folder, events):
        eilogin("reject", waiting)
        [line] = self.logged(folder)
        assert line["code"] == "trust.rejected"
        assert events("trust.rejected")

    def test_is_two_people_where_four_eyes_have_to_see_it(
        self, for_two, by, eilogin, folder
    ):
        assert "needs the approval of 2 people" in eilogin("diff")
        by(12345)
        told = eilogin("approve", for_two)
        assert "needs 1 more approval, by another system user (four_eyes)" in told
        assert key_of_hub(folder) != NEW.certificate_text
        shown = eilogin("show")
        assert "by a user without a name (uid 12345)" in shown
        assert "needs 1 more approval" in shown
        assert "has approved it already" in eilogin("approve", for_two, status=1)
        assert key_of_hub(folder) != NEW.certificate_text
        by(12346)
        assert f"{for_two} is active now" in eilogin("approve", for_two)
        assert key_of_hub(folder) == NEW.certificate_text
        assert [line["uid"] for line in self.logged(folder)] == [12345, 12346]

    def test_is_one_person_by_sudo_whoever_that_was(self, for_two, by, eilogin, folder):
        by(0, "jan")
        eilogin("approve", for_two)
        by(0, "piet")
        assert "sudo does not make you another person" in eilogin(
            "approve", for_two, status=1
        )
        assert folder.open_quarantine is not None

    def test_is_one_person_as_herself_and_by_sudo(self, for_two, by, eilogin, folder):
        by(12345)
        eilogin("approve", for_two)
        by(0, "jan", "12345")
        assert "has approved it already" in eilogin("approve", for_two, status=1)
        assert folder.open_quarantine is not None
        by(0, "piet", "12346")
        assert f"{for_two} is active now" in eilogin("approve", for_two)

    def test_has_to_decide_anew_where_something_else_waits(
        self, for_two, operator, by, eilogin, folder
    ):
        by(12345)
        eilogin("approve", for_two)
        operator(lambda one: replace(other_key(one), names={"en": "X"}))
        eilogin("refresh")
        assert folder.open_quarantine.open[0].approvals == ()

    def test_may_be_a_group_that_can_write_there(self, kept, waiting, eilogin, folder):
        folder.path.chmod(0o2775)
        eilogin("reject", waiting)
        assert (folder.path / "log.jsonl").stat().st_mode & 0o777 == 0o664

    def test_is_told_where_it_cannot_be_written(
        self, waiting, eilogin, folder, full_disk
    ):
        told = eilogin("approve", waiting, status=1)
        assert "log.jsonl: No space left on device" in told
        assert folder.open_quarantine is not None

    def test_waits_for_who_refreshes(self, waiting, eilogin, folder, monkeypatch):
        monkeypatch.setattr(trust_decisions, "LOCK_PATIENCE", 0.0)
        number = folder.lock()
        try:
            told = eilogin("approve", waiting, status=1)
        finally:
            os.close(number)
        assert "another process has been refreshing" in told
