"""Compute the time of the next refresh, after a success or a failure."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.sources.source_merging import FetchedSource
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_origin import configuration_of
from eilogin.federation.state.state_records import Tries

#: Seconds between two tries, and of a child's life.
SHORTEST, LONGEST = 60.0, 900.0
_HOUR = 3600.0
#: Share of delay, so that many sites do not come at once.
_SCATTER = 0.1


def tries_after(
    options: TrustOptions,
    tries: Tries,
    fetched_sources: Sequence[FetchedSource],
    failures: tuple[str, ...],
) -> Tries:
    """The tries after a refresh that fetched all sources, some as copies."""
    if failures:
        return _failed(options, tries, failures[0])
    now = clock.now()
    wait = min([_usual_interval(options), *_earlier_waits(now, fetched_sources)])
    return replace(
        tries, tried=now, worked=now, failures=0, why="", due=_due_time(now, wait)
    )


def note_failure(
    options: TrustOptions, folder: SiteFolder, why: str, fingerprint: str
) -> None:
    """Store a failed try, with local files of a ``fingerprint``; under the lock."""
    active = folder.active
    if active is not None:
        tries = replace(active.tries, look=fingerprint, by=_configuration(options))
        folder.put_active(replace(active, tries=_failed(options, tries, why)))


def _configuration(options: TrustOptions) -> str:
    try:
        return configuration_of(options)
    except ConfigurationError:
        return ""


def _failed(options: TrustOptions, tries: Tries, why: str) -> Tries:
    """Add a failure: the delay doubles."""
    now, failures = clock.now(), tries.failures + 1
    wait = min(SHORTEST * 2.0 ** min(failures - 1, 20), _usual_interval(options))
    return replace(
        tries, tried=now, failures=failures, why=why, due=_due_time(now, wait)
    )


def _usual_interval(options: TrustOptions) -> float:
    return options.federation_refresh or _HOUR


def _earlier_waits(
    now: float, fetched_sources: Sequence[FetchedSource]
) -> Iterable[float]:
    for _, fetched in fetched_sources:
        metadata = fetched.metadata
        if metadata.cache_duration is not None:
            yield metadata.cache_duration
        if metadata.valid_until is not None:
            yield (metadata.valid_until - now) / 2


def _due_time(now: float, wait: float) -> float:
    scatter = random.uniform(0, _SCATTER)  # noqa: S311 - no secret
    return now + max(wait, SHORTEST) * (1 + scatter)
