"""Whole files: also where two write the same one at once."""

from threading import Thread

from eilogin.files import PUBLIC, write


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
