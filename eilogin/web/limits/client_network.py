"""Check that a session is used from the network of its login (``bind_address``).

A thief uses a session cookie from another network. A login stores a keyed hash of its
network, never the address. That is all of IPv4 (also inside IPv6, from a dual-stack
socket), or the first 64 bits of IPv6, whose other bits change every day (RFC 8981).

``warn`` logs a mismatch, once for each session and network. ``enforce`` also removes
the session from the request, but does not end it: its owner may still use it. A login
without a network counts as one from elsewhere.
"""

import hashlib
import ipaddress
import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from eilogin import audit
from eilogin.errors import StoreUnavailable
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.requests import client_address

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: An option's type.
BindAddress = Literal["off", "warn", "enforce"]

#: Bits of IPv6 that a household keeps.
_NETWORK = 64
_WIDER = 48
#: Networks in memory, and logged mismatches.
_REMEMBERED = 10_000

_log = logging.getLogger("eilogin")


class Whereabouts:
    """Compares the network of a request with the network of its login."""

    def __init__(self, mode: BindAddress) -> None:
        self.is_on = mode != "off"
        self._enforces = mode == "enforce"
        self._told: set[str] = set()
        self._marks: dict[str, str] = {}

    def mark(self, environ: "WSGIEnvironment") -> str:
        """The mark of this network for a login; "" if the option is off."""
        return self._mark(environ) if self.is_on else ""

    def required(self, environ: "WSGIEnvironment") -> str:
        """The mark for a record of this network alone; "" unless enforced."""
        return self._mark(environ) if self._enforces else ""

    def check(self, environ: "WSGIEnvironment") -> None:
        """Log a session from another network; with ``enforce``, remove it too."""
        login = env.session_or_none(environ)
        if login is None or login.address == self._mark(environ):
            return
        if self._enforces:
            environ[env.SESSION] = None
        if login.address or self._enforces:
            self._tell(environ, login)

    def of_this_network(
        self, environ: "WSGIEnvironment", login: Login | None
    ) -> Login | None:
        """The login, or None if :meth:`check` would remove it.

        It may be another person's cookie, whose session goes on, without its proofs
        here.
        """
        if login is None or not self._enforces:
            return login
        return login if login.address == self._mark(environ) else None

    def _mark(self, environ: "WSGIEnvironment") -> str:
        network = network_here(environ)
        mark = self._marks.get(network)
        if mark is None:
            if not network:
                # The remembered mark prevents a second line.
                _log.warning(
                    "bind_address: the server passes no client address, so "
                    "eilogin cannot compare it. If it listens on a Unix socket, "
                    "write 'unix' in trusted_proxies, so that eilogin reads "
                    "X-Forwarded-For"
                )
            mark = env.trust(environ).own.pseudonym(f"network\0{network}")
            _make_room(self._marks)
            self._marks[network] = mark
        return mark

    def _tell(self, environ: "WSGIEnvironment", login: Login) -> None:
        name = hashlib.sha256(f"{login.key}\0{self._mark(environ)}".encode())
        if not self._is_first(environ, login, f"elsewhere:{name.hexdigest()}"):
            return
        own = env.trust(environ).own
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
            session=own.pseudonym(env.cookie(environ).read(environ) or ""),
            level=login.level,
            reason="address-changed",
        )

    def _is_first(self, environ: "WSGIEnvironment", login: Login, name: str) -> bool:
        if name in self._told:
            return False
        _make_room(self._told)
        self._told.add(name)
        try:
            return env.values(environ).add(name, "", login.ends, durable=False)
        except StoreUnavailable:
            return True


def network_here(environ: "WSGIEnvironment") -> str:
    """The network of a request, as :func:`network_of` its address."""
    trust = env.trust(environ)
    address = client_address(environ, trust.trusted_proxies)
    return network_of(address)


@lru_cache(_REMEMBERED)
def wider(network: str) -> str:
    """48 bits of an IPv6 network, which a household may own; else as is."""
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


def _make_room(known: set[str] | dict[str, str]) -> None:
    if len(known) >= _REMEMBERED:
        known.clear()
