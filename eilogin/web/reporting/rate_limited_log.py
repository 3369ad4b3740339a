"""Limit the log lines of one kind that anybody can cause, for example by a link."""

import logging

from eilogin.web.reporting.refusal_log_limits import Kind, RefusalLines

_log = logging.getLogger("eilogin")

LINES = RefusalLines()

_SHARED = (
    "; eilogin counts further events of this kind in this minute, and does not log them"
)


def warn(text: str, *args: object) -> None:
    """Log a warning, unless this minute has too many with the same ``text``."""
    line, totals = LINES.line_of(Kind(text, "warning"))
    for total in totals:
        _log.warning("%d times within a minute: %s", total.times, total.kind.event)
    if line.is_written:
        _log.warning(text + (_SHARED if line.is_shared else ""), *args)


def is_one_too_many(event: str) -> bool:
    """Count an event; return whether this minute has too many to log it."""
    line, totals = LINES.line_of(Kind(event, "event"))
    for total in totals:
        _log.warning("%d times within a minute: %s", total.times, total.kind.event)
    return not line.is_written
