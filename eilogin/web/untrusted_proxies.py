"""Warn of X-Forwarded-For from a proxy that ``trusted_proxies`` does not name.

All visitors behind it are one network, so wrong passwords of one lock all out. Anybody
can send the header, so eilogin logs one line an hour, and no address of a visitor.
"""

import ipaddress
import logging
from collections.abc import Sequence

from eilogin import clock
from eilogin.config import IPNetwork
from eilogin.web.requests import is_among, is_by_unix_socket
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")

_HOUR = 3600.0
_MOST_PROXIES = 10
_MOST = 1000


class UntrustedProxies:
    """The warning of one site; ``name`` is that of the site or of its ini file."""

    def __init__(self, name: str, trusted: Sequence[IPNetwork]) -> None:
        self._name = name
        self._trusted = trusted
        self._trusted_peers: set[str] = set()
        self._quiet_until = 0.0

    def look(self, visit: Visit) -> None:
        """Warn if the peer of a request is such a proxy, once an hour."""
        if "HTTP_X_FORWARDED_FOR" not in visit.environ:
            return
        peer = visit.environ.get("REMOTE_ADDR", "")
        if peer in self._trusted_peers or clock.now() < self._quiet_until:
            return
        if is_among(peer, self._trusted):
            if len(self._trusted_peers) < _MOST:
                self._trusted_peers.add(peer)
            return
        if _is_applied(visit, peer):
            return
        self._quiet_until = clock.now() + _HOUR
        _log.warning(
            "%s: X-Forwarded-For from %s is not trusted, so all visitors from "
            "there count as one client network. If it is your proxy, write %s in "
            "trusted_proxies; if not, a client has sent that header",
            self._name,
            *_words(peer),
        )


def _is_applied(visit: Visit, peer: str) -> bool:
    # As waitress with ``trusted_proxy``.
    entries = visit.environ["HTTP_X_FORWARDED_FOR"].rsplit(",", _MOST_PROXIES)
    return peer in map(str.strip, entries)


def _words(peer: str) -> tuple[str, str]:
    if is_by_unix_socket(peer):
        return "a Unix socket", "'unix'"
    try:
        is_public = ipaddress.ip_address(peer.partition("%")[0]).is_global
    except ValueError:
        is_public = True
    # It may be the address of a visitor.
    return ("a public address", "its address") if is_public else (peer, f"'{peer}'")
