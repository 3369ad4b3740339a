"""Check that a session is used from the network of its login (``bind_address``).

A thief uses a session cookie from another network. A login stores a keyed hash of its
network, never the address: all of IPv4, or the first 64 bits of IPv6, whose other bits
change every day (RFC 8981).

``warn`` logs a mismatch, once for each session and network. ``enforce`` also removes
the session from the request, but does not end it: its owner may still use it. A login
without a network counts as one from elsewhere.
"""

import hashlib
import ipaddress
import logging
from functools import lru_cache
from typing import Literal

from eilogin import audit
from eilogin.errors import StoreUnavailable
from eilogin.sessions import Login
from eilogin.sessions.bounded_cache import BoundedCache
from eilogin.web.requests import client_address
from eilogin.web.visit import Visit

BindAddress = Literal["off", "warn", "enforce"]

#: Bits of an IPv6 network that a household keeps.
_NETWORK = 64
_WIDER = 48
#: Most networks in memory, and most logged mismatches.
_REMEMBERED = 10_000
#: Characters of an X-Forwarded-For that is kept in memory: five addresses of IPv6.
_LONGEST_FORWARDED = 200

_log = logging.getLogger("eilogin")


class ClientNetworkCheck:
    """Compares the network of a request with the network of its login."""

    def __init__(self, mode: BindAddress) -> None:
        self.is_on = mode != "off"
        self._enforces = mode == "enforce"
        self._logged: set[str] = set()
        self._has_reported_no_address = False
        self._marks: BoundedCache[tuple[str, str], str] = BoundedCache(len)

    def mark(self, visit: Visit) -> str:
        """The keyed hash of this network for a login; "" if the option is off."""
        return self._mark(visit) if self.is_on else ""

    def required(self, visit: Visit) -> str:
        """The keyed hash for a record of this network alone; "" unless enforced."""
        return self._mark(visit) if self._enforces else ""

    def check(self, visit: Visit) -> None:
        """Log a session from another network; with ``enforce``, remove it too."""
        login = visit.session_or_none
        if login is None or login.address == self._mark(visit):
            return
        if self._enforces:
            visit.set_session(None)
        if login.address or self._enforces:
            self._report(visit, login)

    def of_this_network(self, visit: Visit, login: Login | None) -> Login | None:
        """The login, or None if :meth:`check` would remove it."""
        if login is None or not self._enforces:
            return login
        return login if login.address == self._mark(visit) else None

    def _mark(self, visit: Visit) -> str:
        environ = visit.environ
        # All that the network of a client depends on, beside the configuration.
        peer: str = environ.get("REMOTE_ADDR", "")
        forwarded: str = environ.get("HTTP_X_FORWARDED_FOR", "")
        mark = self._marks.get((peer, forwarded))
        if mark is None:
            network = network_here(visit)
            if not network:
                self._report_no_address()
            mark = visit.trust.own.pseudonym(f"network\0{network}")
            if len(forwarded) <= _LONGEST_FORWARDED:
                self._marks.put((peer, forwarded), mark)
        return mark

    def _report_no_address(self) -> None:
        if self._has_reported_no_address:
            return
        self._has_reported_no_address = True
        _log.warning(
            "bind_address: the server passes no client address, so eilogin cannot "
            "compare it. If it listens on a Unix socket, write 'unix' in "
            "trusted_proxies, so that eilogin reads X-Forwarded-For"
        )

    def _report(self, visit: Visit, login: Login) -> None:
        name = hashlib.sha256(f"{login.key}\0{self._mark(visit)}".encode())
        if not self._is_first(visit, login, f"elsewhere:{name.hexdigest()}"):
            return
        own = visit.trust.own
        outcome = "refused" if self._enforces else "ok"
        _log.warning(
            "bind_address: a session came from another client network than its login "
            "(%s)",
            outcome,
        )
        audit.event(
            "address-changed",
            outcome,
            pseudonym=own.pseudonym(login.who.name_id),
            session=own.pseudonym(visit.token or ""),
            level=login.level,
            reason="address-changed",
        )

    def _is_first(self, visit: Visit, login: Login, name: str) -> bool:
        if name in self._logged:
            return False
        if len(self._logged) >= _REMEMBERED:
            self._logged.clear()
        self._logged.add(name)
        try:
            return visit.values.add(name, "", login.ends, durable=False)
        except StoreUnavailable:
            return True


def network_here(visit: Visit) -> str:
    """The client network of a request."""
    trust = visit.trust
    address = client_address(visit, trust.trusted_proxies)
    return network_of(address)


@lru_cache(_REMEMBERED)
def wider(network: str) -> str:
    """48 bits of an IPv6 network, which a household may own; IPv4 as is."""
    if ":" not in network:
        return network
    return str(ipaddress.ip_network(network).supernet(new_prefix=_WIDER))


def network_of(address: str) -> str:
    """All of an IPv4 address, 64 bits of IPv6; "" for no address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    bits = parsed.max_prefixlen if parsed.version == 4 else _NETWORK  # noqa: PLR2004
    return str(ipaddress.ip_network((parsed, bits), strict=False))
