"""Other servers of a benchmark: Redis, and participants that receive a logout."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

_PATIENCE = 10.0

#: Whether there is what the rows about Redis need.
HAS_REDIS = bool(shutil.which("redis-server") and find_spec("redis"))


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of a server of our own that writes what is committed to the disk."""
    folder.mkdir(exist_ok=True)
    port = _free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--dir", str(folder), "--save", "", "--loglevel", "warning"]
    command += ["--appendonly", "yes", "--appendfsync", "always"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def answering_participants(
    folder: Path, ids: Mapping[str, str], port: int = 0
) -> Iterator[int]:
    """The port at which participants answer, from a process of their own.

    ``ids`` has the entityIDs by host; see ``answering.py``.
    """
    command = [sys.executable, str(Path(__file__).with_name("answering.py"))]
    with subprocess.Popen(  # noqa: S603 - our own file, by our own interpreter
        [*command, str(folder), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            print(json.dumps(ids), file=server.stdin, flush=True)
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()
