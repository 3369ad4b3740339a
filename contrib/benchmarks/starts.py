"""The start of a server and of a command, and the memory of each process."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import hubs
from measuring import Bench, Row, Size, Variant
from processes import ServerProcesses, free_port, running

_WORKERS = 3
_THREADS = 4
_COMMANDS = Path(sys.executable).parent
_BARE = "plain_page:app"
#: Requests after which each worker has done its first work.
_WARM_UP = 30


@contextmanager
def _starting(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    federation = hubs.HubFolder(folder, size.of(1000))

    def start(kind: str) -> Mapping[str, float]:
        with _served(federation, kind, 1) as server:
            return {"s": server.started_in}

    yield {kind: Variant(partial(start, kind)) for kind in _STARTED}


_STARTED = {
    "waitress, site": "waitress, bare application",
    "waitress, hub": "waitress, bare application",
    "waitress, bare application": "",
    "gunicorn, site": "gunicorn, bare application",
    "gunicorn, hub": "gunicorn, bare application",
    "gunicorn, bare application": "",
}


def _served(
    federation: hubs.HubFolder, kind: str, workers: int, *words: str
) -> AbstractContextManager[ServerProcesses]:
    """Run a server of :data:`_STARTED`."""
    server, _, what = kind.partition(", ")
    port, store = free_port(), f"sqlite:///{federation.folder / 'eilogin.db'}"
    host, path = federation.sites[0].host, "/"
    if what.startswith("bare"):
        ini = None
    elif what.startswith("site"):
        ini = federation.site_ini(store, port)
    else:
        ini, host, path = federation.hub_ini(store, port), hubs.HOST, "/health"
    if server == "gunicorn":
        app = ["--paste", str(ini)] if ini else [_BARE]
        command = hubs.gunicorn(port, workers, _THREADS, *app, *words)
    elif ini:
        command = [str(_COMMANDS / "eilogin"), "serve", str(ini)]
    else:
        command = [str(_COMMANDS / "waitress-serve"), "--listen"]
        command += [f"127.0.0.1:{port}", _BARE]
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    return running(
        command, port, federation.folder, hubs.request(host, path), environment
    )


@contextmanager
def _commanding(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    def run(words: Sequence[str]) -> Mapping[str, float]:
        begun = time.perf_counter()
        subprocess.run(words, stdout=subprocess.DEVNULL, cwd=folder, check=True)  # noqa: S603
        return {"s": time.perf_counter() - begun}

    eilogin = str(_COMMANDS / "eilogin")
    yield {
        "eilogin --help": Variant(partial(run, [eilogin, "--help"])),
        "eilogin --version": Variant(partial(run, [eilogin, "--version"])),
        "python": Variant(partial(run, [sys.executable, "-c", "pass"])),
    }


@contextmanager
def _working(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    federation = hubs.HubFolder(folder, size.of(1000))
    workers = _WORKERS if size.divisor == 1 else 1

    def memory(what: str, words: Sequence[str]) -> Mapping[str, float]:
        with _served(federation, f"gunicorn, {what}", workers, *words) as server:
            hubs.warm_up(server, _WARM_UP, _host(federation, what))
            return {
                "RSS MB": max(server.rss()) / 1e6,
                "own MB": max(server.private()) / 1e6,
            }

    yield {
        f"{what}{note}": Variant(partial(memory, what, words))
        for what, note, words in _WORKERS_OF
    }


_PRELOAD = ", --preload", ("--preload",)
_WORKERS_OF = (
    ("site", "", ()),
    ("site", *_PRELOAD),
    ("hub", "", ()),
    ("hub", *_PRELOAD),
    ("bare application", "", ()),
)


def _host(federation: hubs.HubFolder, what: str) -> tuple[str, str]:
    return (hubs.HOST, "/health") if what == "hub" else (federation.sites[0].host, "/")


BENCHES = (
    Bench(
        name="start",
        what="seconds from the start of a server until its first answer, beside the"
        " same server with a bare application (waitress-serve for eilogin serve)",
        rows=tuple(
            Row(name=f"start, {kind}", this=kind, floor=floor)
            for kind, floor in _STARTED.items()
        ),
        setting=_starting,
        columns=("s",),
        compared="s",
        ratios=("to the bare application", ""),
        most_rounds=5,
        seconds=45.0,
    ),
    Bench(
        name="command",
        what="seconds of a command that only prints a text, beside a bare Python",
        rows=tuple(
            Row(name=name, this=name, floor="python", limits={"s": 0.25})
            for name in ("eilogin --help", "eilogin --version")
        ),
        setting=_commanding,
        columns=("s",),
        compared="s",
        ratios=("to python -c pass", ""),
        most_rounds=9,
        seconds=12.0,
    ),
    Bench(
        name="worker-memory",
        what=f"the memory of a process of gunicorn -w {_WORKERS}, with --preload and "
        "without: RSS, and what it shares with no other process",
        rows=tuple(
            Row(name=f"worker, {what}{note}", this=f"{what}{note}")
            for what, note, _ in _WORKERS_OF
        ),
        setting=_working,
        columns=("RSS MB", "own MB"),
        most_rounds=1,
        seconds=25.0,
    ),
)
