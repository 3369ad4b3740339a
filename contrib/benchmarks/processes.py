"""Servers in processes of their own: started, and measured from outside (Linux)."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Seconds for a server to start.
_PATIENCE = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


@dataclass(frozen=True, slots=True)
class ServerProcesses:
    """A server that listens on ``port``: process ``pid`` and its children."""

    pid: int
    port: int
    #: Seconds from its start until its first answer.
    started_in: float

    @property
    def workers(self) -> list[int]:
        """The processes that answer: the children, or the one process."""
        return _children(self.pid) or [self.pid]

    @property
    def cpu_seconds(self) -> float:
        """The processor time of all its processes so far."""
        return sum(map(_cpu_seconds, {self.pid, *self.workers}))

    def rss(self) -> list[int]:
        """Return the resident bytes of each worker, shared memory included."""
        return [_memory(pid, "Rss:") for pid in self.workers]

    def private(self) -> list[int]:
        """Return the bytes that each worker adds: those that it shares with nobody."""
        return [_memory(pid, "Private_") for pid in self.workers]


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    folder: Path,
    first: bytes,
    environment: Mapping[str, str] | None = None,
) -> Iterator[ServerProcesses]:
    """Run a server until it is left; it has answered ``first``, a request, with 200."""
    with (
        (folder / "server.log").open("ab") as log,
        subprocess.Popen(  # noqa: S603 - our own server
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **(environment or {})},
        ) as server,
    ):
        try:
            took = _until_answer(server, port, first, folder)
            yield ServerProcesses(server.pid, port, took)
        finally:
            # None of them has anything to finish, and gunicorn would wait a second.
            workers = _children(server.pid) if server.poll() is None else []
            server.kill()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)


def _until_answer(
    server: subprocess.Popen[bytes], port: int, first: bytes, folder: Path
) -> float:
    begun = time.perf_counter()
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), _PATIENCE) as connection:
                connection.sendall(first)
                answer = connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200"), answer[:300]
            return time.perf_counter() - begun
        except OSError:
            waited = time.perf_counter() - begun
            if server.poll() is not None or waited > _PATIENCE:
                log = (folder / "server.log").read_text(errors="replace")
                raise RuntimeError(f"the server did not start: {log[-2000:]}") from None
        time.sleep(0.005)


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return list(map(int, found.split()))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / _TICKS


def _memory(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
