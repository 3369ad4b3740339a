"""What is kept of a federation on disk, and that it is never there by halves."""

import json
import os
from dataclasses import replace

import pytest

from eilogin import clock as instants
from eilogin.errors import ConfigurationError
from eilogin.federation.folder import SiteFolder
from eilogin.federation.states import Approval, Source, State, Tries

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
        with pytest.raises(ConfigurationError, match="is a link; expected a folder"):
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
        monkeypatch.setattr("eilogin.federation.states.LONGEST", 10)
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

    def test_that_everybody_may_write_is_refused(self, folder):
        folder.path.chmod(0o777)
        told = rf"{folder} can be written by everybody \(mode 0777\)"
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
        told = rf"{place} is of the user with the number \d+, who so decides"
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
            "_both",
            lambda self: [(self.path.parent, found), (self.path, other)],
        )
        with pytest.raises(ConfigurationError, match=r"number 4713, who so decides"):
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
        with pytest.raises(ConfigurationError, match="another process is refreshing"):
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
        assert folder.waiting is None
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
        folder.note(replace(folder.active, tries=Tries(failures=1)))
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
        assert "cannot be removed: [Errno 1]" in caplog.text
        monkeypatch.setattr(type(folder.path), "unlink", refuse)
        with pytest.raises(ConfigurationError, match=r"waiting\.json: Operation not"):
            folder.drop_waiting()

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", "{}", '{"version": 2}', '{"version": 1}', "\xff",
         '{"version": 1, "state": {}, "tries": {}, "since": 1}'],
    )  # fmt: skip
    def test_that_is_not_as_it_was_written_is_refused(self, folder, text):
        (folder.path / "active.json").write_text(text, "latin-1")
        with pytest.raises(ConfigurationError, match=r"active\.json is not as this"):
            _ = folder.active


class TestWhatWaits:
    def test_keeps_its_files_until_it_is_active(self, folder, state):
        folder.activate(state(1), Tries(rejected="other", by="conf"))
        waiting = folder.put_waiting(state(2), ("the only key of hub is replaced",))
        assert folder.waiting == waiting
        assert folder.next_generation() == 3
        assert folder.approve(waiting.state.id, ANNA)
        assert folder.active.state == waiting.state
        assert folder.active.tries.rejected == ""
        assert folder.waiting is None
        assert folder.index(folder.active.state).read_text() == "members of 2"

    def test_is_what_was_looked_at(self, folder, state):
        folder.activate(state(1), Tries(by="conf"))
        with pytest.raises(ConfigurationError, match="nothing waits"):
            folder.approve("0" * 12, ANNA)
        old = folder.put_waiting(state(2, "b" * 32), ("reason",))
        folder.put_waiting(state(3, "c" * 32), ("reason",))
        with pytest.raises(ConfigurationError, match=r"what waits is c{32} by"):
            folder.approve(old.state.id, ANNA)
        assert folder.active.state.generation == 1

    def test_waits_for_two_people_where_two_are_needed(self, folder, state):
        folder.activate(state(1), Tries(by="conf"))
        one = folder.put_waiting(state(2), ("reason",)).state.id
        assert not folder.approve(one, ANNA, 2)
        assert not folder.approve(one, ANNA, 2), "she is one"
        # The same comes again, and what was approved is approved.
        folder.put_waiting(state(3, folder.waiting.state.id), ("reason",))
        assert folder.approve(one, BOB, 2)

    def test_begins_anew_where_something_else_comes(self, folder, state):
        folder.activate(state(1), Tries(by="conf"))
        one = folder.put_waiting(state(2), ("reason",)).state.id
        folder.approve(one, ANNA, 2)
        assert folder.put_waiting(state(3), ("reason",)).approvals == ()

    def test_is_approved_anew_where_it_was_judged_otherwise(self, folder, state):
        """Of a change that is the same one, but for what is told of it or active."""
        folder.activate(state(1), Tries(by="conf"))
        one = folder.put_waiting(state(2), ("reason",)).state

        def approvals(state, reason="reason"):
            folder.approve(one.id, ANNA, 2)
            return folder.put_waiting(state, (reason,)).approvals

        assert approvals(one) == (ANNA,)
        assert approvals(one, "of our hub: reason") == ()
        assert approvals(replace(one, configuration="other")) == ()
        folder.put_waiting(one, ("reason",))
        folder.approve(one.id, ANNA, 2)
        folder.activate(state(3), Tries(by="conf"))
        assert folder.waiting.approvals == (ANNA,)
        assert folder.put_waiting(one, ("reason",)).approvals == ()

    def test_is_judged_anew_before_it_is_approved(self, folder, state):
        folder.activate(state(1), Tries(by="conf"))
        one = folder.put_waiting(state(2), ("reason",)).state.id
        folder.note(replace(folder.active, tries=Tries(by="other")))
        with pytest.raises(ConfigurationError, match="judged by other options"):
            folder.approve(one, ANNA)
        folder.activate(state(3), Tries(by="conf"))
        with pytest.raises(ConfigurationError, match="a refresh first, which judges"):
            folder.approve(one, ANNA)
        # To have it gone nobody needs that.
        folder.reject(one)
        assert folder.active.state.generation == 3

    def test_is_rejected(self, folder, state):
        folder.activate(state(1), Tries(failures=1))
        waiting = folder.put_waiting(state(2), ("reason",))
        folder.reject(waiting.state.id)
        assert folder.waiting is None
        assert folder.active.tries == Tries(failures=1, rejected=waiting.state.id)
        assert "index-2" not in files(folder)

    def test_is_over_where_it_became_active_and_somebody_died(self, folder, state):
        folder.activate(state(1), Tries(by="conf"))
        folder.put_waiting(state(2), ("reason",))
        text = (folder.path / "waiting.json").read_text()
        folder.approve(folder.waiting.state.id, ANNA)
        (folder.path / "waiting.json").write_text(text)
        assert folder.waiting is None


def test_who_decided_what_is_kept_in_order(folder):
    folder.log({"what": "approved", "who": "anna"})
    folder.log({"what": "rejected", "who": "bob\n"})
    lines = (folder.path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["what"] for line in lines] == ["approved", "rejected"]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("verb", ["replace", "fsync", "unlink"])
@pytest.mark.parametrize("number", range(6))
def test_whatever_is_killed_when_leaves_the_old_or_the_new(
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
    try:
        waiting = folder.put_waiting(new, ("reason",))
        folder.approve(waiting.state.id, ANNA)
    except Killed:
        pass
    monkeypatch.undo()
    active = folder.active.state
    assert active in (old, new)
    assert folder.index(active).read_text() == f"members of {active.generation}"
    assert folder.copy(active.sources[0]).exists()
    assert folder.waiting is None or folder.waiting.state == new
    # And the next one goes on from there.
    folder.activate(state(3), Tries())
    assert folder.active.state.generation == 3
