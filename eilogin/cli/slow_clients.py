"""Close connections of ``eilogin serve`` whose request does not come in time.

waitress holds a connection for as long as it sends a byte now and then, and takes a
hundred at most. So a hundred clients that send slowly, on purpose or not, would keep
everybody else out. A proxy that buffers requests is the better answer; this is for a
server without one.
"""

import logging
import time
from collections.abc import Mapping
from math import inf
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

#: Seconds that a client has to send its first byte, and then the head of a request.
IN_TIME = 20.0
#: The same while no more connections are accepted, because others wait for a place. A
#: connection that is open between two requests has no longer then either.
WHILE_FULL = 2.0
#: Bytes of a body that have to come in a second, besides that time.
RATE = 500
#: Seconds between two looks, and between two lines in the log.
EVERY, TOLD_EVERY = 1.0, 60.0

_log = logging.getLogger("eilogin")


class SlowClients:
    """Looks after the connections among ``sockets``, those of one loop of waitress."""

    def __init__(self, sockets: Mapping[int, Any]) -> None:
        self._sockets = sockets
        #: The request that each client is sending, if one, and since when.
        self._sending: dict[HTTPChannel, tuple[object, float]] = {}
        self._looks_at = 0.0
        self._told_at = -TOLD_EVERY

    def close(self) -> None:
        """Close the connections that are too slow, if it is time to look."""
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
        self._sending = {one: _since(one, before.get(one), now) for one in waiting}
        slow = [
            one
            for one, (_, since) in self._sending.items()
            if now - since > _time_for(one, is_full=is_full)
        ]
        for one in slow:
            # Its loop closes it in this round.
            one.will_close = True
        if slow and now >= self._told_at + TOLD_EVERY:
            self._told_at = now
            _log.warning(
                "serve: closed %d connections that sent nothing, or too slowly; if that"
                " goes on, put a proxy before this server that buffers requests",
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


def _since(
    channel: HTTPChannel, before: tuple[object, float] | None, now: float
) -> tuple[object, float]:
    """The request that a client is sending, and since when it was seen to do so."""
    if before is not None and before[0] is channel.request:
        return before
    return channel.request, now


def _time_for(channel: HTTPChannel, *, is_full: bool) -> float:
    """The seconds that a client has for what it is sending."""
    in_time = WHILE_FULL if is_full else IN_TIME
    request = channel.request
    if request is None:
        is_new = channel.last_activity == channel.creation_time
        # Between two requests waitress closes it itself (channel_timeout).
        return in_time if is_new or is_full else inf
    if request.headers_finished:
        return in_time + float(request.body_bytes_received / RATE)
    return in_time
