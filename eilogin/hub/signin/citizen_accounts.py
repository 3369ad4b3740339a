"""The citizens who can sign in at the hub itself: a JSON file, read at start.

Passwords are Argon2id hashes (RFC 9106), codes TOTP (RFC 6238) with SHA-1.
"""

import base64
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

#: The minimum of OWASP: with more memory, attackers could exhaust the machine.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

#: A longer one is rejected without the work of hashing.
_PASSWORD_LENGTH = 1024
#: For new passwords (NIST SP 800-63B 5.1.1.2: 8 or more).
PASSWORD_LENGTHS = (8, _PASSWORD_LENGTH)

_SECRET_OF_NOBODY = pyotp.random_base32()
_CODE_WINDOW = 1


ATTRIBUTES = MappingProxyType(
    {"bsn": "bsn", "sofi": "sofi", "name": "name", "mail": "email"}
)


@dataclass(frozen=True, slots=True)
class Citizen:
    """A citizen who can sign in; secrets and the BSN are not in its ``repr``."""

    #: Permanent: the hub derives NameIDs from it.
    id: str
    #: Case does not count.
    username: str
    name: str
    #: "" if unknown; DigiD needs a BSN or SOFI number.
    bsn: str = field(repr=False)
    #: Argon2id hash.
    password: str = field(repr=False)
    #: Base32, or "".
    totp_secret: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    sofi: str = field(default="", repr=False)

    @property
    def attributes(self) -> dict[str, list[str]]:
        """The attributes with a value, by name."""
        texts = {name: getattr(self, field) for name, field in ATTRIBUTES.items()}
        return {name: [value] for name, value in texts.items() if value}


def plain(username: str) -> str:
    """Normalise a username: case and surrounding spaces do not count."""
    return username.strip().casefold()


class Citizens:
    """The citizens of this hub."""

    def __init__(self, citizens: Iterable[Citizen]) -> None:
        self._by_username = {plain(c.username): c for c in citizens}
        hashes = [c.password for c in self._by_username.values()] or [_random_hash()]
        #: Placeholders for unknown usernames: to check one takes as much work.
        self._nobodies = [_nobody(_parameters_of(hashed)) for hashed in hashes]
        # Selects a placeholder: secret, and the same in every process.
        self._chooses = hashlib.sha256("".join(hashes).encode()).digest()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self._by_username)}>"

    def __iter__(self) -> Iterator[Citizen]:
        return iter(self._by_username.values())

    @classmethod
    def load(cls, path: Path) -> "Citizens":
        """Read a file; ConfigurationError names citizen and field, never values."""
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            # The unreadable text may be a password.
            place = _position_of(error)
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

    def username_of(self, citizen_id: str) -> str:
        """Return the username of a citizen, or ""."""
        return next((c.username for c in self if c.id == citizen_id), "")

    def called(self, username: str) -> Citizen:
        """Return a username's citizen, or its placeholder, whose ``id`` is ""."""
        name = plain(username)
        digest = hmac.digest(self._chooses, name.encode(), "sha256")
        nobody = self._nobodies[int.from_bytes(digest) % len(self._nobodies)]
        return self._by_username.get(name, nobody)

    def verify(self, username: str, password: str) -> Citizen | None:
        """Return the citizen if the password is right, or None, in equal time.

        The caller limits the attempts.
        """
        citizen = self.called(username)
        try:
            _HASHER.verify(citizen.password, password[:_PASSWORD_LENGTH])
        except argon2.exceptions.VerifyMismatchError:
            return None
        # Refuse the placeholder even with the right password.
        is_right = citizen.id and len(password) <= _PASSWORD_LENGTH
        return citizen if is_right else None

    def verify_code(self, citizen: Citizen | None, code: str) -> bool:
        """Whether a one-time code is the present one, or the one before or after.

        The caller must accept each code only once (RFC 6238 5.2). Without a citizen or
        a secret, the check takes equally long.
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
        """Return the one-time code (``ahead=1``: the next), or ""."""
        if not citizen.totp_secret:
            return ""
        codes = pyotp.TOTP(citizen.totp_secret)
        return codes.at(clock.utc(clock.now() + ahead * codes.interval))


def _fault_of_twins(citizens: Iterable[Citizen]) -> str:
    numbers: dict[tuple[str, str], int] = {}
    for number, citizen in enumerate(citizens, 1):
        for field_name in ("id", "username"):
            value = plain(getattr(citizen, field_name))
            first = numbers.setdefault((field_name, value), number)
            if first != number:
                return f"citizens {first} and {number} have the same {field_name}"
    return ""


def _position_of(error: ValueError) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return ""
    return f" (line {error.lineno}, column {error.colno})"


@cache
def _random_hash() -> str:
    return _hash_of_nothing(_HASHER.time_cost, _HASHER.memory_cost, _HASHER.parallelism)


def _hash_of_nothing(time_cost: int, memory_cost: int, parallelism: int) -> str:
    # Random digits instead of a hash: no password has it, and the process that loads
    # the citizens does not keep the memory of a hash.
    salt, digest = (
        base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32)
    )
    costs = f"m={memory_cost},t={time_cost},p={parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _parameters_of(hashed: str) -> tuple[int, int, int]:
    parameters = argon2.extract_parameters(hashed)
    return parameters.time_cost, parameters.memory_cost, parameters.parallelism


@cache
def _nobody(parameters: tuple[int, int, int]) -> Citizen:
    return Citizen("", "", "", "", _hash_of_nothing(*parameters), _SECRET_OF_NOBODY)


def _citizen(entry: object) -> Citizen:
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
        # RFC 4226 4, R6: 160 bits, which are 32 letters.
        raise ValueError("totp_secret: expected base32 of 32 letters or more")
    return citizen


_REQUIRED = ("id", "username", "name", "password")


def _require_known(citizen: Citizen) -> None:
    for name in _REQUIRED:
        if not getattr(citizen, name).strip():
            raise ValueError(f"{name} is required")
    for name in ("bsn", "sofi"):
        if getattr(citizen, name) and not is_valid_bsn(getattr(citizen, name)):
            raise ValueError(f"{name}: expected nine digits that pass the eleven-check")


def hash_of(password: str) -> str:
    """Return the hash of a password for the file."""
    return _HASHER.hash(password)


def is_valid_bsn(text: str) -> bool:
    """Whether a text is nine digits that pass the eleven-check of a BSN."""
    return bool(re.fullmatch(r"[0-9]{9}", text)) and passes_eleven_test(text)


def to_json(citizens: Iterable[Citizen]) -> bytes:
    """Write citizens for :meth:`Citizens.load`."""
    text = json.dumps([asdict(c) for c in citizens], indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


#: Test BSNs start with 9.
DEMO_PASSWORDS = {"anna": "demo-anna", "bram": "demo-bram", "chaima": "demo-chaima"}

_DEMO_FACTS = {
    "anna": ("Anna de Proef", "900000016", "anna@burger.test"),
    "bram": ("Bram van den Test", "900000028", "bram@burger.test"),
    "chaima": ("Chaima Voorbeeld", "900000041", ""),
}

DEMO_NAMES = {username: name for username, (name, *_) in _DEMO_FACTS.items()}


def demo_citizens() -> list[Citizen]:
    """Make three fictitious citizens with fresh secrets."""
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
