"""No session that was ended comes back with a copy, however it was put back."""

# ruff: noqa: SLF001 - a kernel that does not tell is brought about from inside

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eilogin import clock
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores import StoredSession
from eilogin.stores.sqlite import SQLiteStore, copied_files, sqlite_connections

VERSION_1 = Path(__file__).with_name("version_1.sql").read_text()
HOUR = 3600.0
SECRET = "999993653"


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return tmp_path / "backup.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    """A session, what is hers, and what has to outlive any restore."""
    opened = SQLiteStore(path)
    now = clock.now()
    assert create(opened, "anna")
    assert opened.append("anna", "participant")
    assert opened.add("hers", "text", now + HOUR, owner="anna")
    assert opened.add("used", "", now + HOUR)
    opened.end(labels=["bert"], mark=now, mark_until=now + HOUR)
    yield opened
    opened.close()


def create(store: SQLiteStore, name: str, *, issued: float | None = None) -> bool:
    now = clock.now()
    data = f'{{"bsn": "{SECRET}"}}'
    made = StoredSession(name, data, now, now + HOUR, (name,))
    return store.create(made, issued=now if issued is None else issued)


def shut_copy(store: SQLiteStore, to: Path) -> None:
    """As an administrator does it who stops the server first."""
    store.close()
    shutil.copyfile(store.path, to)


def check_nobody_is_in(store: SQLiteStore) -> None:
    assert store.read("anna") is None
    assert store.find("anna") == store.items("anna") == []
    assert store.get("hers") is None


def check_the_rest_is_there(store: SQLiteStore) -> None:
    now = clock.now()
    assert not store.add("used", "", now + HOUR)
    assert not create(store, "bert", issued=now - 60)


class TestCopies:
    def test_at_another_place_have_no_session(self, store, tmp_path, caplog) -> None:
        shut_copy(store, tmp_path / "copy.db")
        other = SQLiteStore(tmp_path / "copy.db")
        check_nobody_is_in(other)
        check_the_rest_is_there(other)
        [line] = caplog.messages
        assert str(other.path) in line
        assert "was copied from elsewhere" in line
        assert "1 were live" in line
        other.close()
        assert store.read("anna") is not None

    def test_refuse_answers_from_before_and_take_later_ones(
        self, store, tmp_path
    ) -> None:
        shut_copy(store, tmp_path / "copy.db")
        other = SQLiteStore(tmp_path / "copy.db")
        before = clock.now()
        check_nobody_is_in(other)
        assert not create(other, "carla", issued=before)
        assert create(other, "carla", issued=clock.now())
        other.close()
        other = SQLiteStore(other.path)
        assert other.read("carla") is not None
        other.close()

    def test_written_over_the_file_itself_have_no_session(
        self, store, path, backup, monkeypatch, caplog
    ) -> None:
        """Inode and birth are the same; the epoch is not."""
        shut_copy(store, backup)
        monkeypatch.setattr(sqlite_connections, "PULSE", 0.0)
        assert [session.key for session in store.end(keys=["anna"])] == ["anna"]
        store.close()
        inode = path.stat().st_ino
        shutil.copyfile(backup, path)
        assert path.stat().st_ino == inode
        check_nobody_is_in(store)
        check_the_rest_is_there(store)
        assert "is older than the store that was here" in caplog.text

    def test_put_in_the_place_of_a_deleted_file_have_no_session(
        self, store, path, backup
    ) -> None:
        """The inode may well be the same."""
        shut_copy(store, backup)
        store.close()
        path.unlink()
        shutil.copyfile(backup, path)
        Path(f"{path}-epoch").unlink()
        check_nobody_is_in(store)

    def test_renamed_to_the_path_have_no_session(self, store, path, backup) -> None:
        shut_copy(store, backup)
        Path(f"{path}-epoch").unlink()
        backup.rename(path)
        check_nobody_is_in(store)

    def test_opened_by_many_at_once_end_their_sessions_once(
        self, store, tmp_path, caplog
    ) -> None:
        copy = tmp_path / "copy.db"
        shut_copy(store, copy)
        barrier = threading.Barrier(8)

        def log_in(number: int) -> None:
            opened = SQLiteStore(copy)
            barrier.wait()
            assert create(opened, f"new{number}", issued=clock.now() + 60)
            opened.close()

        threads = [threading.Thread(target=log_in, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        other = SQLiteStore(copy)
        assert other.read("anna") is None
        assert all(other.read(f"new{number}") is not None for number in range(8))
        other.close()
        assert len(caplog.messages) == 1


class TestWhatIsNoCopy:
    def test_a_file_that_is_opened_again(self, store, caplog) -> None:
        for _ in range(3):
            store.close()
            assert store.read("anna") is not None
            store.take("unknown")
        assert caplog.messages == []

    def test_a_file_that_was_renamed(self, store, path, tmp_path) -> None:
        store.close()
        path.rename(tmp_path / "renamed.db")
        other = SQLiteStore(tmp_path / "renamed.db")
        assert other.read("anna") is not None
        other.close()

    def test_a_file_that_was_vacuumed(self, store, path) -> None:
        store.take("unknown")
        with closing(sqlite3.connect(path)) as other:
            other.execute("VACUUM")
        assert store.read("anna") is not None
        store.close()
        assert store.read("anna") is not None

    @pytest.mark.parametrize(
        "content", [None, b"", b"x", copied_files._EPOCH.pack(0)], ids=str
    )
    def test_an_epoch_beside_it_that_did_not_reach_the_disk(
        self, store, path, content
    ) -> None:
        store.close()
        beside = Path(f"{path}-epoch")
        beside.unlink()
        if content is not None:
            beside.write_bytes(content)
        assert store.read("anna") is not None

    def test_a_file_whose_birth_the_kernel_does_not_tell(
        self, store, tmp_path, monkeypatch
    ) -> None:
        monkeypatch.setattr(copied_files, "_statx", None)
        store.close()
        assert store.read("anna") is not None
        store.take("unknown")
        shut_copy(store, tmp_path / "copy.db")
        other = SQLiteStore(tmp_path / "copy.db")
        check_nobody_is_in(other)
        other.close()

    def test_a_file_system_that_does_not_tell(self, monkeypatch, path, store) -> None:
        monkeypatch.setattr(copied_files, "_statx", lambda *_: 0)
        assert copied_files.file_at(path).endswith(":0")


class TestEpoch:
    def test_that_cannot_be_written_is_told_and_stops_nothing(
        self, store, path, caplog
    ) -> None:
        store.close()
        Path(f"{path}-epoch").unlink()
        Path(f"{path}-epoch").mkdir()
        assert [session.key for session in store.end(keys=["anna"])] == ["anna"]
        assert "cannot write its epoch" in caplog.text

    def test_that_does_not_fit_on_the_disk_is_told_and_stops_nothing(
        self, store, path, caplog, monkeypatch
    ) -> None:
        real = os.open

        def open_full(name, *how, **more) -> int:
            is_it = os.fspath(name).endswith("-epoch")
            return real("/dev/full", os.O_WRONLY) if is_it else real(name, *how, **more)

        store._connections.writer._pulse_at = 0.0
        monkeypatch.setattr(os, "open", open_full)
        assert store.add("used:1", "", clock.now() + HOUR)
        assert "No space left" in caplog.text

    @pytest.mark.parametrize("is_there", [True, False])
    def test_goes_to_no_file_that_a_link_leads_to(
        self, store, path, tmp_path, caplog, is_there
    ) -> None:
        """Root may be who writes it, in a folder of somebody else's."""
        other = tmp_path / "shadow"
        if is_there:
            other.write_bytes(copied_files._EPOCH.pack(1_000_000))
        store.close()
        beside = Path(f"{path}-epoch")
        beside.unlink()
        beside.symlink_to(other)
        assert copied_files.epoch_beside(path) == 0
        assert [session.key for session in store.end(keys=["anna"])] == ["anna"]
        assert "cannot write its epoch" in caplog.text
        assert other.exists() == is_there
        if is_there:
            assert other.read_bytes() == copied_files._EPOCH.pack(1_000_000)

    def test_is_not_waited_for_where_something_else_is(
        self, store, path, caplog
    ) -> None:
        store.close()
        beside = Path(f"{path}-epoch")
        beside.unlink()
        os.mkfifo(beside)
        assert [session.key for session in store.end(keys=["anna"])] == ["anna"]
        assert "cannot write its epoch" in caplog.text

    def test_that_another_makes_first_is_used(
        self, store, path, caplog, monkeypatch
    ) -> None:
        monkeypatch.setattr(os.path, "lexists", lambda _: False)
        copied_files.note_beside(path, 1_000_000)
        assert copied_files.epoch_beside(path) == 1_000_000
        assert caplog.messages == []

    @pytest.mark.parametrize("user", [0, 1])
    def test_can_be_written_by_who_can_write_the_store(
        self, path, monkeypatch, user
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: user)
        path.touch()
        path.chmod(0o660)
        SQLiteStore(path).prepare()
        beside = Path(f"{path}-epoch").stat()
        assert beside.st_mode & 0o777 == 0o660
        assert (beside.st_uid, beside.st_gid) == (os.getuid(), path.stat().st_gid)

    def test_goes_up_once_in_a_while_not_with_every_verb(self, store, path) -> None:
        store.take("unknown")
        before = copied_files.epoch_beside(path)
        for _ in range(20):
            store.take("unknown")
        assert copied_files.epoch_beside(path) <= before + 1

    def test_that_is_behind_is_seen_by_who_is_at_work(self, store, path) -> None:
        store.read("anna")
        copied_files.note_beside(path, 1_000_000)
        store._connections.writer._pulse_at = 0.0
        store.take("unknown")
        check_nobody_is_in(store)
        assert copied_files.epoch_beside(path) == 1_000_001

    def test_a_fault_meanwhile_changes_nothing(self, store, path, monkeypatch) -> None:
        store.close()
        copied_files.note_beside(path, 1_000_000)

        def fail(*_: object, **options: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(copied_files, "write_meta", fail)
            with pytest.raises(StoreUnavailable, match="disk I/O error"):
                store.read("anna")
        check_nobody_is_in(store)


GONE = "its file is gone; put it back, or restart to begin with a new one"


def move(path: Path, to: Path) -> None:
    """As ``mv store.db* to/`` does it."""
    for file in path.parent.glob(f"{path.name}*"):
        file.rename(to / file.name)


class TestAFileThatIsReplacedWhileAtWork:
    """The next verb of every process goes to the file that stands there now."""

    def test_by_another(self, store, path, tmp_path) -> None:
        other = SQLiteStore(tmp_path / "other.db")
        assert create(other, "carla")
        other.close()
        assert store.read("anna") is not None
        store.take("unknown")
        other.path.replace(path)
        assert store.read("anna") is None
        # It was put there by hand; both see the same from now on.
        second = SQLiteStore(path)
        assert create(second, "dirk", issued=clock.now() + 60)
        assert store.read("dirk") is not None
        assert [session.key for session in store.end(keys=["dirk"])] == ["dirk"]
        assert second.read("dirk") is None
        second.close()

    @pytest.mark.parametrize("is_prepared", [False, True])
    def test_by_nothing_until_it_is_back(
        self, store, path, tmp_path, caplog, is_prepared
    ) -> None:
        """A logout that is confirmed meanwhile would be undone then; none is."""
        if is_prepared:
            store.prepare()
        assert store.read("anna") is not None
        away = tmp_path / "away"
        away.mkdir()
        for _ in range(2):
            caplog.clear()
            move(path, away)
            for verb in (
                lambda: store.read("anna"),
                lambda: store.end(keys=["anna"]),
                lambda: create(store, "carla"),
                store.end_all,
                store.prepare,
            ):
                with pytest.raises(StoreUnavailable, match="put it back, or restart"):
                    verb()
            assert list(path.parent.glob(f"{path.name}*")) == []
            move(away / path.name, path.parent)
            assert store.read("anna") is not None
            assert [
                (record.levelname, record.getMessage()) for record in caplog.records
            ] == [
                ("WARNING", f"the store {path} does not answer: {GONE}"),
                ("WARNING", f"the store {path} answers again"),
            ]
        assert [session.key for session in store.end(keys=["anna"])] == ["anna"]
        assert store.read("anna") is None

    def test_by_nothing_in_a_process_that_was_forked(self, store, path) -> None:
        assert store.read("anna") is not None
        path.unlink()
        child = os.fork()
        if not child:
            try:
                store.read("anna")
            except StoreUnavailable:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert not path.exists()

    def test_by_nothing_is_a_new_file_after_a_restart(self, store, path) -> None:
        assert store.read("anna") is not None
        path.unlink()
        restarted = SQLiteStore(path)
        restarted.prepare()
        assert restarted.read("anna") is None
        # And all others are at work in it.
        assert store.read("anna") is None
        assert create(restarted, "carla", issued=clock.now() + 60)
        assert store.read("carla") is not None
        restarted.close()

    def test_by_its_copy_after_a_while(self, store, path, tmp_path, caplog) -> None:
        assert store.read("anna") is not None
        away = tmp_path / "away"
        away.mkdir()
        move(path, away)
        with pytest.raises(StoreUnavailable):
            store.read("anna")
        shutil.copyfile(away / path.name, path)
        check_nobody_is_in(store)
        assert f"the store {path} answers again" in caplog.messages

    def test_and_its_folder_with_it(self, store, path, tmp_path) -> None:
        store.close()
        folder = tmp_path / "folder"
        folder.mkdir()
        inside = SQLiteStore(folder / "store.db")
        assert create(inside, "carla")
        folder.rename(tmp_path / "gone")
        with pytest.raises(StoreUnavailable, match="its file is gone"):
            inside.read("carla")
        (tmp_path / "gone").rename(folder)
        assert inside.read("carla") is not None
        inside.close()

    def test_while_it_is_opened(self, store, path, tmp_path, monkeypatch) -> None:
        other = SQLiteStore(tmp_path / "other.db")
        other.prepare()
        store.close()
        real = copied_files.adopt

        def replace(connection: sqlite3.Connection, at: Path) -> None:
            real(connection, at)
            if other.path.exists():
                other.path.replace(path)

        monkeypatch.setattr(copied_files, "adopt", replace)
        with pytest.raises(StoreUnavailable, match="another file has replaced it"):
            store.read("anna")
        assert store.read("anna") is None

    def test_between_two_connections(self, store, path, tmp_path) -> None:
        other = SQLiteStore(tmp_path / "other.db")
        other.prepare()
        store.read("anna")
        held = store._connections
        other.path.replace(path)
        with pytest.raises(OSError, match="another file has replaced it"):
            held.file.open()


class TestBackup:
    def test_has_what_must_not_be_forgotten_and_nobodys_session(
        self, store, backup
    ) -> None:
        store.backup(backup)
        assert store.read("anna") is not None
        assert SECRET.encode() not in backup.read_bytes()
        assert backup.stat().st_mode & 0o777 == 0o600
        other = SQLiteStore(backup)
        check_nobody_is_in(other)
        check_the_rest_is_there(other)
        other.close()

    def test_has_short_lived_values_that_belong_to_no_session(
        self, store, backup
    ) -> None:
        assert store.add("receipt", "of a logout", clock.now() + HOUR)
        store.backup(backup)
        assert b"of a logout" in backup.read_bytes()
        assert store.get("hers") == "text"
        with closing(sqlite3.connect(backup)) as connection:
            [(keys,)] = connection.execute("SELECT group_concat(key) FROM texts")
        assert sorted(keys.split(",")) == ["receipt", "used"]

    def test_is_one_file(self, store, backup) -> None:
        store.backup(backup)
        files = {file.name for file in backup.parent.iterdir()}
        assert {name for name in files if "backup" in name} == {"backup.db"}

    @pytest.mark.parametrize("by", [shutil.copyfile, shutil.copy2, os.rename])
    def test_can_be_put_back_by_any_means(
        self, store, path, backup, by, caplog
    ) -> None:
        store.backup(backup)
        store.close()
        by(backup, path)
        check_nobody_is_in(store)
        check_the_rest_is_there(store)
        assert not create(store, "carla", issued=clock.now() - 60)
        assert create(store, "carla")
        assert "is a backup" in caplog.text
        # And is a store like any other from then on.
        store.close()
        assert store.read("carla") is not None

    def test_is_whole_while_others_write(self, store, tmp_path) -> None:
        """Two marks that were left by one logout are both in it, or neither."""
        stop = threading.Event()

        def log_out() -> None:
            store_copy, number = SQLiteStore(store.path), 0
            while not stop.is_set():
                number += 1
                now = clock.now()
                labels = [f"left{number}", f"right{number}"]
                store_copy.end(labels=labels, mark=now, mark_until=now + HOUR)
            store_copy.close()

        writers = [threading.Thread(target=log_out) for _ in range(2)]
        for writer in writers:
            writer.start()
        try:
            for number in range(10):
                store.backup(tmp_path / f"backup{number}.db")
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        for number in range(10):
            with closing(
                sqlite3.connect(tmp_path / f"backup{number}.db")
            ) as connection:
                counts = connection.execute(
                    "SELECT sum(label LIKE 'left%'), sum(label LIKE 'right%')"
                    " FROM marks"
                ).fetchone()
            assert counts[0] == counts[1]

    def test_takes_the_place_of_an_earlier_one(self, store, backup) -> None:
        store.backup(backup)
        store.add("later", "", clock.now() + HOUR)
        store.backup(backup)
        other = SQLiteStore(backup)
        assert not other.add("later", "", clock.now() + HOUR)
        other.close()

    @pytest.mark.parametrize("content", [b"[filter:eilogin]", b""])
    def test_is_not_written_over_something_else(self, store, backup, content) -> None:
        backup.write_bytes(content)
        with pytest.raises(ConfigurationError, match="is no backup of a store"):
            store.backup(backup)
        assert backup.read_bytes() == content

    def test_is_not_written_over_a_store(self, store, path) -> None:
        with pytest.raises(ConfigurationError, match="is no backup of a store"):
            store.backup(path)

    def test_in_a_folder_that_is_not_there_is_told(self, store, tmp_path) -> None:
        missing = tmp_path / "gone"
        with pytest.raises(ConfigurationError, match="No such file") as raised:
            store.backup(missing / "backup.db")
        assert f"expected an existing folder {missing} that" in str(raised.value)


class TestRestore:
    def test_ends_all_sessions_also_for_those_at_work(
        self, store, path, backup
    ) -> None:
        store.backup(backup)
        at_work = SQLiteStore(path)
        assert create(at_work, "carla")
        assert at_work.add("later", "", clock.now() + HOUR)
        before = clock.now()
        assert store.restore(backup) == 2
        check_nobody_is_in(at_work)
        assert at_work.read("carla") is None
        check_the_rest_is_there(at_work)
        # What was used since the backup was made stays used.
        assert not at_work.add("later", "", clock.now() + HOUR)
        assert not create(at_work, "dirk", issued=before)
        assert create(at_work, "dirk", issued=clock.now())
        at_work.close()
        assert store.read("dirk") is not None

    def test_brings_back_what_a_new_file_does_not_have(
        self, store, path, backup
    ) -> None:
        store.backup(backup)
        store.close()
        for leftover in path.parent.glob("store.db*"):
            leftover.unlink()
        assert store.restore(backup) == 0
        check_nobody_is_in(store)
        check_the_rest_is_there(store)

    def test_keeps_the_stricter_of_two_marks(self, store, backup) -> None:
        store.backup(backup)
        later = clock.now() + 30
        store.end(labels=["bert"], mark=later, mark_until=later + HOUR)
        store.restore(backup)
        assert not create(store, "bert", issued=later)
        assert create(store, "bert", issued=later + 1)

    def test_takes_a_copy_of_the_whole_file_too(self, store, path, backup) -> None:
        with closing(sqlite3.connect(path)) as at_work:
            at_work.execute("SELECT * FROM marks")
            shutil.copyfile(path, backup)
            shutil.copyfile(f"{path}-wal", f"{backup}-wal")
        store.end(keys=["anna"])
        assert store.restore(backup) == 0
        check_nobody_is_in(store)
        check_the_rest_is_there(store)

    def test_takes_a_backup_of_an_older_version(self, store, backup) -> None:
        with closing(sqlite3.connect(backup)) as old:
            old.executescript(VERSION_1)
            old.execute("INSERT INTO value VALUES ('old', '', 9e9, NULL)")
            old.commit()
        content = backup.read_bytes()
        store.restore(backup)
        assert not store.add("old", "", clock.now() + HOUR)
        assert backup.read_bytes() == content

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda file: None, id="no file"),
            pytest.param(lambda file: file.touch(), id="an empty file"),
            pytest.param(lambda file: file.write_bytes(b"x" * 8192), id="another file"),
            pytest.param(lambda file: file.mkdir(), id="a folder"),
            pytest.param(
                lambda file: other_database(file, "CREATE TABLE other (id)"),
                id="a database of somebody else",
            ),
            pytest.param(
                lambda file: other_database(
                    file,
                    "CREATE TABLE meta (name, value)",
                    "INSERT INTO meta VALUES ('schema', '9'), ('oldest', '9')",
                ),
                id="a store of a later version",
            ),
        ],
    )
    def test_of_something_else_is_refused_and_ends_nothing(
        self, store, path, backup, spoil
    ) -> None:
        spoil(backup)
        with pytest.raises(ConfigurationError, match=str(backup)):
            store.restore(backup)
        assert store.read("anna") is not None
        assert list(path.parent.glob(".*")) == []

    def test_into_a_damaged_store_is_told(self, store, path, backup) -> None:
        store.backup(backup)
        store.close()
        path.write_bytes(b"x" * 8192)
        with pytest.raises(StoreUnavailable, match="not a database"):
            store.restore(backup)

    def test_that_fails_on_its_way_changes_nothing(
        self, store, backup, monkeypatch
    ) -> None:
        store.backup(backup)
        broken = ("INSERT INTO nowhere VALUES (1)",)
        monkeypatch.setattr("eilogin.stores.sqlite.sqlite_backup._TO_RESTORE", broken)
        with pytest.raises(StoreUnavailable, match="nowhere"):
            store.restore(backup)
        assert store.read("anna") is not None


