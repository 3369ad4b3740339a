"""When eilogin tries to refresh again, after a success or a failure."""

import random
from collections.abc import Iterable
from dataclasses import replace

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.sources.source_merging import Found
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_origin import configuration_of
from eilogin.federation.state.state_records import Tries

#: Seconds between two tries at the least, and for how long a child may take.
SHORTEST, LONGEST = 60.0, 900.0
_HOUR = 3600.0
#: By how much later each of many sites may be, that not all come at once.
_SCATTER = 0.1


def after(
    options: TrustOptions, tries: Tries, found: Found, failures: tuple[str, ...]
) -> Tries:
    """Return the tries after one that fetched all sources, some of them as copies."""
    if failures:
        return _failed(options, tries, failures[0])
    now = clock.now()
    wait = min([_usual(options), *_sooner(now, found)])
    return replace(
        tries, tried=now, worked=now, failures=0, why="", due=_due(now, wait)
    )


def note_failure(
    options: TrustOptions, folder: SiteFolder, why: str, look: str
) -> None:
    """Note that a try came to nothing, and when the next one is; under the lock.

    ``look`` is how the files of this machine looked before it.
    """
    active = folder.active
    if active is not None:
        tries = replace(active.tries, look=look, by=_by(options))
        folder.note(replace(active, tries=_failed(options, tries, why)))


def _by(options: TrustOptions) -> str:
    """By which options a try was; "" where a file that they name cannot be read."""
    try:
        return configuration_of(options)
    except ConfigurationError:
        return ""


def _failed(options: TrustOptions, tries: Tries, why: str) -> Tries:
    """How it is after one more that did not go well: later and later."""
    now, failures = clock.now(), tries.failures + 1
    wait = min(SHORTEST * 2.0 ** min(failures - 1, 20), _usual(options))
    return replace(tries, tried=now, failures=failures, why=why, due=_due(now, wait))


def _usual(options: TrustOptions) -> float:
    return options.federation_refresh or _HOUR


def _sooner(now: float, found: Found) -> Iterable[float]:
    """Before the usual time: where metadata says so, and before it is over."""
    for _, one in found:
        if one.metadata.cache_duration is not None:
            yield one.metadata.cache_duration
        if one.metadata.valid_until is not None:
            yield (one.metadata.valid_until - now) / 2


def _due(now: float, wait: float) -> float:
    scatter = random.uniform(0, _SCATTER)  # noqa: S311 - no secret
    return now + max(wait, SHORTEST) * (1 + scatter)
