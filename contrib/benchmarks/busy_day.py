"""Simulate a day at a hub: the last evening of a tax office's deadline.

Visitors come as on such a day: few at night, most after dinner. Each signs in with a
password, logs in at a second site and a third, and most of them log out. Their rate is
that of the real day, but each hour takes some seconds only.
"""

import heapq
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import hubs
from http_visitors import Outcomes, Script, Visitors
from processes import ServerProcesses, free_port
from servers import HAS_REDIS, answering_participants, redis_server

from eilogin.saml import bindings

#: Percent of the visitors who come in each hour.
HOURS = (1, 1, 1, 1, 1, 1, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 5, 6, 7, 9, 11, 12, 8, 2)
#: The visitors who log out; the sessions of the others end by themselves.
_LOGGING_OUT = 0.6
#: Between two steps of a visitor, as a share of an hour.
_PAUSE = 0.05
#: Limits of the day: seconds of 99 in 100 visits, and MB of a process.
_MOST_OF_SIGN_IN, _MOST_OF_SSO, _MOST_MEMORY = 2.0, 1.0, 200.0
_QUICK = 0.1
_CITIZENS = 5000

_HELP = """Simulate a day at a hub, and print whether it held.

The hub runs under gunicorn on this machine. Visitors come as on the last day before a
tax deadline: 1 percent of them in each hour of the night, 12 percent between 21 and
22 h. Each signs in with a password, logs in at a second site (by POST) and at a third
(by artifact), and 6 of 10 log out everywhere. The sites confirm each logout.

An hour takes some seconds only. The visitors a second in it are those of the real hour.
A visit that the hub cannot serve in time waits, and its time counts from the planned
moment.

The day held if no step failed, if 99 of 100 sign-ins took at most 2 s and 99 of 100
other steps at most 1 s in each hour, and if no process grew beyond 200 MB. Then the
exit code is 0, otherwise 1. The generator and the sites need processor time too: a
machine for the hub alone carries more.

\b
Examples:
  busy_day.py                                 two processes on Redis, 4 minutes
  busy_day.py --visitors 1000000 --processes 8
  busy_day.py --store sqlite:
  busy_day.py --quick                         whether it runs; judges failures alone
"""


@dataclass(slots=True)
class _Hour:
    """Figures of the visitors who came in an hour."""

    name: str
    rate: float
    sign_in: Outcomes = field(default_factory=Outcomes)
    sso: Outcomes = field(default_factory=Outcomes)
    logout: Outcomes = field(default_factory=Outcomes)
    cpu_seconds: float = 0.0
    took: float = 0.0
    memory: float = 0.0

    @property
    def failures(self) -> list[str]:
        return [*self.sign_in.failures, *self.sso.failures, *self.logout.failures]

    @property
    def is_slow(self) -> bool:
        """Whether too many visits took too long."""
        slowest = max(
            (p99 for p99 in (_p99(self.sso), _p99(self.logout)) if p99), default=0.0
        )
        return _p99(self.sign_in) > _MOST_OF_SIGN_IN or slowest > _MOST_OF_SSO


def _p99(outcomes: Outcomes) -> float:
    return outcomes.at(0.99) if outcomes.times else 0.0


class _Day:
    """Visitors with a plan: what they do next, and when."""

    def __init__(
        self, folder: hubs.HubFolder, server: ServerProcesses, seconds: float
    ) -> None:
        self._folder, self._server, self._seconds = folder, server, seconds
        self._visitors = Visitors(server.port)
        self._numbers = itertools.count(1)
        self._chance = random.Random(7)  # noqa: S311 - no secret
        #: Instant, a number that orders equal instants, and what begins.
        self._plan: list[tuple[float, int, Callable[[float], None]]] = []

    def close(self) -> None:
        self._visitors.close()

    def pass_hour(self, hour: _Hour) -> None:
        """Have the visitors of an hour come, at random moments of its seconds."""
        seconds = self._seconds
        begun, used = time.perf_counter(), self._server.cpu_seconds
        for _ in range(max(1, round(hour.rate * seconds))):
            moment = begun + self._chance.uniform(0.0, seconds)
            self._at(moment, self._arrival(hour))
        self._work(begun + seconds)
        hour.took = time.perf_counter() - begun
        hour.cpu_seconds = self._server.cpu_seconds - used
        hour.memory = max(self._server.rss()) / 1e6

    def end(self) -> None:
        """Wait until the last visitors are done."""
        while self._plan or self._visitors.count:
            self._work(time.perf_counter() + self._pause)

    @property
    def _pause(self) -> float:
        return self._seconds * _PAUSE

    def _at(self, moment: float, begin: Callable[[float], None]) -> None:
        heapq.heappush(self._plan, (moment, next(self._numbers), begin))

    def _work(self, until: float) -> None:
        while (now := time.perf_counter()) < until:
            if self._plan and self._plan[0][0] <= now:
                moment, _, begin = heapq.heappop(self._plan)
                begin(moment)
                continue
            due = self._plan[0][0] if self._plan else until
            self._visitors.serve(max(0.0, min(due, until) - now))

    def _arrival(self, hour: _Hour) -> Callable[[float], None]:
        """The steps of a visitor; each plans the next one if it succeeds."""
        number = next(self._numbers)
        browser = hubs.visitor(number)
        name = f"citizen-{number % self._folder.citizens + 1}"
        first, second, third = self._folder.sites
        post, artifact = bindings.POST, bindings.ARTIFACT
        steps: list[tuple[Outcomes, Callable[[], Script]]] = [
            (
                hour.sign_in,
                lambda: hubs.sign_in(browser, first.authn_request(post), name),
            ),
            (
                hour.sso,
                lambda: hubs.log_in_again(browser, second.authn_request(post)),
            ),
            (
                hour.sso,
                lambda: hubs.log_in_by_artifact(
                    browser, third.authn_request(artifact), third
                ),
            ),
        ]
        if self._chance.random() < _LOGGING_OUT:
            steps.append((hour.logout, lambda: hubs.log_out(browser)))
        return self._step(steps)

    def _step(
        self, steps: Sequence[tuple[Outcomes, Callable[[], Script]]]
    ) -> Callable[[float], None]:
        (outcomes, make), *others = steps

        def script() -> Script:
            yield from make()
            if others:
                self._at(time.perf_counter() + self._pause, self._step(others))

        return lambda moment: self._visitors.begin(script(), outcomes, since=moment)


