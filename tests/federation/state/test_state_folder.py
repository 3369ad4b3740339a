"""What is kept of a federation on disk, and that it is never there by halves."""

import json
import os
import stat
from dataclasses import replace

import pytest

from eilogin import clock as instants
from eilogin.errors import ConfigurationError
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_records import (
    Approval,
    Pending,
    Quarantine,
    Source,
    State,
    Tries,
)

UWV = "https://uwv.test/eilogin/metadata"
ANNA, BOB = Approval("anna", 1000, 1.0), Approval("bob", 1001, 2.0)


@pytest.fixture
def folder(tmp_path):
    found = SiteFolder.of(tmp_path, UWV)
    found.prepare()
    return found


@pytest.fixture
def state(folder):
    """Make a state with its files."""

    def make(generation, digest=None):
        name = f"index-{generation}"
        (folder.path / name).write_text(f"members of {generation}")
        copy = folder.keep(f"<metadata of='{generation}'/>".encode())
        source = Source("federation.xml", "key", copy=copy, recent=("a", "b"))
        return State(
            generation,
            1.0,
            digest or f"{generation:032}",
            f"digest of {generation}",
            "conf",
            name,
            3,
            (source,),
        )

    return make


def files(folder):
    return sorted(path.name for path in folder.path.iterdir())


class TestWhatTheServerCouldPutThere:
    """A command of root's does not do as it says."""

    @pytest.mark.parametrize("name", ["lock", "log.jsonl", "active.json"])
    @pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
    def test_is_taken_for_no_file_of_ours(self, folder, tmp_path, name, kind):
        theirs = tmp_path / "theirs"
        theirs.write_text("{}")
        theirs.chmod(0o600)
        place = folder.path / name
        match kind:
            case "link":
                place.symlink_to(theirs)
            case "hard link":
                place.hardlink_to(theirs)
            case _:
                os.mkfifo(place)
        with pytest.raises((OSError, ConfigurationError)):
            USES[name](folder)
        assert theirs.read_text() == "{}"
        assert theirs.stat().st_mode & 0o777 == 0o600

    def test_is_no_other_folder(self, folder, tmp_path):
        other = tmp_path / "other"
        other.mkdir()
        folder.path.rmdir()
        folder.path.symlink_to(other)
        with pytest.raises(
            ConfigurationError, match=("is a symbolic link; expected a folder")
        ):
            folder.require_safe()

    @pytest.mark.parametrize(
        "name", ["../../etc/passwd", "/etc/passwd", "../other.new", "lock", ""]
    )
    def test_is_no_name_of_another_file(self, folder, state, name):
        folder.activate(state(1), Tries())
        place = folder.path / "active.json"
        found = json.loads(place.read_bytes())
        found["state"]["index"] = name
        place.write_text(json.dumps(found))
        with pytest.raises(ConfigurationError, match="names of other files"):
            _ = folder.active

    def test_is_not_read_without_end(self, folder, monkeypatch):
        monkeypatch.setattr("eilogin.federation.state.state_records.LONGEST", 10)
        (folder.path / "active.json").write_text(" " * 11)
        with pytest.raises(ConfigurationError, match="more than 10 bytes"):
            _ = folder.active


USES = {
    "lock": SiteFolder.lock,
    "log.jsonl": lambda folder: folder.log({"who": "anna"}),
    "active.json": lambda folder: folder.active,
}


class TestTries:
    def test_are_due_too_where_the_clock_was_ahead(self, clock):
        now = instants.now()
        assert Tries(tried=now - 10, due=now).is_due
        assert not Tries(tried=now, due=now + 10).is_due
        assert Tries(tried=now + 3600, due=now + 7200).is_due


