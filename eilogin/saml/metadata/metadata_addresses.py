"""Check the addresses in metadata: where eilogin may send visitors and keys."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from eilogin.config import WEB_HOST, is_loopback
from eilogin.errors import MalformedMessage
from eilogin.saml.metadata.metadata_texts import shown

#: In /etc/hosts, on Debian and on Red Hat.
_LOOPBACK_NAMES = frozenset(
    (
        "ip6-localhost",
        "ip6-loopback",
        "localhost.localdomain",
        "localhost4",
        "localhost4.localdomain4",
        "localhost6",
        "localhost6.localdomain6",
    )
)


#: A URL without fragment and backslashes, with its host.
_WEB = re.compile(r"(https?://[!\"$-.0->@-\[\]-~]+)([/?][!\"$-\[\]-~]*)?")
#: A usual origin, which the slower checks accept too: no IP address, no port, no name
#: of this machine.
_SITE = re.compile(r"https://([a-z0-9.-]*\.(?!local)[a-z]{2,24})")
#: A party has many addresses at one origin.
_ORIGINS = 256


def require_address(text: str, *, on_loopback: bool) -> None:
    """Reject an address to which eilogin must not send visitors and keys.

    Raises :class:`~eilogin.errors.MalformedMessage` with the address.
    """
    is_sound, is_this_machine = _checked_origin(_origin(text))
    if not is_sound:
        raise MalformedMessage(
            "the address is not https (or http on loopback), or has no plain host name:"
            f" {shown(text)}"
        )
    if is_this_machine and not on_loopback:
        # A service on this machine may trust every request.
        raise MalformedMessage(
            "the address is on this machine (loopback), but neither 'public_url' nor"
            " 'back_channel_url' is (an operator can allow it with 'loopback = true' in"
            f" federation.ini): {shown(text)}"
        )


def web_host(text: str) -> str:
    """Return the host of an absolute http or https URL, or ""."""
    return _host(_origin(text))


def _origin(text: str) -> str:
    # A browser reads a backslash as a slash, and people read a user name as a host.
    match = _WEB.fullmatch(text)
    return match[1] if match else ""


@lru_cache(_ORIGINS)
def _checked_origin(origin: str) -> tuple[bool, bool]:
    if _SITE.fullmatch(origin):
        return True, False
    host = _host(origin)
    is_sound = bool(host) and (origin.startswith("https:") or is_loopback(host))
    return is_sound, is_sound and _is_this_machine(host)


@lru_cache(_ORIGINS)
def _host(origin: str) -> str:
    if site := _SITE.fullmatch(origin):
        return site[1]
    try:
        parts = urlsplit(origin)
        host = parts.hostname or ""
        _ip_address(host)
        is_plain = parts.username is None and parts.port != 0
    except ValueError:
        return ""
    return host if is_plain and WEB_HOST.fullmatch(host) else ""


def _is_this_machine(host: str) -> bool:
    """Whether a connection to a host arrives at this machine.

    Also by the unspecified address, and by spellings for which http is not accepted.
    """
    address = _ip_address(host)
    if address is None:
        return is_loopback(host) or host.rstrip(".") in _LOOPBACK_NAMES
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return address.is_loopback or address.is_unspecified


def _ip_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address of a host, or None for a name; ValueError for neither.

    Systems and browsers read a host whose last part is a number as IPv4, also with
    fewer or octal parts ("0177.1"). eilogin accepts four decimal parts (WHATWG URL
    3.5).
    """
    name = host.rstrip(".")
    last_label = name.rpartition(".")[2]
    if ":" not in name and not re.fullmatch(r"\d+|0x[0-9a-f]*", last_label):
        return None
    return ip_address(name)
