"""The outcome of a reachability check: whether a visitor would get a page of a peer."""

import ssl
from collections.abc import Sequence
from enum import Enum

from urllib3.exceptions import (
    ConnectTimeoutError,
    ProxyError,
)

from eilogin.http_client.connection_failures import HUNG_UP


class Reachability(Enum):
    """The outcome of a check whether a visitor would get a page of a peer."""

    #: Something answers, whatever that is; or it speaks TLS, which we may not trust.
    THERE = "there"
    #: It is certain that none comes: a gateway answers for it (502, 503 and 504; RFC
    #: 9110 15.6).
    AWAY = "away"
    #: Connections are refused: by its machine, or by a firewall on our side of it.
    REFUSED = "refused"
    #: It takes a connection, and gives no answer in time or hangs up.
    SILENT = "silent"
    #: Perhaps it is only this server that does not get there: an unknown name, no
    #: route, a proxy that does not connect.
    CUT_OFF = "cut off"


def outcome_of(causes: Sequence[BaseException]) -> Reachability:
    """Return the outcome of a check that got no response, by its causes."""

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    # A refusal by our own proxy says nothing about the peer.
    if has(ProxyError):
        return Reachability.CUT_OFF
    if has(ConnectionRefusedError):
        return Reachability.REFUSED
    if has(ConnectTimeoutError):  # to urllib3 whatever makes no connection
        return Reachability.CUT_OFF
    return (
        Reachability.THERE
        if has(ssl.SSLError) and not has(*HUNG_UP)
        else Reachability.SILENT
    )
