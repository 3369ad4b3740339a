"""Measure what a failover loses: a master is killed under load, its replica takes over.

Writers (processes) note what the store has confirmed. The master is killed with all
that is on its way from it, the replica is made the master, and asked for each of it.
"""

import asyncio
import logging
import os
import random
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.stores import open_store

WRITERS = 4
_RUNS = 20
_PATIENCE = 10.0
#: Seconds for which the writers are at work before anything goes wrong, or a bit more.
_WORK = 0.4
_A_BIT = 0.1
#: The longest that a look whether it works is cut off.
_QUICKLY = 1.0

_HELP = f"""Measure what a failover of Redis loses, and print a table.

{WRITERS} writers add values to a master, whose log is on the disk before it answers. It
is killed, and its replica takes over; "lost" is what the store had confirmed and the
replica does not have. "without WAIT" is a store that does not wait for the replica,
"with WAIT" is eilogin as it is. A loss was "told" where the log had said until then
that the replica does not confirm what is written.

Needs redis-server, and takes some five minutes: {_RUNS} failovers in each row.
"""


@dataclass(frozen=True, slots=True)
class Distance:
    """Where the replica is."""

    name: str
    #: Seconds that a message takes between the two.
    delay: float = 0.0
    #: Seconds for which nothing comes through before the master is killed.
    cut: float = 0.0


DISTANCES = (
    Distance("on the same machine"),
    Distance("1 ms away", delay=0.001),
    Distance("cut off for 300 ms", cut=0.3),
    Distance("cut off for 3 s", cut=3.0),
)


@dataclass(frozen=True, slots=True)
class Noted:
    """A value that a writer had confirmed."""

    key: str
    #: Whether the log said that it may be lost.
    is_told: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one failover."""

    confirmed: Sequence[Noted]
    lost: Sequence[Noted]


@click.command(help=_HELP)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=_RUNS,
    show_default=True,
    help="How many failovers in each row.",
)
@click.option(
    "--quick", is_flag=True, help="One of each that is quick: whether it works."
)
def main(runs: int, *, quick: bool) -> None:
    """Print the table, row by row."""
    print(f"{'the replica':20} {'':13} {'lost':>16}  {'told':>8}  µs a write, median")
    with tempfile.TemporaryDirectory() as folder:
        for distance in DISTANCES:
            if quick and distance.cut > _QUICKLY:
                continue
            for durable in (False, True):
                outcomes = [
                    fail_over(Path(folder), distance, durable=durable)
                    for _ in range(1 if quick else runs)
                ]
                print(_row(distance, outcomes, durable=durable), flush=True)


def _row(distance: Distance, outcomes: Sequence[Outcome], *, durable: bool) -> str:
    confirmed = [noted for outcome in outcomes for noted in outcome.confirmed]
    lost = [noted for outcome in outcomes for noted in outcome.lost]
    told = sum(noted.is_told for noted in lost)
    middle = statistics.median(noted.seconds for noted in confirmed) * 1e6
    how = "with WAIT" if durable else "without WAIT"
    share = f"{len(lost):,} of {len(confirmed):,}"
    return f"{distance.name:20} {how:13} {share:>16}  {told:8,}  {middle:,.0f}"


def fail_over(parent: Path, distance: Distance, *, durable: bool) -> Outcome:
    """Have a replica take over from a master that is killed under load."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    with ExitStack() as stack:
        master, master_process = stack.enter_context(_server(folder / "master"))
        way = _Way(master, distance.delay)
        stack.callback(way.end)
        of = ("--replicaof", "127.0.0.1", str(way.port))
        replica, _ = stack.enter_context(_server(folder / "replica", *of))
        _wait_for(replica, b"INFO replication\r\n", b"master_link_status:up")
        _wait_for(master, b"INFO replication\r\n", b"state=online")
        notes = [folder / f"writer{number}" for number in range(WRITERS)]
        url = f"redis://127.0.0.1:{master}/0"
        writers = [_forked(_write(url, file, durable=durable)) for file in notes]
        try:
            _wait_until(lambda: all(map(_is_at_work, notes)), "the writers write")
            # Nobody knows when.
            time.sleep(_WORK + random.uniform(0, _A_BIT))  # noqa: S311
            if distance.cut:
                way.cut()
                time.sleep(distance.cut)
            # All that is on its way from the machine goes with it.
            way.end()
            master_process.kill()
        finally:
            for writer in writers:
                _end(writer)
        assert _ask(replica, b"REPLICAOF NO ONE\r\n").startswith(b"+OK")
        confirmed = [noted for file in notes for noted in _noted_in(file)]
        with closing(open_store(f"redis://127.0.0.1:{replica}/0")) as store:
            lost = [noted for noted in confirmed if store.get(noted.key) is None]
    return Outcome(confirmed, lost)


