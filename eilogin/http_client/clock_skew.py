"""Compare the clock of a peer with the clock of this server."""

from eilogin import clock

#: Seconds by which a peer's clock may differ, as in its messages.
_SKEW = 60.0


def clock_difference(dated: float | None) -> list[str]:
    """Return both clocks if they differ so much that no message would be accepted."""
    moment = clock.now()
    if dated is None or abs(dated - moment) <= _SKEW:
        return []
    theirs, ours = (f"{clock.utc(t):%Y-%m-%dT%H:%M:%SZ}" for t in (dated, moment))
    return [f"its clock says {theirs}, and ours says {ours}"]