def _hours(visitors: int) -> list[_Hour]:
    return [
        _Hour(f"{number:02}-{number + 1:02} h", visitors * percent / 100 / 3600)
        for number, percent in enumerate(HOURS)
    ]


@click.command(help=_HELP)
@click.option(
    "--visitors",
    type=click.IntRange(min=1),
    default=300_000,
    show_default=True,
    help="How many people sign in on the real day.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Processes of gunicorn.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=hubs.THREADS,
    show_default=True,
    help="Threads of each process.",
)
@click.option(
    "--store",
    type=click.Choice(["redis:", "sqlite:"]),
    default="redis:",
    show_default=True,
    help="The store of the hub; for redis: a server of its own starts.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="How long an hour takes.",
)
@click.option("--quick", is_flag=True, help=f"An hour takes {_QUICK} s.")
def main(  # noqa: PLR0913 - the options of the command
    *,
    visitors: int,
    processes: int,
    threads: int,
    store: str,
    seconds: float,
    quick: bool,
) -> None:
    """Run the command; the text that teaches is ``_HELP``."""
    if store == "redis:" and not HAS_REDIS:
        raise click.UsageError(
            "redis: needs redis-server and pip install -e '.[redis]';"
            " --store sqlite: works without"
        )
    hours = _hours(visitors)
    seconds = _QUICK if quick else seconds
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        day = stack.enter_context(
            _day(Path(folder), store, processes, threads, seconds)
        )
        with click.progressbar(
            hours,
            label="A day passes" if sys.stderr.isatty() else None,
            item_show_func=lambda hour: hour.name if hour else None,
            file=sys.stderr,
        ) as bar:
            for hour in bar:
                day.pass_hour(hour)
        day.end()
    click.echo(_table(hours))
    verdict = _verdict(hours, is_judged=not quick)
    click.echo(verdict)
    sys.exit(0 if verdict.startswith("held") else 1)


@contextmanager
def _day(
    folder: Path, store: str, processes: int, threads: int, seconds: float
) -> Iterator[_Day]:
    with ExitStack() as stack:
        back_port = free_port()
        federation = hubs.HubFolder(folder, _CITIZENS, back_port)
        ids = {site.key_name: site.entity_id for site in federation.sites}
        stack.enter_context(answering_participants(folder, ids, back_port))
        if store == "redis:":
            url = stack.enter_context(redis_server(folder / "redis"))
        else:
            url = f"sqlite:///{folder / 'hub.db'}"
        server = stack.enter_context(federation.serve(url, processes, threads=threads))
        day = _Day(federation, server, seconds)
        stack.callback(day.close)
        yield day


_HEADINGS = (
    "",
    "visitors/s",
    "sign-in p50",
    "p99 ms",
    "SSO p50",
    "p99 ms",
    "logout p50",
    "p99 ms",
    "failed",
    "processors",
    "MB a process",
)


def _table(hours: Sequence[_Hour]) -> str:
    lines = [_HEADINGS, *map(_cells, hours)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def _cells(hour: _Hour) -> tuple[str, ...]:
    times = [
        f"{outcomes.at(share) * 1e3:,.0f}" if outcomes.times else "-"
        for outcomes in (hour.sign_in, hour.sso, hour.logout)
        for share in (0.5, 0.99)
    ]
    return (
        hour.name,
        f"{hour.rate:.2f}",
        *times,
        str(len(hour.failures)),
        f"{hour.cpu_seconds / hour.took:.2f}",
        f"{hour.memory:.0f}",
    )


def _verdict(hours: Sequence[_Hour], *, is_judged: bool) -> str:
    came = sum(len(hour.sign_in.times) for hour in hours)
    cpu = sum(hour.cpu_seconds for hour in hours)
    told = f"{came} visitors, {cpu / max(came, 1) * 1e3:.0f} ms of a processor each"
    failures = [failure for hour in hours for failure in hour.failures]
    reasons = [f"{len(failures)} steps failed: {failures[0]}"] if failures else []
    if is_judged:
        slow = [hour.name for hour in hours if hour.is_slow]
        large = max(hour.memory for hour in hours)
        reasons += [f"too slow: {', '.join(slow)}"] if slow else []
        if large > _MOST_MEMORY:
            reasons.append(f"a process grew to {large:.0f} MB")
    return (
        f"did not hold: {'; '.join(reasons)} ({told})" if reasons else f"held: {told}"
    )


if __name__ == "__main__":
    main()
