"""The citizens whom the hub's own sign-in knows: a JSON file, read at start.

It stands where DigiD has its accounts, so that a federation runs on a laptop::

    [{"id": "1", "username": "anna", "name": "Anna de Vries", "bsn": "900000016",
      "password": "$argon2id$v=19$…", "totp_secret": "…"}]

A password is stored as its Argon2id hash (RFC 9106); a one-time code is that of
RFC 6238 with its defaults: six digits, 30 seconds, SHA-1.
"""

import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType

import argon2
import pyotp

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.saml.sector_names import passes_eleven_test

#: What OWASP asks for at least; more memory for each of a server's threads would make
#: the sign-in page a way to fill the machine.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

#: A password longer than this is not looked at: hashing it would be work for nothing.
_PASSWORD_LENGTH = 1024
#: Characters of a password that a command takes (NIST SP 800-63B 5.1.1.2: 8 or more).
PASSWORD_LENGTHS = (8, _PASSWORD_LENGTH)

#: Of who has no codes, or is nobody.
_SECRET_OF_NOBODY = pyotp.random_base32()
#: How many codes before and after the present one are taken too.
_CODE_WINDOW = 1


#: The attributes that can be told of a citizen, and the fields that hold them.
ATTRIBUTES = MappingProxyType(
    {"bsn": "bsn", "sofi": "sofi", "name": "name", "mail": "email"}
)


@dataclass(frozen=True, slots=True)
class Citizen:
    """Somebody who can sign in; secrets and the BSN are not in its ``repr``."""

    #: Her name in this file, which never changes; the hub derives her NameIDs from it.
    id: str
    #: What she types; upper and lower case are the same.
    username: str
    #: Her name as people write it.
    name: str
    #: The citizen service number (BSN); empty where the citizen has none. With
    #: ``profile = digid`` a participant gets no login of a citizen without a number.
    bsn: str = field(repr=False)
    #: Argon2id hash of her password.
    password: str = field(repr=False)
    #: Base32 secret of her one-time codes; empty where she has none.
    totp_secret: str = field(default="", repr=False)
    #: Her e-mail address; empty where it is not known.
    email: str = field(default="", repr=False)
    #: The SOFI number; empty where the citizen has none.
    sofi: str = field(default="", repr=False)

    @property
    def attributes(self) -> dict[str, list[str]]:
        """What can be told of her, by name."""
        told = {name: getattr(self, field) for name, field in ATTRIBUTES.items()}
        return {name: [text] for name, text in told.items() if text}


def plain(username: str) -> str:
    """A username, however it was typed."""
    return username.strip().casefold()


class Citizens:
    """All who can sign in at this hub."""

    def __init__(self, citizens: Iterable[Citizen]) -> None:
        self._by_username = {plain(c.username): c for c in citizens}
        hashes = [c.password for c in self._by_username.values()] or [_some_hash()]
        #: Who has a name that nobody has: as much work as one of the citizens.
        self._nobodies = [_nobody(_parameters_of(one)) for one in hashes]
        # The same one in every process, and nobody knows which.
        self._chooses = hashlib.sha256("".join(hashes).encode()).digest()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self._by_username)}>"

    def __iter__(self) -> Iterator[Citizen]:
        return iter(self._by_username.values())

    @classmethod
    def load(cls, path: Path) -> "Citizens":
        """The citizens of a file; ``ConfigurationError`` naming it where it is wrong.

        The error says which citizen (counted from 1) and which field, never its value.
        """
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            # Without the text that could not be read: it may be a password.
            place = _place_of(error)
            raise ConfigurationError(
                f"{path}: is not a JSON file{place}; expected a list of citizens"
            ) from error
        if not isinstance(entries, list):
            raise ConfigurationError(f"{path}: expected a JSON list of citizens")
        citizens = []
        for number, entry in enumerate(entries, 1):
            try:
                citizens.append(_citizen(entry))
            except ValueError as error:
                raise ConfigurationError(f"{path}: citizen {number}: {error}") from None
        if fault := _fault_of_twins(citizens):
            raise ConfigurationError(f"{path}: {fault}")
        return cls(citizens)

    def called(self, username: str) -> Citizen:
        """Who is called so; for an unknown name one with ``id`` "", who is nobody.

        That one is the same for the same name, in every process.
        """
        name = plain(username)
        digest = hmac.digest(self._chooses, name.encode(), "sha256")
        nobody = self._nobodies[int.from_bytes(digest) % len(self._nobodies)]
        return self._by_username.get(name, nobody)

    def verify(self, username: str, password: str) -> Citizen | None:
        """The citizen, if this is her password.

        An unknown name takes as long as a wrong password of some citizen, and always
        as long. Counting what goes wrong, and stopping it, is up to the caller.
        """
        citizen = self.called(username)
        try:
            _HASHER.verify(citizen.password, password[:_PASSWORD_LENGTH])
        except argon2.exceptions.VerifyMismatchError:
            return None
        # No one has guessed the random password of nobody; nor shall they.
        is_hers = citizen.id and len(password) <= _PASSWORD_LENGTH
        return citizen if is_hers else None

    def verify_code(self, citizen: Citizen | None, code: str) -> bool:
        """Whether this is her one-time code now, or the one just before or after.

        Spaces are ignored. The same code is taken as often as it comes: the caller
        lets it be used once (RFC 6238 5.2). Of nobody, and of who has none, no code is
        right, which takes as long.
        """
        digits = "".join(code.split())
        if not re.fullmatch(r"[0-9]{6}", digits):
            return False
        secret = citizen.totp_secret if citizen else ""
        is_right = pyotp.TOTP(secret or _SECRET_OF_NOBODY).verify(
            digits, for_time=clock.utc(clock.now()), valid_window=_CODE_WINDOW
        )
        return is_right and bool(secret)

    def current_code(self, citizen: Citizen, *, ahead: int = 0) -> str:
        """Her one-time code now, or "" where she has none.

        A demo shows it in the place of a telephone. The one that is 1 ``ahead`` is the
        next one, which :meth:`verify_code` takes too.
        """
        if not citizen.totp_secret:
            return ""
        codes = pyotp.TOTP(citizen.totp_secret)
        return codes.at(clock.utc(clock.now() + ahead * codes.interval))