class TestAFolder:
    def test_is_called_after_its_site(self, tmp_path):
        found = SiteFolder.of(tmp_path, UWV).path
        assert found.parent == tmp_path
        assert found.name.startswith("uwv.test-")
        other = SiteFolder.of(tmp_path, "https://uwv.test/other").path
        assert other.name.startswith("uwv.test-")
        assert other != found

    @pytest.mark.parametrize(
        "name", ["urn:x:uwv", "../../etc", "https://[::1/", "a" * 999]
    )
    def test_is_in_its_place_whatever_a_site_is_called(self, tmp_path, name):
        found = SiteFolder.of(tmp_path, name).path
        assert found.parent == tmp_path
        found.mkdir()

    def test_of_all_sites_is_made_where_it_is_missing(self, tmp_path):
        everything = tmp_path / "trust"
        SiteFolder.of(everything, "https://uwv.example.nl").prepare()
        assert stat.S_IMODE(everything.stat().st_mode) == 0o700
        assert everything.stat().st_uid == tmp_path.stat().st_uid
        # No more than that one: another one may be a slip.
        with pytest.raises(ConfigurationError, match="No such file"):
            SiteFolder.of(tmp_path / "no/trust", "https://uwv.example.nl").prepare()

    def test_that_everybody_may_write_is_refused(self, folder):
        folder.path.chmod(0o777)
        told = rf"every user can write {folder} \(mode 0777\)"
        with pytest.raises(ConfigurationError, match=told):
            folder.prepare()
        folder.path.chmod(0o755)
        folder.path.parent.chmod(0o1777)
        with pytest.raises(ConfigurationError, match=r"\(mode 1777\).*chmod o-w"):
            folder.prepare()

    @pytest.mark.parametrize("of_all", [True, False])
    def test_of_another_user_is_refused(self, folder, of_all, by):
        place = folder.path.parent if of_all else folder.path
        by(4711, place)
        told = rf"{place} belongs to user \d+, who could decide"
        with pytest.raises(ConfigurationError, match=told):
            folder.prepare()

    def test_of_another_user_may_be_looked_at_by_us(self, folder, by):
        """Who checks need not be who serves."""
        by(4711, folder.path, folder.path.parent)
        folder.require_safe()

    def test_of_one_site_is_of_who_has_that_of_all(self, folder, monkeypatch, by):
        by(0, folder.path.parent)
        found = folder.path.stat()
        other = os.stat_result((*found[:4], 4713, *found[5:]))
        monkeypatch.setattr(
            SiteFolder,
            "_folder_and_parent",
            lambda self: [(self.path.parent, found), (self.path, other)],
        )
        with pytest.raises(ConfigurationError, match=r"user 4713, who could decide"):
            folder.require_safe()

    @pytest.fixture
    def by(self, monkeypatch):
        """Be the user of a number, of whom folders are not."""

        def become(uid, *places):
            monkeypatch.setattr(os, "geteuid", lambda: uid)
            for place in places:
                if os.getuid() == 0:
                    os.chown(place, 4712, -1)

        return become

    def test_that_cannot_be_made_is_named(self, tmp_path):
        (tmp_path / "file").write_text("no folder")
        folder = SiteFolder.of(tmp_path / "file", UWV)
        with pytest.raises(ConfigurationError, match=f"federation_folder: {folder}"):
            folder.prepare()


class TestTheLock:
    def test_is_of_one_at_a_time(self, folder):
        number = folder.lock()
        assert folder.lock() is None
        with pytest.raises(
            ConfigurationError, match=("another process has been refreshing")
        ):
            folder.locked(0).__enter__()
        os.close(number)
        with folder.locked(0):
            assert folder.lock() is None

    def test_is_waited_for(self, folder, monkeypatch):
        held = [folder.lock()]

        def sleep(_seconds):
            """Once: by then the number is another file's."""
            while held:
                os.close(held.pop())

        monkeypatch.setattr("time.sleep", sleep)
        with folder.locked(60):
            pass


class TestWhatIsActive:
    def test_is_nothing_at_first(self, folder):
        assert folder.active is None
        assert folder.open_quarantine is None
        assert folder.stamp is None
        assert folder.next_generation() == 1

    def test_is_read_as_it_was_written(self, folder, state):
        one, tries = state(1), Tries(1.0, 2.0, 3, "why", 4.0)
        folder.activate(one, tries)
        found = folder.active
        assert found.state == one
        assert found.tries == tries
        assert folder.next_generation() == 2

    def test_is_seen_to_have_changed(self, folder, state):
        folder.activate(state(1), Tries())
        stamp = folder.stamp
        folder.put_active(replace(folder.active, tries=Tries(failures=1)))
        assert folder.stamp != stamp

    def test_leaves_no_files_behind_but_the_index_before(self, folder, state):
        for number in (1, 2, 3):
            folder.activate(state(number), Tries())
        (folder.path / ".half.new").write_text("what was killed has left")
        folder.activate(state(4), Tries())
        copy = folder.active.state.sources[0].copy
        assert files(folder) == sorted(["active.json", copy, "index-3", "index-4"])

    def test_is_so_where_what_is_over_cannot_be_removed(
        self, folder, state, monkeypatch, caplog
    ):
        """Such as on a disk that has become read-only for that."""

        def refuse(*_, **__):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(type(folder.path), "iterdir", refuse)
        folder.activate(state(1), Tries())
        assert folder.active.state.generation == 1
        assert "cannot remove old files: [Errno 1]" in caplog.text
        monkeypatch.setattr(type(folder.path), "unlink", refuse)
        with pytest.raises(ConfigurationError, match=r"quarantine\.json: Operation"):
            folder.empty_quarantine()

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", "{}", '{"version": 2}', '{"version": 1}', "\xff",
         '{"version": 1, "state": {}, "tries": {}, "since": 1}'],
    )  # fmt: skip
    def test_that_is_not_as_it_was_written_is_refused(self, folder, text):
        (folder.path / "active.json").write_text(text, "latin-1")
        with pytest.raises(ConfigurationError, match=r"active\.json is not as this"):
            _ = folder.active


