"""Limits for a ``[server:…]`` section of ``eilogin serve`` that sets none.

waitress by itself accepts bodies of a gigabyte from anybody and keeps them in temporary
files, takes a hundred connections, and writes a line for each request that waits.
"""

import logging
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from eilogin.config import shown_size

#: Bytes of the largest body; above the default of keep_post, so that a form that was
#: sent too late is kept, and not refused.
BODY = 16 * 1024**2
#: Connections of one server at a time.
CONNECTIONS = 500
#: Seconds without a byte after which a connection is closed; above the 60 of nginx,
#: which else sends a request on a connection that is about to close.
IDLE = 90

#: Options that limit how much of the machine anyone can use.
CLIENT_LIMITS = ("max_request_body_size", "connection_limit")

#: Descriptors of a process that are not connections of visitors.
_OTHERS = 64
#: Connections that waitress accepts by default.
_FEWEST = 100
#: Seconds between two lines in the log.
TOLD_EVERY = 60.0


def with_limits(options: Mapping[str, str], *, servers: int = 1) -> dict[str, str]:
    """Return the options of a section, with our limits for missing ones.

    ``servers`` is how many servers share the file descriptors of this process.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = (
        (most - _OTHERS) // servers if most != resource.RLIM_INFINITY else CONNECTIONS
    )
    ours = {
        "max_request_body_size": BODY,
        "connection_limit": min(CONNECTIONS, max(_FEWEST, room)),
        "channel_timeout": IDLE,
        # select() cannot take a descriptor above 1023.
        "asyncore_use_poll": "true",
    }
    return {**{name: str(value) for name, value in ours.items()}, **options}


def missing_in(options: Mapping[str, str]) -> str:
    """Name the limits that a section does not set; "" if it sets all."""
    missing = [name for name in CLIENT_LIMITS if name not in options]
    if not missing:
        return ""
    return (
        f"without {' and '.join(missing)}: waitress itself accepts bodies of 1 GB "
        f"into temporary files, and {_FEWEST} connections; 'eilogin serve' "
        f"accepts {shown_size(BODY)} and {CONNECTIONS}. Write the limits that you "
        f"want, such as max_request_body_size = {BODY} and connection_limit = "
        f"{CONNECTIONS}"
    )


@contextmanager
def quiet_queue() -> Iterator[None]:
    """Within the block, have one line a minute say that requests wait for a thread."""
    log, once = logging.getLogger("waitress.queue"), _OncePerMinute()
    log.addFilter(once)
    try:
        yield
    finally:
        log.removeFilter(once)


class _OncePerMinute(logging.Filter):
    """Let one line a minute through, and add what to do."""

    def __init__(self) -> None:
        super().__init__()
        self._told_at = -TOLD_EVERY

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter``."""
        now = time.monotonic()
        if now < self._told_at + TOLD_EVERY:
            return False
        self._told_at = now
        record.msg = (
            f"serve: requests wait for a thread ({record.getMessage()}). If that "
            "goes on, set a higher 'threads' in [server:…], find the slow part "
            "of the application, or put a proxy in front of this server that "
            "limits requests"
        )
        record.args = ()
        return True