def _fault_of_twins(citizens: Iterable[Citizen]) -> str:
    """Which two citizens have the same name; "" where all have their own."""
    known: dict[tuple[str, str], int] = {}
    for number, citizen in enumerate(citizens, 1):
        for field_name in ("id", "username"):
            value = plain(getattr(citizen, field_name))
            first = known.setdefault((field_name, value), number)
            if first != number:
                return f"citizens {first} and {number} have the same {field_name}"
    return ""


def _place_of(error: ValueError) -> str:
    """Where what is no JSON begins; "" for what is no text at all."""
    if not isinstance(error, json.JSONDecodeError):
        return ""
    return f" (line {error.lineno}, column {error.colno})"


@cache
def _some_hash() -> str:
    return _HASHER.hash(os.urandom(16))


def _parameters_of(hashed: str) -> tuple[int, int, int]:
    """What decides how much work a hash is: time, memory and threads."""
    found = argon2.extract_parameters(hashed)
    return found.time_cost, found.memory_cost, found.parallelism


@cache
def _nobody(parameters: tuple[int, int, int]) -> Citizen:
    """Somebody whose password, which nobody types, is as much work."""
    hasher = argon2.PasswordHasher(*parameters)
    return Citizen("", "", "", "", hasher.hash(os.urandom(16)), _SECRET_OF_NOBODY)


def _citizen(entry: object) -> Citizen:
    """One entry of the file; ``ValueError`` says what is wrong with it."""
    names = {f.name for f in fields(Citizen)}
    if not isinstance(entry, dict) or not all(
        isinstance(v, str) for v in entry.values()
    ):
        raise ValueError("expected an object whose values are all texts")
    if unknown := sorted(entry.keys() - names):
        raise ValueError(f"unknown field {', '.join(unknown)}")
    citizen = Citizen(**{**dict.fromkeys((*_REQUIRED, "bsn"), ""), **entry})
    _require_known(citizen)
    try:
        kind = argon2.extract_parameters(citizen.password).type
    except argon2.exceptions.InvalidHashError:
        kind = None
    if kind is not argon2.Type.ID:
        raise ValueError("password: expected an Argon2id hash")
    if not re.fullmatch(r"(?:(?:[A-Z2-7]{8}){4,})?", citizen.totp_secret):
        # RFC 4226 4, R6: 160 bits are recommended, and 32 letters hold them.
        raise ValueError("totp_secret: expected base32 of 32 letters or more")
    return citizen


_REQUIRED = ("id", "username", "name", "password")


def _require_known(citizen: Citizen) -> None:
    """Raise ValueError for a missing field, and for a number that cannot be one."""
    for name in _REQUIRED:
        if not getattr(citizen, name).strip():
            raise ValueError(f"{name} is required")
    for name in ("bsn", "sofi"):
        if getattr(citizen, name) and not is_valid_bsn(getattr(citizen, name)):
            raise ValueError(f"{name}: expected nine digits that pass the eleven-check")


def hash_of(password: str) -> str:
    """Return what the file holds of a password."""
    return _HASHER.hash(password)


def is_valid_bsn(text: str) -> bool:
    """Whether a text is nine digits that pass the eleven-check of a BSN."""
    return bool(re.fullmatch(r"[0-9]{9}", text)) and passes_eleven_test(text)


def to_json(citizens: Iterable[Citizen]) -> bytes:
    """What the file holds that :meth:`Citizens.load` reads."""
    text = json.dumps([asdict(c) for c in citizens], indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


#: Who can sign in at a demo, and with which password. Test BSNs start with 9.
DEMO_PASSWORDS = {"anna": "demo-anna", "bram": "demo-bram", "chaima": "demo-chaima"}

_DEMO_FACTS = {
    "anna": ("Anna de Proef", "900000016", "anna@burger.test"),
    "bram": ("Bram van den Test", "900000028", "bram@burger.test"),
    "chaima": ("Chaima Voorbeeld", "900000041", ""),
}

#: The names of the demo citizens, by username.
DEMO_NAMES = {username: name for username, (name, *_) in _DEMO_FACTS.items()}


def demo_citizens() -> list[Citizen]:
    """Three citizens who do not exist, with fresh secrets for their codes."""
    return [
        Citizen(
            id=f"demo-{number}",
            username=username,
            name=name,
            bsn=bsn,
            password=_HASHER.hash(DEMO_PASSWORDS[username]),
            totp_secret=pyotp.random_base32(),
            email=email,
        )
        for number, (username, (name, bsn, email)) in enumerate(_DEMO_FACTS.items(), 1)
    ]
