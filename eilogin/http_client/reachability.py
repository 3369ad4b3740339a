"""The outcome of a reachability check: whether a visitor would get a page of a peer."""

import ssl
from collections.abc import Sequence
from enum import Enum

from urllib3.exceptions import ConnectTimeoutError, ProxyError

from eilogin.http_client.connection_failures import HUNG_UP


class Reachability(Enum):
    """Whether a visitor would get a page of a peer."""

    #: Something answers, or speaks TLS, which we may not trust.
    THERE = "there"
    #: A gateway answers for the peer (502, 503 and 504; RFC 9110 15.6).
    AWAY = "away"
    #: The peer's machine, or a firewall before it, refuses connections.
    REFUSED = "refused"
    #: The peer accepts a connection, then does not answer in time or hangs up.
    SILENT = "silent"
    #: Perhaps for this server alone: an unknown name, no route, a proxy that fails.
    CUT_OFF = "cut off"


def outcome_of(causes: Sequence[BaseException]) -> Reachability:
    """Return the outcome of a check without a response, by its causes."""

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    # A failure of our proxy says nothing about the peer.
    if has(ProxyError):
        return Reachability.CUT_OFF
    if has(ConnectionRefusedError):
        return Reachability.REFUSED
    if has(ConnectTimeoutError):  # urllib3's error for any failed connection
        return Reachability.CUT_OFF
    return (
        Reachability.THERE
        if has(ssl.SSLError) and not has(*HUNG_UP)
        else Reachability.SILENT
    )
