"""Whole files: also where two write the same one at once, or somebody is killed."""

import os
from pathlib import Path
from threading import Thread

import pytest

from eilogin import clock
from eilogin.atomic_files import PUBLIC, SECRET, create, write, write_under


def test_two_who_write_one_file_leave_that_of_either(tmp_path):
    path = tmp_path / "metadata.xml"
    wholes = [letter * 400_000 for letter in (b"a", b"b")]
    faults, contents = [], set()

    def keep_writing(whole):
        try:
            for _ in range(50):
                write(path, whole, mode=PUBLIC)
        except OSError as error:
            faults.append(error)

    write(path, wholes[0], mode=PUBLIC)
    writers = [Thread(target=keep_writing, args=(whole,)) for whole in wholes]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        contents.add(path.read_bytes())
    assert not faults
    assert contents <= set(wholes)
    assert list(tmp_path.iterdir()) == [path]


class TestOneFileUnderSeveralNames:
    @pytest.fixture
    def paths(self, tmp_path):
        return [tmp_path / "by-name", tmp_path / "by-hash"]

    def test_is_one_file_each_time(self, paths, tmp_path):
        for whole in (b"old", b"new"):
            before = paths[0].stat().st_ino if paths[0].exists() else None
            write_under(paths, whole, mode=PUBLIC)
            assert [path.read_bytes() for path in paths] == [whole, whole]
            [number] = {path.stat().st_ino for path in paths}
            assert number != before, "who reads the old one has that to its end"
        assert sorted(tmp_path.iterdir()) == sorted(paths)

    @pytest.mark.parametrize("number", [1, 31, 95])
    def test_is_several_where_a_file_system_has_no_links(
        self, paths, tmp_path, monkeypatch, number
    ):
        def refuse(*_):
            raise OSError(number, "no links here")

        paths[1].write_bytes(b"old")
        monkeypatch.setattr(Path, "hardlink_to", refuse)
        write_under(paths, b"new", mode=PUBLIC)
        assert [path.read_bytes() for path in paths] == [b"new", b"new"]
        assert paths[1].stat().st_mode & 0o777 == PUBLIC
        assert sorted(tmp_path.iterdir()) == sorted(paths)

    def test_is_the_old_or_the_new_whoever_is_killed(self, paths, monkeypatch):
        class Killed(BaseException):
            pass

        def kill(*_):
            raise Killed

        write_under(paths, b"old", mode=PUBLIC)
        monkeypatch.setattr(Path, "hardlink_to", kill)
        with pytest.raises(Killed):
            write_under(paths, b"new", mode=PUBLIC)
        assert [path.read_bytes() for path in paths] == [b"new", b"old"]
        monkeypatch.undo()
        write_under(paths, b"new", mode=PUBLIC)
        assert paths[1].read_bytes() == b"new"


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("verb", ["open", "fsync", "link", "unlink"])
def test_process_killed_during_create_leaves_complete_file_or_none(tmp_path, verb):
    path = tmp_path / "site.key"
    assert _killed_at(verb, path) == 9
    is_there = verb == "unlink"
    assert path.exists() == is_there
    if is_there:
        assert path.read_bytes() == b"whole"
        with pytest.raises(FileExistsError):
            create(path, b"another", mode=SECRET)
    else:
        create(path, b"another", mode=SECRET)
    assert path.read_bytes() == (b"whole" if is_there else b"another")
    assert path.stat().st_mode & 0o777 == SECRET


def _killed_at(verb, path):
    """Create a file in a fork that is killed at that call of the system; its status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        setattr(os, verb, lambda *_, **__: os.kill(os.getpid(), 9))
        create(path, b"whole", mode=SECRET)
    finally:
        os._exit(1)


class TestWhatWasLeft:
    @pytest.fixture
    def leftover(self, tmp_path):
        """A temporary file that a killed writer left some hours ago."""

        def make(name, hours):
            path, then = tmp_path / name, clock.now() - hours * 3600
            path.write_bytes(b"half")
            os.utime(path, (then, then))
            return path

        return make

    def test_goes_when_somebody_writes_there_again(self, leftover, tmp_path):
        half = leftover(".0123456789abcdef.new", 2)
        write(tmp_path / "metadata.xml", b"whole", mode=PUBLIC)
        assert not half.exists()

    @pytest.mark.parametrize(
        ("name", "hours"),
        [(".0123456789abcdef.new", 0.5), ("0123456789abcdef.new", 2), (".x.new", 2)],
    )
    def test_stays_where_somebody_may_want_it(self, leftover, tmp_path, name, hours):
        path = leftover(name, hours)
        write(tmp_path / "metadata.xml", b"whole", mode=PUBLIC)
        assert path.exists()

    def test_stops_nobody_where_it_cannot_be_removed(self, leftover, tmp_path):
        (tmp_path / ".0123456789abcdef.new").mkdir()
        write(tmp_path / "metadata.xml", b"whole", mode=PUBLIC)
        assert (tmp_path / "metadata.xml").exists()
