"""Limits for a ``[server:…]`` section of ``eilogin serve`` that sets none."""

import logging
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from eilogin.config import shown_size

#: Bytes. Above the default of ``keep_post``, so that eilogin keeps a form that comes
#: too late.
BODY = 16 * 1024**2
CONNECTIONS = 500
#: Seconds without a byte before a connection is closed. nginx closes its own after 60,
#: so it sends no request on a connection that is about to close.
IDLE = 90

CLIENT_LIMITS = ("max_request_body_size", "connection_limit")

#: Descriptors of a process that are not connections of visitors.
_OTHER_DESCRIPTORS = 64
_WAITRESS_CONNECTIONS = 100
#: Seconds between two log lines.
LOG_INTERVAL = 60.0


def with_limits(options: Mapping[str, str], *, servers: int = 1) -> dict[str, str]:
    """Add the missing limits of a section; ``servers`` share the file descriptors."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections = (
        (descriptors - _OTHER_DESCRIPTORS) // servers
        if descriptors != resource.RLIM_INFINITY
        else CONNECTIONS
    )
    limits = {
        "max_request_body_size": BODY,
        "connection_limit": min(CONNECTIONS, max(_WAITRESS_CONNECTIONS, connections)),
        "channel_timeout": IDLE,
        # select() cannot take a descriptor above 1023.
        "asyncore_use_poll": "true",
    }
    return {**{name: str(value) for name, value in limits.items()}, **options}


def missing_in(options: Mapping[str, str]) -> str:
    """Describe the limits that a section does not set; "" if it sets all."""
    missing = [name for name in CLIENT_LIMITS if name not in options]
    if not missing:
        return ""
    return (
        f"without {' and '.join(missing)}: waitress itself accepts bodies of 1 GB "
        f"into temporary files, and {_WAITRESS_CONNECTIONS} connections; 'eilogin "
        f"serve' accepts {shown_size(BODY)} and {CONNECTIONS}. Write the limits that "
        f"you want, such as max_request_body_size = {BODY} and connection_limit = "
        f"{CONNECTIONS}"
    )


@contextmanager
def quiet_queue() -> Iterator[None]:
    """Log once a minute at most, in the block, that requests wait for a thread."""
    log, log_filter = logging.getLogger("waitress.queue"), _OncePerMinute()
    log.addFilter(log_filter)
    try:
        yield
    finally:
        log.removeFilter(log_filter)


class _OncePerMinute(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self._logged_at = -LOG_INTERVAL

    def filter(self, record: logging.LogRecord) -> bool:
        """Let one line a minute through, and add the cure."""
        now = time.monotonic()
        if now < self._logged_at + LOG_INTERVAL:
            return False
        self._logged_at = now
        record.msg = (
            f"serve: requests wait for a thread ({record.getMessage()}). If that "
            "goes on, set a higher 'threads' in [server:…], find the slow part "
            "of the application, or put a proxy in front of this server that "
            "limits requests"
        )
        record.args = ()
        return True
