"""A server that pauses while its process has no file descriptor left."""

import errno
import os

import pytest

from eilogin.cli.serving import accept_pause


class Full:
    """A listening socket for which there is no descriptor."""

    def __init__(self, number=errno.EMFILE):
        self.accepting, self._number = True, number

    def accept(self):
        raise OSError(self._number, os.strerror(self._number))


@pytest.fixture
def at(monkeypatch):
    """Have it be so many seconds after the machine began."""

    def at(seconds):
        monkeypatch.setattr(
            "eilogin.cli.serving.accept_pause.time.monotonic", lambda: seconds
        )

    at(0.0)
    return at


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_writes_one_line_a_minute(at, caplog, number):
    server = Full(number)
    one = accept_pause.Accepting(server)
    for seconds, lines in ((0.0, 1), (1.0, 1), (59.0, 1), (60.0, 2), (61.0, 2)):
        at(seconds)
        assert server.accept() is None
        assert caplog.text.count("cannot accept") == lines, seconds
        assert not server.accepting
        at(seconds + accept_pause.PAUSE - 0.1)
        one.resume()
        assert not server.accepting, "it pauses"
        at(seconds + accept_pause.PAUSE)
        one.resume()
        assert server.accepting, "and goes on"


def test_leaves_other_faults_to_the_server(at):
    server = Full(errno.EINVAL)
    accept_pause.Accepting(server)
    with pytest.raises(OSError, match="Invalid"):
        server.accept()
    assert server.accepting