# --- writers --------------------------------------------------------------------


def _write(url: str, file: Path, *, durable: bool) -> Callable[[], None]:
    def work() -> None:
        told = _Told()
        logger = logging.getLogger("eilogin")
        logger.addHandler(told)
        logger.propagate = False
        store = open_store(url)
        number = 0
        with file.open("a", buffering=1) as notes:
            while True:
                number += 1
                key = f"{os.getpid()}-{number}"
                began = time.monotonic()
                try:
                    store.add(key, "", clock.now() + 3600, durable=durable)
                except StoreUnavailable:
                    continue
                took = time.monotonic() - began
                notes.write(f"{key} {int(told.is_told)} {took}\n")

    return work


class _Told(logging.Handler):
    """Whether the log was told that something is wrong."""

    is_told = False

    def emit(self, record: logging.LogRecord) -> None:
        self.is_told |= record.levelno >= logging.WARNING


def _is_at_work(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _noted_in(file: Path) -> Iterator[Noted]:
    # What is behind the last line break was not noted to its end.
    for line in file.read_text().rpartition("\n")[0].splitlines():
        key, is_told, seconds = line.split()
        yield Noted(key, is_told == "1", float(seconds))


def _forked(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(1)
    return pid


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


# --- servers --------------------------------------------------------------------


@contextmanager
def _server(folder: Path, *more: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The port of a new server, and its process."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--dir", str(folder), "--save", "", "--repl-diskless-sync-delay", "0"]
    command += ["--appendonly", "yes", "--appendfsync", "always", *more]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            _wait_for(port, b"PING\r\n", b"PONG")
            yield port, process
        finally:
            process.kill()


def _ask(port: int, command: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), _PATIENCE) as connection:
        connection.sendall(command)
        return connection.recv(65536)


def _wait_for(port: int, command: bytes, word: bytes) -> None:
    def has_said() -> bool:
        with suppress(OSError):
            return word in _ask(port, command)
        return False

    _wait_until(has_said, f"a server on port {port} says {word!r}")


def _wait_until(is_so: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + _PATIENCE
    while not is_so():
        if time.monotonic() > give_up:
            raise click.ClickException(f"it took too long until {what}")
        time.sleep(0.01)


class _Way:
    """What is between two machines: each message is under way for a while."""

    def __init__(self, target: int, delay: float) -> None:
        self._target = target
        self._delay = delay
        self._is_cut = False
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
            self._pid = _forked(lambda: asyncio.run(self._serve(listener)))

    def cut(self) -> None:
        """From now on nothing comes through."""
        os.kill(self._pid, signal.SIGUSR1)

    def end(self) -> None:
        """What is under way is lost."""
        if self._pid:
            _end(self._pid)
            self._pid = 0

    async def _serve(self, listener: socket.socket) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._cut)
        server = await asyncio.start_server(self._connected, sock=listener)
        await server.serve_forever()

    def _cut(self) -> None:
        self._is_cut = True

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answers, questions = await asyncio.open_connection("127.0.0.1", self._target)
        with closing(writer), closing(questions):
            await asyncio.gather(
                self._pass(reader, questions), self._pass(answers, writer)
            )

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        while octets := await reader.read(65536):
            if not self._is_cut:
                loop.call_later(self._delay, writer.write, octets)


if __name__ == "__main__":
    main()
