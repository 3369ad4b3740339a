"""Whether the promise was kept, by what all have written down.

After a logout is confirmed, no participant answers as if she were logged in. It is
confirmed twice: by each participant to the hub, by the Success that leaves it; and to
the citizen, by the page that says "everywhere". A request comes after that where it
came to the session filter of a participant after that, by one clock for all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf

from promise.citizens import Citizen, Logout, Token
from promise.witness import Event

#: When each session was over at its site: by user and index, or by cookie.
_Over = Mapping[tuple[str, ...], float]


def served_after_success(events: Sequence[Event]) -> list[str]:
    """Requests that were served as hers, though their site had said that it is over."""
    over = _over(events)
    return [
        f"{one.site} served a session {one.at - ended:.3f} s after it had ended it"
        for one in _served(events)
        if (ended := _end_of(one, over)) < one.at
    ]


def asked_after_success(events: Sequence[Event]) -> int:
    """How many requests came with the cookie of a session that was over by then."""
    over = _over(events)
    ended = {one.cookie: _end_of(one, over) for one in _served(events)}
    return sum(
        ended.get(one.cookie, inf) < one.at for one in events if one.what == "asked"
    )


def served_after_confirmed(
    events: Sequence[Event], citizens: Iterable[Citizen]
) -> list[str]:
    """Requests that were served as hers, though she had been told "everywhere".

    By a cookie that she had before she clicked.
    """
    told: dict[str, Logout] = {}
    for citizen in citizens:
        for token in citizen.tokens:
            after = (one for one in _after(token, citizen) if one.confirmed is not None)
            if (first := next(after, None)) is not None:
                told[token.hash] = first
    return [
        f"{one.site} served {told[one.cookie].citizen}, whom {told[one.cookie].site}"
        f" had told {late:.3f} s before that she is logged out everywhere"
        for one in _served(events)
        if one.cookie in told
        and (late := one.at - (told[one.cookie].confirmed or inf)) > 0
    ]


def seconds_to_the_last_end(
    events: Sequence[Event], citizens: Iterable[Citizen]
) -> list[float]:
    """How long it took from each click to the end of the last session, sorted."""
    over = _over(events)
    ended = {one.cookie: end for one in events if (end := _end_of(one, over)) < inf}
    took: dict[int, float] = {}
    for citizen in citizens:
        for token in citizen.tokens:
            click = next(_after(token, citizen), None)
            if click is not None and ended.get(token.hash, 0.0) > click.clicked:
                seconds = ended[token.hash] - click.clicked
                took[id(click)] = max(took.get(id(click), 0.0), seconds)
    return sorted(took.values())


def distribution(seconds: Sequence[float]) -> str:
    """Sorted seconds in one line."""
    if not seconds:
        return "none"
    shown = {"p50": 0.50, "p95": 0.95, "max": 1.0}
    last = len(seconds) - 1
    parts = [
        f"{name} {seconds[round(last * part)]:.2f} s" for name, part in shown.items()
    ]
    return f"{len(seconds)} logouts: {', '.join(parts)}"


def _after(token: Token, citizen: Citizen) -> Iterator[Logout]:
    """The logouts that she began with this cookie in her browser."""
    return (one for one in citizen.logouts if one.clicked > token.at)


def _served(events: Iterable[Event]) -> Iterable[Event]:
    return (one for one in events if one.what == "served")


def _over(events: Iterable[Event]) -> _Over:
    over: dict[tuple[str, ...], float] = {}
    for one in events:
        if one.what == "left":
            over.setdefault((one.site, one.cookie), one.at)
        if one.what == "ended":
            for index in one.indexes:
                over.setdefault((one.site, one.user, index), one.at)
    return over


def _end_of(served: Event, over: _Over) -> float:
    names = [(served.site, served.cookie)]
    names += [(served.site, served.user, index) for index in served.indexes]
    return min(over.get(name, inf) for name in names)
