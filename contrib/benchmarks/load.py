"""Load of many connections on a server, made by wrk, and what the server spends on it.

wrk shares the cores with the server. Its own processor time a request is a figure too:
as long as it is a small part of the server's, wrk is not what limits the requests.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from math import ceil
from pathlib import Path

from measuring import NotMeasured
from served_sites import HEADERS, Served

#: Of each connection, one after another.
FIGURES = ("requests/s", "p50 ms", "p99 ms", "CPU µs", "wrk µs")
#: The figure that is compared: the time between two answers, whose ratio is that of the
#: requests a second, the other way round.
COMPARED = "µs"

#: The output of wrk if it was ended before it began.
_NOTHING = {"requests": 0, "broken": 0, "refused": 0}
_TICKS = os.sysconf("SC_CLK_TCK")
#: Seconds: thousands of requests; and after which a server without an answer is broken.
_LONG_ENOUGH, _PATIENCE = 1.0, 10.0
#: A server's own; it is a process of its own elsewhere.
_NOT_COUNTED = "redis-server"


class Load:
    """Visitors of a site; ``folder`` takes files for wrk."""

    def __init__(self, site: Served, folder: Path) -> None:
        program = shutil.which("wrk")
        if program is None:
            raise NotMeasured("wrk is missing: apt install wrk")
        self._site = site
        self._program = program
        self._files = folder / f"cookies-{site.pid}", folder / "headers"
        self._files[0].write_text("\n".join(site.cookies) + "\n", "utf-8")
        lines = [f"{name}: {value}\n" for name, value in HEADERS.items()]
        self._files[1].write_text("".join(lines), "utf-8")

    def figures(self, connections: int, seconds: float) -> Mapping[str, float]:
        """Ask for so long, a second at most, over so many connections that are kept."""
        seconds = min(seconds, _LONG_ENOUGH)
        before, own_before = processor_seconds(self._site.pid), _of_children()
        said = self._said(connections, seconds)
        if not said["requests"]:
            # On a busy machine a short load may end before the first answer.
            said = self._said(connections, _PATIENCE)
        spent = processor_seconds(self._site.pid) - before
        own = _of_children() - own_before
        assert said["requests"], said
        assert said["broken"] == said["refused"] == 0, said
        count = said["requests"]
        return {
            "requests/s": count / said["duration"] * 1e6,
            COMPARED: said["duration"] / count,
            "p50 ms": said["p50"] / 1e3,
            "p99 ms": said["p99"] / 1e3,
            "CPU µs": spent / count * 1e6,
            "wrk µs": own / count * 1e6,
        }

    def _said(self, connections: int, seconds: float) -> Mapping[str, int]:
        cookies, headers = map(str, self._files)
        script = Path(__file__).with_name("load.lua")
        command = [self._program, "-t1", f"-c{connections}", f"-d{ceil(seconds) + 1}"]
        command += ["-s", str(script), f"http://127.0.0.1:{self._site.port}"]
        more = {"COOKIES": cookies, "HEADERS": headers, "PATH_ASKED": self._site.path}
        with subprocess.Popen(  # noqa: S603 - wrk, with our own script
            command, env={**os.environ, **more}, stdout=subprocess.PIPE, text=True
        ) as wrk:
            time.sleep(seconds)
            # It knows whole seconds only, and ends by this as it does by itself. If it
            # has not begun, it misses the signal, and ends after its own seconds.
            wrk.send_signal(signal.SIGINT)
            output, _ = wrk.communicate()
        lines = output.strip().splitlines() or [""]
        found: Mapping[str, int] = json.loads(lines[-1]) if lines[-1] else _NOTHING
        return found


def processor_seconds(pid: int) -> float:
    """User and system time that a process and its descendants have spent, but Redis."""
    children: dict[int, list[int]] = {}
    times: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                name, _, rest = (folder / "stat").read_text().rpartition(") ")
            except OSError:
                continue
            fields = rest.split()
            one = int(folder.name)
            if not name.endswith(_NOT_COUNTED):
                # proc(5): fields 4, 14 and 15 of all, of which three are gone here.
                children.setdefault(int(fields[1]), []).append(one)
                times[one] = (int(fields[11]) + int(fields[12])) / _TICKS
    total, left = 0.0, [pid]
    while left:
        one = left.pop()
        total += times.get(one, 0.0)
        left += children.get(one, [])
    return total


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
