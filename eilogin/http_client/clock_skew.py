"""Compare the clock of a peer with the clock of this server."""

from eilogin import clock

#: By how many seconds a peer's clock may differ from ours, as in its messages.
_SKEW = 60.0


def clock_difference(dated: float | None) -> list[str]:
    """Both clocks, where one of them must be wrong: then no message is taken."""
    moment = clock.now()
    if dated is None or abs(dated - moment) <= _SKEW:
        return []
    theirs, ours = (f"{clock.utc(t):%Y-%m-%dT%H:%M:%SZ}" for t in (dated, moment))
    return [f"its clock says {theirs}, and ours says {ours}"]
