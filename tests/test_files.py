"""Whole files: also where two write the same one at once, or somebody is killed."""

import os
from threading import Thread

import pytest

from eilogin import clock
from eilogin.files import PUBLIC, SECRET, create, write


def test_two_who_write_one_file_leave_that_of_either(tmp_path):
    path = tmp_path / "metadata.xml"
    wholes = [letter * 400_000 for letter in (b"a", b"b")]
    faults, seen = [], set()

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
        seen.add(path.read_bytes())
    assert not faults
    assert seen <= set(wholes)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("verb", ["open", "fsync", "link", "unlink"])
def test_who_is_killed_while_creating_leaves_the_whole_or_nothing(tmp_path, verb):
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
    def left(self, tmp_path):
        """A file as who was killed has left it, and how long ago that was."""

        def left(name, hours):
            path, then = tmp_path / name, clock.now() - hours * 3600
            path.write_bytes(b"half")
            os.utime(path, (then, then))
            return path

        return left

    def test_goes_when_somebody_writes_there_again(self, left, tmp_path):
        half = left(".0123456789abcdef.new", 2)
        write(tmp_path / "metadata.xml", b"whole", mode=PUBLIC)
        assert not half.exists()

    @pytest.mark.parametrize(
        ("name", "hours"),
        [(".0123456789abcdef.new", 0.5), ("0123456789abcdef.new", 2), (".x.new", 2)],
    )
    def test_stays_where_somebody_may_want_it(self, left, tmp_path, name, hours):
        path = left(name, hours)
        write(tmp_path / "metadata.xml", b"whole", mode=PUBLIC)
        assert path.exists()

    def test_stops_nobody_where_it_cannot_be_removed(self, left, tmp_path):
        (tmp_path / ".0123456789abcdef.new").mkdir()
        write(tmp_path / "metadata.xml", b"whole", mode=PUBLIC)
        assert (tmp_path / "metadata.xml").exists()
