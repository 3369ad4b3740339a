"""A cookie of the application as a browser keeps it: its value is sealed.

A value is then :data:`MARK`, the sealed octets, and behind a full stop the place, where
that is not the usual one: a browser does not tell with which Path and Domain a cookie
was set, and forgets it by these alone. The place anybody can write; the octets cannot
be read or made by who has not the secrets.

What is set in a login has another name there, which ends with :data:`HERS`: else what
the application sets under the same name where nobody is logged in, on an ``off`` path,
would take its place, and the other way round.
"""

import re
import zlib
from typing import NamedTuple

from eilogin.federation.local.local_entity import Own
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.set_cookie_headers import Place

#: What a value begins with that was sealed here.
MARK = "eil~"
#: What the name of a cookie ends with in the browser that was set in a login. Behind
#: it, for a browser looks at how a name begins (RFC 6265bis 4.1.3).
LOGIN_SUFFIX = "~eil"
#: Octets of name and value beyond which browsers drop a cookie (RFC 6265bis 5.6).
LONGEST = 4096

_BEHIND = "."
#: How the octets of a value were sealed.
_AS_IT_IS, _DEFLATED = b"\0", b"\1"
#: Of a name: whether a header can have it. That is more than a name should have (RFC
#: 6265 4.1.1), and what Python lets an application set.
is_name = re.compile(r"[!-:<>-~]+").fullmatch
_is_path = re.compile(r"/[ -:<-~]*").fullmatch
_is_domain = re.compile(r"[A-Za-z0-9.-]*").fullmatch


_USUAL = Place()


def name_of(name: str, family: str | None) -> str:
    """The name in the browser of what is set in a login, or in none (``family``)."""
    return name if family is None else name + LOGIN_SUFFIX


class SealedCookie(NamedTuple):
    """A cookie with a sealed value, as whoever wrote it says."""

    #: In the browser.
    name: str
    octets: bytes
    place: Place

    @property
    def is_of_login(self) -> bool:
        """Whether it was set in a login."""
        return self.name.endswith(LOGIN_SUFFIX)

    @property
    def own_name(self) -> str:
        """The name that the application has given it."""
        return self.name.removesuffix(LOGIN_SUFFIX)

    def forgotten(self) -> tuple[str, str]:
        """The header by which the browser forgets it."""
        path, domain = self.place
        parts = [f"{self.name}=", "Max-Age=0", f"Path={path}"]
        if domain:
            parts.append(f"Domain={domain}")
        if self.name.lower().startswith(("__secure-", "__host-")):
            # Or a browser does not hear of it (RFC 6265bis 4.1.3).
            parts.append("Secure")
        return ("Set-Cookie", "; ".join(parts))


def read(name: str, value: str) -> SealedCookie | None:
    """A cookie whose value begins with :data:`MARK`; None where it is not as we write.

    What is read has no character that a header could not have.
    """
    text, _, behind = value.removeprefix(MARK).partition(_BEHIND)
    try:
        octets, place = from_text(text), from_text(behind).decode("ascii")
    except (NotSealed, UnicodeDecodeError):
        return None
    path, _, domain = place.partition("\0")
    cookie_place = Place(path, domain) if place else _USUAL
    is_fine = is_name(name) and _is_place(cookie_place)
    return SealedCookie(name, octets, cookie_place) if is_fine else None


def _is_place(place: Place) -> bool:
    """Whether a header by which a cookie is forgotten can name it."""
    return bool(_is_path(place.path) and _is_domain(place.domain))


class CookieSealer:
    """Seals and opens the values of one participant's application.

    A value is bound to the name of its cookie, and to the login that has the secret
    name ``family``; None is for who has none, and the value is *anonymous*.
    """

    def __init__(self, own: Own) -> None:
        # Another participant may have the same secrets, and cookies of our domain.
        self._sealer = Sealer(own.sealing_secrets, f"app cookie at {own.entity_id}")

    def seal(self, name: str, value: str, place: Place, family: str | None) -> str:
        """The value for the browser, where it has the name of :func:`name_of`.

        As a rule a third longer than it was. One that would be too long for a browser
        is deflated first, which makes up for it: the usual ones have few different
        characters.
        """
        octets, name = value.encode("latin-1"), name_of(name, family)
        is_told = place != _USUAL and _is_place(place)
        behind = _place_as_text(place) if is_told else ""
        sealed = self._sealed(name, _AS_IT_IS + octets, family) + behind
        if len(name) + len(sealed) > LONGEST:
            sealed = self._sealed(name, _DEFLATED + _deflated(octets), family) + behind
        return sealed

    def _sealed(self, name: str, plain: bytes, family: str | None) -> str:
        words, secret = _bound_to(name, family)
        return MARK + as_text(self._sealer.seal(plain, *words, also_by=secret))

    def open(self, cookie: SealedCookie, family: str | None) -> str | None:
        """The application's value; None where it is not of this login."""
        if cookie.is_of_login is (family is None):
            return None
        words, secret = _bound_to(cookie.name, family)
        try:
            plain = self._sealer.open(cookie.octets, *words, also_by=secret)
        except NotSealed:
            return None
        how, octets = plain[:1], plain[1:]
        # Nobody but us has made it, of a header.
        octets = zlib.decompress(octets, -15) if how == _DEFLATED else octets
        return octets.decode("latin-1")

    def is_ours(self, cookie: SealedCookie) -> bool:
        """Whether it names a secret of ours, be it of another login or none."""
        return self._sealer.may_open(cookie.octets)


def _place_as_text(place: Place) -> str:
    return _BEHIND + as_text(f"{place.path}\0{place.domain}".encode("latin-1"))


def _bound_to(name: str, family: str | None) -> tuple[tuple[str, str], bytes]:
    """What a value is bound to, and the secret of its login."""
    if family is None:
        return (name, "anonymous"), b""
    return (name, "login"), family.encode()


def _deflated(octets: bytes) -> bytes:
    """Characters of which there are few kinds take fewer bits each (RFC 1951).

    Repetitions are not looked for: the length must not tell what is in a value.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    return packer.compress(octets) + packer.flush()
