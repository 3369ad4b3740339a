"""A real memcached on loopback, for tests; it is killed by its number."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from real_parts import free_ports, unavailable

PROGRAM = Path(shutil.which("memcached") or "/usr/bin/memcached")
#: Seconds for it to start.
PATIENCE = 60.0


def require_memcached() -> None:
    """Skip the test where there is no server; fail where there has to be one."""
    try:
        import memcache  # noqa: F401, PLC0415
    except ImportError:
        unavailable("needs python-memcached: pip install 'eilogin[memcached]'")
    if not PROGRAM.exists():
        unavailable("needs memcached: apt install memcached")


class MemcachedServer:
    """One process, which holds at most 16 megabytes."""

    def __init__(self) -> None:
        self._port = free_ports(1)[0]
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        # As root it wants to be told whom to be.
        command = [str(PROGRAM), "-l", self.url, "-U", "0", "-m", "16", "-u", "nobody"]
        self.process = subprocess.Popen(command)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return self.ask(b"version").startswith(b"VERSION")
        except OSError:
            return False

    def ask(self, *lines: bytes) -> bytes:
        """What it says to these lines, up to an end of a line."""
        with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as there:
            there.sendall(b"".join(line + b"\r\n" for line in lines))
            answer = b""
            # Of what is more than a line that is the last one.
            ends = b"END\r\n" if lines[0].startswith((b"stats", b"get")) else b"\r\n"
            while not answer.endswith(ends):
                answer += there.recv(65536)
            return answer

    def pause(self) -> None:
        """It takes connections still, and does not answer."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """As a crash does it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None
