"""What a benchmark is, and how it is measured: turn and turn about, with medians.

The variants of a benchmark take turns, A B A B, so that a machine that is busy or warm
is so for all of them. A round gives each variant figures; the table shows the medians
over the rounds. A ratio is the median of the ratios within the rounds, and not that of
two medians: figures that were taken next to each other differ least by chance.

There are two kinds of benchmarks. Of a *timed* one, the calls of a variant are timed,
and the table has µs. If a benchmark has ``columns``, each call of a variant measures
something by itself, such as a load of some seconds, and returns its figures by the
heading of the column::

    {"requests/s": 4661.0, "p50 ms": 1.6, "CPU µs": 149.0}
"""

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from measured_tables import Table, TableRow

#: How long the calls last, in seconds, that are timed together.
STRETCH = 0.02
#: More calls than are ever timed together.
MOST_CALLS = 100_000


class NotMeasured(Exception):
    """Something that a benchmark needs is missing here; the text says what.

    A setting raises it. The run then goes on with the next benchmark.
    """


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to do the work of a benchmark."""

    #: Returns its figures, if the benchmark has columns.
    call: Callable[[], object]
    #: What has to be done before each call and is not timed; then calls are timed one
    #: by one.
    before: Callable[[], object] | None = None
    #: Whether each call returns the seconds of what the variant is about, because that
    #: is over before the call is, or was part of the call of a variant before it.
    says_seconds: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A line of the table: which variants it compares, and the goal for it."""

    name: str
    #: The variant that the line is about, and what it cannot be faster than.
    this: str
    floor: str = ""
    #: At most so many times the floor; None where there is no goal.
    goal: float | None = None
    #: A variant by somebody else, and at most how many times that one.
    peer: str = ""
    peer_goal: float | None = None
    #: Which of the calls of a round: 0.5 is the one in the middle.
    quantile: float = 0.5
    #: The highest figures by the heading of their column; see ``Bench.columns``.
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    #: In seconds: see :data:`STRETCH`.
    stretch: float = STRETCH
    #: By how much a benchmark divides the number of samples and of things it makes.
    divisor: int = 1
    #: Seconds of the load that one call of a variant makes.
    seconds: float = 1.0
    #: Whether a benchmark leaves out variants that say little more than others.
    is_brief: bool = False

    def of(self, count: int) -> int:
        """A number of things to make or to do, at least 1."""
        return max(1, count // self.divisor)


#: Makes the variants by name in an empty folder, and clears up after them. If it leaves
#: out some, their rows are not shown.
Setting = Callable[[Path, Size], AbstractContextManager[Mapping[str, Variant]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """A benchmark: variants that do the same work, and what is compared."""

    name: str
    #: What it measures, in a sentence.
    what: str
    rows: tuple[Row, ...]
    setting: Setting
    #: Samples that a round takes of each variant. Where it is more than one, each is a
    #: single call.
    samples: int = 1
    #: Whether it is left out of the quick form unless it is asked for by its name.
    is_heavy: bool = False
    #: The headings of the figures that the calls return, with their units, such as
    #: "p50 ms"; () if the calls are timed.
    columns: tuple[str, ...] = ()
    #: The figure whose ratios are taken; the smaller, the better. It needs no column.
    compared: str = ""
    #: The headings of the ratios to the floor and to the peer.
    ratios: tuple[str, str] = ("ratio", "peer ratio")
    #: More rounds than are ever taken, for one that takes long.
    most_rounds: int = 99
    #: Some seconds that the full form takes: a progress bar goes by them.
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Figures:
    """A line of the table, measured."""

    row: Row
    #: By the heading of the column; times are in µs for one call.
    values: Mapping[str, float | None]
    #: This by the floor, and by the peer; None where there is none.
    ratio: float | None
    peer_ratio: float | None


#: The samples of one round, sorted, by variant and figure.
_Round = Mapping[str, Mapping[str, list[float]]]
#: The figure of a timed benchmark.
_TIME = "µs"


def measure(
    bench: Bench,
    folder: Path,
    size: Size,
    tick: Callable[[float], object] = lambda _: None,
) -> list[Figures]:
    """The figures of each row; ``folder`` is empty.

    ``tick`` is called with the part of the work that is done since the last time.
    """
    with bench.setting(folder, size) as variants:
        samples = size.of(bench.samples)
        number_of_rounds = min(size.rounds, bench.most_rounds)
        is_single = bool(bench.samples > 1 or bench.columns)
        calls = {
            name: 1
            if is_single or variant.before or variant.says_seconds
            else _calls(variant, size.stretch)
            for name, variant in variants.items()
        }
        rounds: list[_Round] = []
        for _ in range(number_of_rounds):
            taken: dict[str, Mapping[str, list[float]]] = {}
            for name, variant in variants.items():
                taken[name] = (
                    _own_figures(variant)
                    if bench.columns
                    else {
                        _TIME: sorted(
                            _sample(variant, calls[name]) * 1e6 for _ in range(samples)
                        )
                    }
                )
                tick(1 / number_of_rounds / len(variants))
            rounds.append(taken)
    return [_figures(bench, row, rounds) for row in bench.rows if row.this in rounds[0]]


def table_of(bench: Bench, figures: Sequence[Figures]) -> Table:
    """The table of a benchmark; a goal is the limit of the column on its left."""
    headings: list[str] = []
    limits: list[bool] = []
    for heading in bench.columns or ("this µs", "floor µs"):
        has_limit = any(heading in row.limits for row in bench.rows)
        headings += [heading, "at most"] if has_limit else [heading]
        limits += [False, True] if has_limit else [False]
    # A timed table always has them, so that all of them look the same.
    has_ratio = not bench.columns or any(row.floor for row in bench.rows)
    has_peer = not bench.columns or any(row.peer for row in bench.rows)
    for is_shown, heading in zip((has_ratio, has_peer), bench.ratios, strict=True):
        headings += [heading, "goal"] if is_shown else []
        limits += [False, True] if is_shown else []
    rows = []
    for line in figures:
        cells: list[float | None] = []
        for heading in bench.columns or ("this µs", "floor µs"):
            cells.append(line.values[heading])
            if any(heading in row.limits for row in bench.rows):
                cells.append(line.row.limits.get(heading))
        cells += [line.ratio, line.row.goal] if has_ratio else []
        cells += [line.peer_ratio, line.row.peer_goal] if has_peer else []
        rows.append(TableRow(line.row.name, tuple(cells)))
    return Table(tuple(headings), tuple(limits), tuple(rows))


def _own_figures(variant: Variant) -> Mapping[str, list[float]]:
    if variant.before is not None:
        variant.before()
    figures = variant.call()
    assert isinstance(figures, Mapping)
    return {name: [value] for name, value in figures.items()}


def _calls(variant: Variant, stretch: float) -> int:
    """How many calls fill a stretch; the first ones warm up what is kept."""
    count = 1
    while True:
        took = _sample(variant, count) * count
        if took >= stretch / 4 or count >= MOST_CALLS:
            return max(1, min(MOST_CALLS, int(count * stretch / took)))
        count *= 4


def microseconds(call: Callable[[], object], size: Size) -> float:
    """Return the time of one call, for a benchmark with columns."""
    variant = Variant(call)
    return _sample(variant, _calls(variant, size.stretch)) * 1e6


def _sample(variant: Variant, count: int) -> float:
    """Seconds for one call, over ``count`` of them."""
    if variant.before is not None:
        variant.before()
    call = variant.call
    if variant.says_seconds:
        with _no_collection():
            seconds = call()
        assert isinstance(seconds, float)
        return seconds
    repeat = range(count)
    with _no_collection():
        start = time.perf_counter()
        for _ in repeat:
            call()
        return (time.perf_counter() - start) / count


@contextmanager
def _no_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _figures(bench: Bench, row: Row, rounds: list[_Round]) -> Figures:
    def values(variant: str, name: str) -> list[float]:
        return [
            quantile(taken[variant][name], row.quantile)
            for taken in rounds
            if name in taken[variant]
        ]

    def ratio(other: str) -> float | None:
        return _ratio(values(row.this, compared), values(other, compared))

    compared = bench.compared if bench.columns else _TIME
    shown: dict[str, float | None] = {
        heading: median(found) if (found := values(row.this, heading)) else None
        for heading in bench.columns
    }
    if not bench.columns:
        shown["this µs"] = median(values(row.this, _TIME))
        shown["floor µs"] = median(values(row.floor, _TIME))
    return Figures(
        row,
        shown,
        ratio=ratio(row.floor) if row.floor else None,
        peer_ratio=ratio(row.peer) if row.peer else None,
    )


def _ratio(these: list[float], those: list[float]) -> float:
    return median(this / that for this, that in zip(these, those, strict=True))


def quantile(ordered: list[float], share: float) -> float:
    """Of samples in order the smallest that is not below this share of them."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
