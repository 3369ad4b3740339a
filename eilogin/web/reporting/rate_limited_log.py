"""Bound the log lines of one kind that anybody can cause, such as by a made-up link.

Of each kind, the log has the first few lines of a minute
(``refusal_log``). The last of them says that further ones are only
counted. After that minute, the next such event logs how many they were.
"""

import logging

from eilogin.web.reporting.refusal_log import Kind, RefusalLines

_log = logging.getLogger("eilogin")

#: The lines of this process.
LINES = RefusalLines()

_SHARED = (
    "; eilogin counts further events of this kind in this minute, and does not log them"
)


def warn(text: str, *args: object) -> None:
    """Log a warning, unless there were too many with this ``text`` in this minute."""
    line, totals = LINES.line_of(Kind(text, "warning"))
    for total in totals:
        _log.warning("%d times within a minute: %s", total.times, total.kind.event)
    if line.is_written:
        _log.warning(text + (_SHARED if line.is_shared else ""), *args)


def is_one_too_many(event: str) -> bool:
    """Count an event; whether this minute has too many of it to log one more."""
    line, totals = LINES.line_of(Kind(event, "event"))
    for total in totals:
        _log.warning("%d times within a minute: %s", total.times, total.kind.event)
    return not line.is_written
