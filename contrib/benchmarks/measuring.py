"""What a benchmark is, and how it is measured: turn and turn about, with medians.

The variants of a benchmark take turns, A B A B, so that a machine that is busy or warm
is so for all of them. A round gives each variant a figure; what is shown is the median
over the rounds. A ratio is the median of the ratios within the rounds, and not that of
two medians: figures that were taken next to each other differ least by chance.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

#: How long the calls last, in seconds, that are timed together.
STRETCH = 0.02
#: More calls than are ever timed together.
MOST_CALLS = 100_000


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to do the work of a benchmark."""

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
    floor: str
    #: At most so many times the floor; None where there is no goal.
    goal: float | None = None
    #: A variant by somebody else, and at most how many times that one.
    peer: str = ""
    peer_goal: float | None = None
    #: Which of the calls of a round: 0.5 is the one in the middle.
    quantile: float = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    #: In seconds: see :data:`STRETCH`.
    stretch: float = STRETCH
    #: By how much a benchmark divides the number of samples and of things it makes.
    divisor: int = 1

    def of(self, count: int) -> int:
        """A number of things to make or to do, at least 1."""
        return max(1, count // self.divisor)


#: Makes the variants by name in an empty folder, and clears up after them.
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
    #: Whether it is left out unless it is asked for by its name.
    is_heavy: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """A line of the table, measured. Times are in seconds for one call."""

    row: Row
    this: float
    floor: float
    ratio: float
    #: This by the peer, or None where there is none.
    peer_ratio: float | None


#: The samples of one round, sorted, by variant.
_Round = Mapping[str, list[float]]


def measure(
    bench: Bench, folder: Path, size: Size, tick: Callable[[], object] = int
) -> list[Figures]:
    """The figures of each row; ``folder`` is empty, ``tick`` is called every round."""
    with bench.setting(folder, size) as variants:
        samples = size.of(bench.samples)
        is_single = bench.samples > 1
        calls = {
            name: 1
            if is_single or variant.before or variant.says_seconds
            else _calls(variant, size.stretch)
            for name, variant in variants.items()
        }
        rounds: list[_Round] = []
        for _ in range(size.rounds):
            rounds.append(
                {
                    name: sorted(_sample(variant, calls[name]) for _ in range(samples))
                    for name, variant in variants.items()
                }
            )
            tick()
    return [_figures(row, rounds) for row in bench.rows]


def _calls(variant: Variant, stretch: float) -> int:
    """How many calls fill a stretch; the first ones warm up what is kept."""
    count = 1
    while True:
        took = _sample(variant, count) * count
        if took >= stretch / 4 or count >= MOST_CALLS:
            return max(1, min(MOST_CALLS, int(count * stretch / took)))
        count *= 4


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


def _figures(row: Row, rounds: list[_Round]) -> Figures:
    def times(name: str) -> list[float]:
        return [quantile(taken[name], row.quantile) for taken in rounds]

    this, floor = times(row.this), times(row.floor)
    return Figures(
        row,
        this=median(this),
        floor=median(floor),
        ratio=_ratio(this, floor),
        peer_ratio=_ratio(this, times(row.peer)) if row.peer else None,
    )


def _ratio(these: list[float], those: list[float]) -> float:
    return median(this / that for this, that in zip(these, those, strict=True))


def quantile(ordered: list[float], share: float) -> float:
    """Of samples in order the smallest that is not below this share of them."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
