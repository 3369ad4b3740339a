"""Close connections of ``eilogin serve`` whose request does not arrive in time.

waitress holds a connection for as long as it sends a byte now and then, and takes a
limited number. So many clients that send slowly would exclude all others. A proxy that
buffers requests is the better answer; this is for a server without one.
"""

import logging
import time
from collections.abc import Mapping
from math import inf
from typing import Any, NamedTuple

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

#: Seconds that a client has for its first byte, and then for the head of a request.
IN_TIME = 20.0
#: The same at the limit of connections, while others wait. A connection that is open
#: between two requests has no longer then either.
WHILE_FULL = 2.0
#: Bytes of a body that have to arrive each second, besides that time.
RATE = 500
#: The same at the limit of connections. Then no client may pause for longer because it
#: has sent faster before.
RATE_WHILE_FULL = 10_000
#: Seconds between two checks, and between two lines in the log.
EVERY, TOLD_EVERY = 1.0, 60.0

_log = logging.getLogger("eilogin")


class _Sending(NamedTuple):
    """The request that a client is sending, if one, and since when (monotonic)."""

    request: Any
    since: float
    #: The time of the last check, and how many bytes of the body had come by then.
    at: float
    received: int
    #: The seconds that it has left at the limit of connections.
    left: float


class SlowClients:
    """Checks the connections among ``sockets``, those of one loop of waitress."""

    def __init__(self, sockets: Mapping[int, Any]) -> None:
        self._sockets = sockets
        #: The request that each client is sending.
        self._sending: dict[HTTPChannel, _Sending] = {}
        self._looks_at = 0.0
        self._told_at = -TOLD_EVERY

    def close(self) -> None:
        """Close the connections that are too slow, if a check is due."""
        now = time.monotonic()
        if now < self._looks_at:
            return
        self._looks_at = now + EVERY
        found = [*self._sockets.values()]
        is_full = any(
            one.in_connection_overflow
            for one in found
            if isinstance(one, BaseWSGIServer)
        )
        waiting = [one for one in found if _is_waiting(one)]
        before = self._sending
        self._sending = {
            one: _as_of_now(one, before.get(one), now, is_full=is_full)
            for one in waiting
        }
        slow = [
            one
            for one, sending in self._sending.items()
            if (sending.left < 0 if is_full else now - sending.since > _time_for(one))
        ]
        for one in slow:
            # The loop of waitress closes it in this round.
            one.will_close = True
        if slow and now >= self._told_at + TOLD_EVERY:
            self._told_at = now
            _log.warning(
                "serve: closed %d connections that sent nothing, or sent too "
                "slowly; if that goes on, put a proxy in front of this server "
                "that buffers requests",
                len(slow),
            )


def _is_waiting(one: Any) -> bool:
    """Whether a socket is a connection that waits for its client to send something."""
    return (
        isinstance(one, HTTPChannel)
        and not one.requests
        and not one.total_outbufs_len
        and not one.will_close
    )


def _as_of_now(
    channel: HTTPChannel, before: _Sending | None, now: float, *, is_full: bool
) -> _Sending:
    """The request that a client is sending, with its remaining time."""
    request = channel.request
    received = request.body_bytes_received if request is not None else 0
    if before is None or before.request is not request:
        return _Sending(request, now, now, received, WHILE_FULL)
    left = WHILE_FULL
    if is_full:
        gained = (received - before.received) / RATE_WHILE_FULL
        left = min(before.left + gained, WHILE_FULL) - (now - before.at)
    return _Sending(request, before.since, now, received, left)


def _time_for(channel: HTTPChannel) -> float:
    """The seconds that a client has for its request below the limit of connections."""
    request = channel.request
    if request is None:
        is_new = channel.last_activity == channel.creation_time
        # Between two requests waitress closes it itself (channel_timeout).
        return IN_TIME if is_new else inf
    if request.headers_finished:
        return IN_TIME + float(request.body_bytes_received / RATE)
    return IN_TIME
