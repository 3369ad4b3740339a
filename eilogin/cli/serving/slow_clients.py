"""Close connections of ``eilogin serve`` whose request does not arrive in time.

waitress limits connections, but keeps one that sends a byte now and then. So slow
clients could exclude all others, unless a proxy buffers requests.
"""

import logging
import time
from collections.abc import Mapping
from math import inf
from typing import Any, NamedTuple

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

#: Seconds for the first byte of a client, and then for the head of a request.
IN_TIME = 20.0
#: The same at the limit of connections, also between two requests.
WHILE_FULL = 2.0
#: Bytes of a body that must arrive each second, besides that time.
RATE = 500
#: The same at the limit of connections. A fast client saves no time for a pause.
RATE_WHILE_FULL = 10_000
#: Seconds between two checks, and between two log lines.
CHECK_INTERVAL, LOG_INTERVAL = 1.0, 60.0

_log = logging.getLogger("eilogin")


class _Sending(NamedTuple):
    """The request that a client is sending, if any, and since when (monotonic)."""

    request: Any
    since: float
    #: The time of the last check, and the bytes of the body received by then.
    checked_at: float
    received: int
    #: The remaining seconds at the limit of connections.
    remaining: float


class SlowClients:
    """The connections of one loop of waitress, by file descriptor."""

    def __init__(self, sockets: Mapping[int, Any]) -> None:
        self._sockets = sockets
        self._sending: dict[HTTPChannel, _Sending] = {}
        self._next_check = 0.0
        self._logged_at = -LOG_INTERVAL

    def close(self) -> None:
        """Close the connections that are too slow, if a check is due."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + CHECK_INTERVAL
        slow = self._slow(now)
        for channel in slow:
            # The loop of waitress closes it in this round.
            channel.will_close = True
        if slow and now >= self._logged_at + LOG_INTERVAL:
            self._logged_at = now
            _log.warning(
                "serve: closed %d connections that sent nothing, or sent too "
                "slowly; if that goes on, put a proxy in front of this server "
                "that buffers requests",
                len(slow),
            )

    def _slow(self, now: float) -> list[HTTPChannel]:
        """Return the connections whose time is over, and record the progress of all."""
        sockets, previous = [*self._sockets.values()], self._sending
        servers = [socket for socket in sockets if isinstance(socket, BaseWSGIServer)]
        is_full = any(server.in_connection_overflow for server in servers)
        self._sending = {
            channel: _progress(channel, previous.get(channel), now, is_full=is_full)
            for channel in sockets
            if _is_waiting(channel)
        }
        return [
            channel
            for channel, sending in self._sending.items()
            if _is_over(channel, sending, now, is_full=is_full)
        ]


def _is_over(
    channel: HTTPChannel, sending: _Sending, now: float, *, is_full: bool
) -> bool:
    return (
        sending.remaining < 0 if is_full else now - sending.since > _time_for(channel)
    )


def _is_waiting(socket: Any) -> bool:
    """Return whether a socket is a connection whose client has to send something."""
    return (
        isinstance(socket, HTTPChannel)
        and not socket.requests
        and not socket.total_outbufs_len
        and not socket.will_close
    )


def _progress(
    channel: HTTPChannel, previous: _Sending | None, now: float, *, is_full: bool
) -> _Sending:
    request = channel.request
    received = request.body_bytes_received if request is not None else 0
    if previous is None or previous.request is not request:
        return _Sending(request, now, now, received, WHILE_FULL)
    remaining = WHILE_FULL
    if is_full:
        gained = (received - previous.received) / RATE_WHILE_FULL
        remaining = min(previous.remaining + gained, WHILE_FULL) - (
            now - previous.checked_at
        )
    return _Sending(request, previous.since, now, received, remaining)


def _time_for(channel: HTTPChannel) -> float:
    """Return the seconds for a request below the limit of connections."""
    request = channel.request
    if request is None:
        is_new = channel.last_activity == channel.creation_time
        # Between two requests waitress closes it itself (channel_timeout).
        return IN_TIME if is_new else inf
    if request.headers_finished:
        return IN_TIME + float(request.body_bytes_received / RATE)
    return IN_TIME
