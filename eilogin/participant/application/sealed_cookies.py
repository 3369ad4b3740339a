"""The format of a sealed cookie of the application.

The value is :data:`MARK`, the sealed octets, and, after a full stop, Path and Domain if
they are not the default ones. Browsers do not send them, and eilogin needs them to
expire the cookie. Anybody can write Path and Domain.
"""

import re
import zlib
from typing import NamedTuple

from eilogin.federation.local.local_entity import Own
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.set_cookie_headers import Place

MARK = "eil~"
#: At the end: prefixes of a name mean something (RFC 6265bis 4.1.3).
LOGIN_SUFFIX = "~eil"
#: Octets of name and value beyond which browsers drop a cookie (RFC 6265bis 5.6).
LONGEST = 4096

_PLACE_SEPARATOR = "."
_PLAIN, _DEFLATED = b"\0", b"\1"
#: Names that Python lets an application set: more than RFC 6265 4.1.1 allows.
is_name = re.compile(r"[!-:<>-~]+").fullmatch
_is_path = re.compile(r"/[ -:<-~]*").fullmatch
_is_domain = re.compile(r"[A-Za-z0-9.-]*").fullmatch


_DEFAULT_PLACE = Place()


def name_of(name: str, family: str | None) -> str:
    """Return the name in the browser, within the login ``family`` or without one."""
    return name if family is None else name + LOGIN_SUFFIX


class SealedCookie(NamedTuple):
    """A sealed cookie as received, not yet opened."""

    name: str
    octets: bytes
    place: Place

    @property
    def is_of_login(self) -> bool:
        """Whether it was set within a login."""
        return self.name.endswith(LOGIN_SUFFIX)

    @property
    def own_name(self) -> str:
        """The application's name."""
        return self.name.removesuffix(LOGIN_SUFFIX)

    def forgotten(self) -> tuple[str, str]:
        """Return the header that makes the browser forget it."""
        path, domain = self.place
        parts = [f"{self.name}=", "Max-Age=0", f"Path={path}"]
        if domain:
            parts.append(f"Domain={domain}")
        if self.name.lower().startswith(("__secure-", "__host-")):
            # Without it, a browser ignores the header (RFC 6265bis 4.1.3).
            parts.append("Secure")
        return ("Set-Cookie", "; ".join(parts))


def read(name: str, value: str) -> SealedCookie | None:
    """Parse a cookie whose value begins with :data:`MARK`; None if it is malformed."""
    text, _, behind = value.removeprefix(MARK).partition(_PLACE_SEPARATOR)
    try:
        octets, place = from_text(text), from_text(behind).decode("ascii")
    except (NotSealed, UnicodeDecodeError):
        return None
    path, _, domain = place.partition("\0")
    cookie_place = Place(path, domain) if place else _DEFAULT_PLACE
    is_fine = is_name(name) and _is_place(cookie_place)
    return SealedCookie(name, octets, cookie_place) if is_fine else None


def _is_place(place: Place) -> bool:
    return bool(_is_path(place.path) and _is_domain(place.domain))


class CookieSealer:
    """Seals values, bound to the cookie's name and the login's secret, if any."""

    def __init__(self, own: Own) -> None:
        # Another participant may have the same secrets, and cookies of our domain.
        self._sealer = Sealer(own.sealing_secrets, f"app cookie at {own.entity_id}")

    def seal(self, name: str, value: str, place: Place, family: str | None) -> str:
        """Return the value for the browser, deflated first if it would be too long."""
        octets, name = value.encode("latin-1"), name_of(name, family)
        needs_place = place != _DEFAULT_PLACE and _is_place(place)
        place_text = _place_as_text(place) if needs_place else ""
        sealed = self._sealed(name, _PLAIN + octets, family) + place_text
        if len(name) + len(sealed) > LONGEST:
            octets = _DEFLATED + _deflated(octets)
            sealed = self._sealed(name, octets, family) + place_text
        return sealed

    def _sealed(self, name: str, plain: bytes, family: str | None) -> str:
        context, secret = _binding(name, family)
        return MARK + as_text(self._sealer.seal(plain, *context, also_by=secret))

    def open(self, cookie: SealedCookie, family: str | None) -> str | None:
        """Return the application's value; None if it is not of this login."""
        if cookie.is_of_login is (family is None):
            return None
        context, secret = _binding(cookie.name, family)
        try:
            plain = self._sealer.open(cookie.octets, *context, also_by=secret)
        except NotSealed:
            return None
        encoding, octets = plain[:1], plain[1:]
        # We sealed it, so it decompresses to no more than a header held.
        octets = zlib.decompress(octets, -15) if encoding == _DEFLATED else octets
        return octets.decode("latin-1")

    def is_ours(self, cookie: SealedCookie) -> bool:
        """Return whether a secret of this site sealed it, for any login or none."""
        return self._sealer.may_open(cookie.octets)


def _place_as_text(place: Place) -> str:
    return _PLACE_SEPARATOR + as_text(f"{place.path}\0{place.domain}".encode("latin-1"))


def _binding(name: str, family: str | None) -> tuple[tuple[str, str], bytes]:
    if family is None:
        return (name, "anonymous"), b""
    return (name, "login"), family.encode()


def _deflated(octets: bytes) -> bytes:
    # Huffman codes alone (RFC 1951): back references would reveal repetitions.
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    return packer.compress(octets) + packer.flush()
