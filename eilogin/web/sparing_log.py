"""Bound the log lines of one kind that anybody can cause, such as by a made-up link.

In a minute the first few of a kind are written (:mod:`eilogin.web.refusal_lines`). The
last one of them says that others are not, and when the minute is over, another line
says how many those were.
"""

import logging

from eilogin.web.refusal_lines import Kind, RefusalLines

_log = logging.getLogger("eilogin")

#: What was written in this minute, by this process.
LINES = RefusalLines()

_SHARED = "; others of this kind in this minute are counted, and not logged"


def warn(text: str, *args: object) -> None:
    """Log a warning, unless there were too many with this ``text`` in this minute."""
    line, totals = LINES.line_of(Kind(text, "warning"))
    for total in totals:
        _log.warning("%d times within a minute: %s", total.times, total.kind.event)
    if line.is_written:
        _log.warning(text + (_SHARED if line.is_shared else ""), *args)


def is_one_too_many(event: str) -> bool:
    """Whether there were too many of an event in this minute to write one more."""
    line, totals = LINES.line_of(Kind(event, "event"))
    for total in totals:
        _log.warning("%d times within a minute: %s", total.times, total.kind.event)
    return not line.is_written