def change(number, **more):
    return Pending(f"{number:032}", f"urn:{number}", ("reason",), 1.0, **more)


def waiting(*pending, state=None):
    return Quarantine(pending, "digest of 1", "conf", state)


class TestWhatWaits:
    def test_is_read_as_it_was_written(self, folder, state):
        folder.activate(state(1), Tries())
        kept = waiting(change(1, approvals=(ANNA, BOB)), change(2, is_rejected=True))
        folder.put_quarantine(kept)
        assert folder.open_quarantine == kept
        assert folder.open_quarantine.open == kept.pending[:1]

    def test_keeps_the_files_of_a_state_that_waits_as_a_whole(self, folder, state):
        folder.activate(state(1), Tries())
        folder.put_quarantine(waiting(change(1), state=state(2)))
        folder.clean()
        assert folder.next_generation() == 3
        assert "index-2" in files(folder)
        folder.empty_quarantine()
        assert "index-2" not in files(folder)

    def test_is_nothing_where_all_of_it_is_rejected(self, folder, state):
        folder.activate(state(1), Tries())
        folder.put_quarantine(waiting(change(1, is_rejected=True)))
        assert folder.open_quarantine is None
        assert folder.quarantine is not None

    def test_is_no_file_where_there_is_nothing(self, folder, state):
        folder.activate(state(1), Tries())
        folder.put_quarantine(waiting(change(1)))
        folder.put_quarantine(waiting())
        assert "quarantine.json" not in files(folder)

    def test_has_one_name_for_all_of_it(self):
        one, two = change(1), change(2)
        assert waiting(one).id == one.id
        assert waiting(one, two).id == waiting(two, one).id
        assert waiting(one, two).named(two.id) == (two,)
        assert waiting(one, two).named(waiting(one, two).id) == (one, two)
        assert waiting(one, two).named("0") == ()
        rejected = replace(two, is_rejected=True)
        assert waiting(one, rejected).id == one.id
        assert waiting(one, rejected).named(two.id) == ()


#: What the version before wrote of a state.
BEFORE = {
    "generation": 1,
    "made": 1.0,
    "id": "a" * 32,
    "digest": "d",
    "configuration": "conf",
    "index": "index-1",
    "members": 3,
    "sources": [],
}


class TestWhatTheVersionBeforeWrote:
    """It took a state as a whole or not at all."""

    def test_is_active(self, folder):
        written = {"version": 1, "state": BEFORE, "tries": {}, "since": 1.0}
        (folder.path / "active.json").write_text(json.dumps(written))
        assert folder.active.state.held == ""
        assert folder.active.state.id == "a" * 32

    def test_waits_until_it_is_judged_anew(self, folder, state):
        folder.activate(state(2), Tries(by="conf"))
        anna = {"name": "anna", "uid": 1, "at": 1.0, "sudo_uid": None}
        written = {
            "version": 1,
            "state": BEFORE,
            "reasons": ["key"],
            "since": 7.0,
            "approvals": [anna],
            "than": "digest of 2",
        }
        (folder.path / "waiting.json").write_text(json.dumps(written))
        found = folder.open_quarantine
        assert (found.id, found.reasons, found.since) == ("a" * 32, ("key",), 7.0)
        assert not found.is_judged_by(folder.active)
        folder.put_quarantine(waiting(change(1)))
        assert "waiting.json" not in files(folder)

    def test_can_read_what_this_one_writes_while_nothing_waits(self, folder, state):
        folder.activate(state(1), Tries())
        written = json.loads((folder.path / "active.json").read_bytes())
        assert not {"held", "signed"} & written["state"].keys()


def test_log_keeps_decisions_in_order(folder):
    folder.log({"what": "approved", "who": "anna"})
    folder.log({"what": "rejected", "who": "bob\n"})
    lines = (folder.path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["what"] for line in lines] == ["approved", "rejected"]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("verb", ["replace", "fsync", "unlink"])
@pytest.mark.parametrize("number", range(6))
def test_killed_process_leaves_the_old_or_the_new_state(
    folder, state, monkeypatch, verb, number
):
    """Whoever is killed between two calls of the system has done the first ones."""
    folder.activate(state(1), Tries(by="conf"))
    old, new = folder.active.state, state(2)
    done, real = [], getattr(os, verb)

    def call(*args, **options):
        if len(done) == number:
            raise Killed
        done.append(args)
        return real(*args, **options)

    monkeypatch.setattr(os, verb, call)
    kept = waiting(change(1), state=new)
    try:
        folder.put_quarantine(kept)
        folder.activate(new, Tries())
    except Killed:
        pass
    monkeypatch.undo()
    active = folder.active.state
    assert active in (old, new)
    assert folder.index(active).read_text() == f"members of {active.generation}"
    assert folder.copy(active.sources[0]).exists()
    assert folder.open_quarantine in (None, kept)
    # And the next one goes on from there.
    folder.activate(state(3), Tries())
    assert folder.active.state.generation == 3
