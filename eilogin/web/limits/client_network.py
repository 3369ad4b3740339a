"""Whether a login is used from where it was made (``bind_address``).

Who steals the cookie of a session uses it from another network. What is remembered with
a login is a keyed hash of the network: an IPv4 address, or the first 64 bits of an IPv6
address, because the rest is another one every day (RFC 8981); what is IPv4 inside of
IPv6, as a server on a dual-stack socket tells it, is IPv4. The address itself is in
no record, cookie or log. ``warn`` tells the log, once for each session and network;
``enforce`` takes the session out of the request too: it is not ended, for its owner may
be where she was. A login of which no network is known counts as one from elsewhere.
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

#: The type of the option ``bind_address``.
BindAddress = Literal["off", "warn", "enforce"]

#: Bits of an IPv6 address that stay the same for a household.
_NETWORK = 64
_WIDER = 48
#: Networks that a process remembers, and of how many it knows that it has told.
_REMEMBERED = 10_000

_log = logging.getLogger("eilogin")


class Whereabouts:
    """Compares where a request comes from with where its login was made."""

    def __init__(self, mode: BindAddress) -> None:
        #: Whether anything is compared.
        self.is_on = mode != "off"
        self._enforces = mode == "enforce"
        self._told: set[str] = set()
        self._marks: dict[str, str] = {}

    def mark(self, environ: "WSGIEnvironment") -> str:
        """What tells this network from others, for a login; "" where it is off."""
        return self._mark(environ) if self.is_on else ""

    def required(self, environ: "WSGIEnvironment") -> str:
        """The same for what is good in this network alone; "" but where it enforces."""
        return self._mark(environ) if self._enforces else ""

    def check(self, environ: "WSGIEnvironment") -> None:
        """Tell of a session that comes from elsewhere; take it out, or leave it."""
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
        """The login, or None where :meth:`check` would take it out of the request.

        For who logs in with somebody else's cookie: that does not end her session, nor
        does what she proved there count here.
        """
        if login is None or not self._enforces:
            return login
        return login if login.address == self._mark(environ) else None

    def _mark(self, environ: "WSGIEnvironment") -> str:
        network = network_here(environ)
        mark = self._marks.get(network)
        if mark is None:
            if not network:
                # Told once, because it is remembered.
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
    """The network that a request comes from, as :func:`network_of` its address."""
    trust = env.trust(environ)
    address = client_address(environ, trust.trusted_proxies)
    return network_of(address)


@lru_cache(_REMEMBERED)
def wider(network: str) -> str:
    """Of :func:`network_of` in IPv6 the 48 bits of which a household has all."""
    if ":" not in network:
        return network
    return str(ipaddress.ip_network(network).supernet(new_prefix=_WIDER))


def network_of(address: str) -> str:
    """The network of an address: all of IPv4, 64 bits of IPv6; "" for no address."""
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
