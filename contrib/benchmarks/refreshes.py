"""Guarded pages over HTTP while the federation behind them is refreshed."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from aggregates import aggregate
from measuring import Bench, Row, Size, Variant, quantile
from served_sites import served
from serving import CERTIFICATE, KNOWN, MEMBERS, REFRESHED
from sites import HOST

from eilogin.federation.state.state_folder import SiteFolder
from eilogin.saml.signing_keys import SigningKey, new_key_pair

_ALL = 10_000
_QUANTILES = {"p50": 0.5, "p99": 0.99}
#: Seconds: of requests while nothing is refreshed, and after all processes know what
#: is new; and for how long a refresh may take.
_QUIET, _AFTER, _LONGEST = 5.0, 1.0, 300.0


@contextmanager
def _refreshing(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    pair = new_key_pair("federation.test")
    count, key = size.of(_ALL), SigningKey.load(*pair)
    editions = itertools.count(100)

    def sign() -> None:
        """Have all members be otherwise than they were."""
        octets = aggregate(count, key, said=f"edition {next(editions)}")
        new = folder / "new"
        new.write_bytes(octets)
        new.replace(folder / MEMBERS)

    (folder / KNOWN).mkdir()
    (folder / CERTIFICATE).write_bytes(pair[1])
    sign()
    with served(REFRESHED, folder) as ask:
        known = SiteFolder.of(folder / KNOWN, f"https://{HOST}/eilogin/metadata")
        times: dict[str, list[float]] = {}

        def quiet() -> float:
            until = time.monotonic() + _QUIET / size.divisor
            times["quiet"] = _times(ask, lambda: time.monotonic() < until)
            return quantile(times["quiet"], _QUANTILES["p50"])

        def busy() -> float:
            sign()
            times["busy"] = _times(ask, _refresh(known))
            return quantile(times["busy"], _QUANTILES["p50"])

        def said(when: str) -> Variant:
            tail = _QUANTILES["p99"]
            return Variant(lambda: quantile(times[when], tail), says_seconds=True)

        yield {
            "quiet, p50": Variant(quiet, says_seconds=True),
            "quiet, p99": said("quiet"),
            "busy, p50": Variant(busy, says_seconds=True),
            "busy, p99": said("busy"),
        }


def _times(ask: Callable[[], object], goes_on: Callable[[], bool]) -> list[float]:
    """How long requests take, sorted, one after another for as long as it goes on."""
    taken = []
    while goes_on():
        start = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - start)
    return sorted(taken)


def _refresh(known: SiteFolder) -> Callable[[], bool]:
    """Have a refresh be due now; whether it, and what comes of it, is not over."""
    before = known.active
    assert before is not None
    with known.locked(_LONGEST):
        known.put_active(replace(before, tries=replace(before.tries, due=0.0)))
    noted, ends = known.stamp, time.monotonic() + _LONGEST
    over = [0.0]

    def goes_on() -> bool:
        now = time.monotonic()
        assert now < ends, "there was no refresh"
        if not over[0]:
            if known.stamp != noted:
                active = known.active
                assert active is not None
                assert active.state.id != before.state.id, active.tries.why
                over[0] = now + _AFTER
            return True
        return now < over[0]

    return goes_on


BENCHES = (
    Bench(
        name="refresh",
        what=f"guarded pages over HTTP while metadata of {_ALL:,} entities, each "
        "otherwise than before, is read and used, beside the same while nothing is",
        rows=tuple(
            Row(
                name=f"page during a refresh of {_ALL:,}, {name}",
                this=f"busy, {name}",
                floor=f"quiet, {name}",
                goal=1.3 if name == "p99" else None,
            )
            for name in _QUANTILES
        ),
        setting=_refreshing,
        is_heavy=True,
        most_rounds=2,
        seconds=70,
    ),
)