def other_database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        for statement in statements:
            other.execute(statement)


def test_figures_tell_what_is_in_a_store(store: SQLiteStore, path: Path) -> None:
    figures = store.figures()
    assert (figures.sessions, figures.values, figures.marks) == (1, 2, 1)
    assert figures.size >= path.stat().st_size > 0
    assert store.figures("an*", "b*").fitting == (1, 0)


def test_end_all_refuses_what_a_machine_that_was_set_back_has_forgotten(
    store, path
) -> None:
    """The file and its epoch with it, so that nobody can see it."""
    now = clock.now()
    assert store.end(keys=["anna"])
    assert store.add("used since", "", now + HOUR)
    store.close()
    files = {file: file.read_bytes() for file in path.parent.glob("store.db*")}
    names = {file.name for file in files}
    assert names == {"store.db", "store.db-epoch", "store.db-reserve"}
    assert create(store, "bram")
    store.end(keys=["bram"], labels=["bram"], mark=clock.now(), mark_until=now + HOUR)
    assert store.add("used last", "", now + HOUR)
    store.close()
    for file, content in files.items():
        file.write_bytes(content)
    assert store.add("used last", "", now + HOUR), "that is forgotten"
    assert store.end_all() == 0
    assert not create(store, "bram", issued=now)
    assert create(store, "bram")


def test_end_all_tells_how_many_were_live(store) -> None:
    assert create(store, "short")
    assert store.end_all() == 2
    check_nobody_is_in(store)
    check_the_rest_is_there(store)
    assert store.end_all() == 0
