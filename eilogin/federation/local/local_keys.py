"""Our own keys, and which of them signs at a given date.

A folder has pairs ``NAME.key`` and ``NAME.crt``, and ``keys.ini`` with their periods::

    [2026]
    from = 2026-12-01
    until = 2028-12-01

Both are instants in UTC; a day means its start. A missing value comes from the
certificate. ``use = signing`` or ``use = encryption`` limits a key to one use.

All unexpired keys are published, the next ones too. The key that began last signs, and
is named for encryption; all keys decrypt.
"""

import configparser
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from eilogin import clock
from eilogin.errors import ConfigurationError, Fault
from eilogin.federation.local.profiles import Profile
from eilogin.saml.messages import write_instant
from eilogin.saml.signing_keys import SigningKey

CALENDAR = "keys.ini"

#: eilogin tries each on every encrypted message, so more are probably a mistake.
_MOST = 32

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_OPTIONS = ("from", "until", "use")
_SIGNING, _ENCRYPTION, _BOTH = "signing", "encryption", "both"


class _Period(NamedTuple):
    begins: float
    ends: float


@dataclass(frozen=True, eq=False)
class OwnKey:
    """A key of ours and its period."""

    pair: SigningKey
    begins: float
    ends: float
    #: "" for an only key.
    name: str = ""
    use: str = _BOTH
    path: Path | None = field(default=None, repr=False)

    @classmethod
    def of(cls, pair: SigningKey, *, path: Path | None = None) -> "OwnKey":
        """A key with the validity of its certificate."""
        validity = _validity(pair)
        return cls(pair, validity.begins, validity.ends, path=path)

    @property
    def signs(self) -> bool:
        """Whether it may sign."""
        return self.use != _ENCRYPTION

    @property
    def encrypts(self) -> bool:
        """Whether others may encrypt for us with it."""
        return self.use != _SIGNING and self.is_rsa

    @property
    def is_rsa(self) -> bool:
        """Whether it is RSA, the only kind that encrypts or that DigiD knows."""
        return isinstance(self.pair.private, RSAPrivateKey)

    def is_over(self, now: float) -> bool:
        """Whether it is no longer published."""
        return self.ends <= now


def in_turn(keys: Sequence[OwnKey], now: float) -> OwnKey | None:
    """The key that signs now, which is the last to begin; None without keys."""
    # If all have expired, the last continues: peers accept a key because metadata names
    # it, and a site without logins helps nobody.
    begun = [key for key in keys if key.begins <= now]
    if not begun:
        return min(keys, key=attrgetter("begins"), default=None)
    live = [key for key in begun if not key.is_over(now)]
    return max(live or begun, key=attrgetter("begins", "ends"))


def published(keys: Sequence[OwnKey], now: float) -> tuple[OwnKey, ...]:
    """The unexpired keys, the signing one first: DigiD may try no other (DigiD 4)."""
    first = in_turn(keys, now)
    if first is None:
        return ()
    other_keys = sorted(
        (key for key in keys if key is not first and not key.is_over(now)),
        key=lambda key: (key.begins <= first.begins, key.begins),
    )
    return (first, *other_keys)


def last_in_line(keys: Sequence[OwnKey]) -> OwnKey:
    """The last of a chain of keys without a gap in time."""
    now = clock.now()
    last = in_turn(keys, now) or keys[0]
    while following := [k for k in keys if k.begins <= last.ends < k.ends]:
        last = max(following, key=attrgetter("ends"))
    return last


def load_pair(key: Path, certificate: Path) -> SigningKey:
    """Load a key and its certificate; ConfigurationError names both files."""
    try:
        return SigningKey.load(key.read_bytes(), certificate.read_bytes())
    except OSError as error:
        reason = f"cannot read '{error.filename}': {error.strerror}"
        raise ConfigurationError(reason) from error
    except ConfigurationError as error:
        raise ConfigurationError(f"'{key}' and '{certificate}': {error}") from error


def pair_faults(folder: Path, values: Mapping[str, str]) -> Iterator[Fault]:
    """Yield a fault if files ``key`` and ``certificate`` exist and do not match."""
    files = [folder / values.get(name, "").strip() for name in ("key", "certificate")]
    if all(path.is_file() for path in files):
        try:
            load_pair(*files)
        except ConfigurationError as error:
            yield Fault("", "", "", "", f"key, certificate: {error}")


def key_files(path: Path | None) -> Sequence[Path]:
    """The file with a key, or those of a folder."""
    if path is None:
        return ()
    return sorted(path.glob("*.key")) if path.is_dir() else [path]


def read_keys(folder: Path) -> tuple[OwnKey, ...]:
    """Read all keys, sorted by start; ConfigurationError has all faults."""
    faults: list[str] = []
    calendar = _read_calendar(folder / CALENDAR, faults)
    names = _names(folder, calendar, faults)
    keys = [
        key
        for name in names
        if (key := _read(folder, name, calendar.get(name, {}), faults))
    ]
    if not faults and not any(key.signs for key in keys):
        faults.append(
            f"{folder}: found no signing key among {len(keys)};"
            " expected NAME.key with NAME.crt"
        )
    if faults:
        raise ConfigurationError("; ".join(faults))
    return tuple(sorted(keys, key=attrgetter("begins", "ends", "name")))


def signing_as(keys: Sequence[OwnKey], profile: Profile) -> tuple[OwnKey, ...]:
    """The keys, signing as a profile does."""
    names_key = profile.signatures_name_key
    return tuple(replace(k, pair=replace(k.pair, names_key=names_key)) for k in keys)


def write_turn(name: str, begins: float, ends: float, use: str = _BOTH) -> str:
    """A section of ``keys.ini``."""
    lines = [f"[{name}]", f"from = {_shown(begins)}", f"until = {_shown(ends)}"]
    if use != _BOTH:
        lines.append(f"use = {use}")
    return "\n".join([*lines, ""])


def read_instant(text: str) -> float:
    """Parse a day or an instant in UTC; ValueError has the expectation."""
    word = text.strip()
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"):
        try:
            return datetime.strptime(word, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    raise ValueError(
        f"found {word[:40]!r}; expected a day such as '2026-12-01', or a time such"
        " as '2026-12-01T03:00Z' (UTC)"
    )


def _shown(instant: float) -> str:
    return write_instant(instant).removesuffix("T00:00:00Z")


def _validity(pair: SigningKey) -> _Period:
    certificate = pair.certificate
    return _Period(
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
    )


def _read_calendar(path: Path, faults: list[str]) -> Mapping[str, Mapping[str, str]]:
    parser = configparser.ConfigParser(
        interpolation=None, default_section="", empty_lines_in_values=False
    )
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file, source=str(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{path}: cannot read it: {error}")
        return {}
    except configparser.Error as error:
        faults.append(" ".join(str(error).split()))
        return {}
    return {section: dict(parser[section]) for section in parser.sections()}


def _names(folder: Path, calendar: Iterable[str], faults: list[str]) -> Sequence[str]:
    try:
        files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        faults.append(f"{folder}: cannot read it: {error.strerror}")
        return ()
    keys = {path.stem for path in files if path.suffix == ".key"}
    certificates = {path.stem for path in files if path.suffix == ".crt"}
    faults += _missing_files(folder, keys, certificates, calendar)
    pairs = sorted(keys & certificates)
    faults += [
        (
            f"{folder}: found the name {name!r}; expected letters, digits, '.', '_' and"
            " '-'"
        )
        for name in pairs
        if not NAME.fullmatch(name)
    ]
    if len(pairs) > _MOST:
        faults.append(f"{folder}: found {len(pairs)} keys; expected at most {_MOST}")
        return ()
    return pairs


def _missing_files(
    folder: Path,
    keys: Collection[str],
    certificates: Collection[str],
    calendar: Iterable[str],
) -> Iterator[str]:
    for name in sorted({*keys} ^ {*certificates}):
        present, missing = (".key", ".crt") if name in keys else (".crt", ".key")
        yield (
            f"{folder / (name + present)}: found no {name}{missing} beside it; expected"
            " both files"
        )
    for name in sorted({*calendar} - {*keys} - {*certificates}):
        yield (
            f"{folder / CALENDAR}: [{name}]: found no such key; expected the files"
            f" {name}.key and {name}.crt in the folder"
        )


def _read(
    folder: Path, name: str, settings: Mapping[str, str], faults: list[str]
) -> OwnKey | None:
    certificate = folder / f"{name}.crt"
    try:
        pair = load_pair(folder / f"{name}.key", certificate)
    except ConfigurationError as error:
        faults.append(str(error))
        return None
    key_faults = [*_faults_of(settings, pair)]
    faults += [f"{folder / CALENDAR}: [{name}] {fault}" for fault in key_faults]
    if key_faults:
        return None
    period = _period(settings, pair)
    use = settings.get("use", _BOTH).strip()
    return OwnKey(pair, period.begins, period.ends, name, use, certificate)


def _period(settings: Mapping[str, str], pair: SigningKey) -> _Period:
    validity = _validity(pair)
    return _Period(
        read_instant(settings["from"]) if "from" in settings else validity.begins,
        read_instant(settings["until"]) if "until" in settings else validity.ends,
    )


def _faults_of(settings: Mapping[str, str], pair: SigningKey) -> Iterator[str]:
    for option in sorted(settings.keys() - {*_OPTIONS}):
        yield f"{option}: unknown option; expected one of {', '.join(_OPTIONS)}"
    use = settings.get("use", _BOTH).strip()
    if use not in (_SIGNING, _ENCRYPTION, _BOTH):
        yield (
            f"use: found {use[:40]!r}; expected '{_SIGNING}', '{_ENCRYPTION}' or"
            f" '{_BOTH}'"
        )
    if use == _ENCRYPTION and not isinstance(pair.private, RSAPrivateKey):
        yield "use: found a key that cannot encrypt; expected an RSA key"
    wrong = [*_faults_of_instants(settings)]
    yield from wrong
    if not wrong:
        yield from _faults_of_period(settings, pair)


def _faults_of_instants(settings: Mapping[str, str]) -> Iterator[str]:
    for option in ("from", "until"):
        try:
            if option in settings:
                read_instant(settings[option])
        except ValueError as error:
            yield f"{option}: {error}"


def _faults_of_period(settings: Mapping[str, str], pair: SigningKey) -> Iterator[str]:
    period, validity = _period(settings, pair), _validity(pair)
    begins, ends = _shown(period.begins), _shown(period.ends)
    if period.begins >= period.ends:
        yield f"from, until: found {begins} and {ends}; expected 'until' after 'from'"
    if period.begins < validity.begins:
        yield (
            f"from: found {begins}; expected a day on which its certificate is valid,"
            f" which begins at {write_instant(validity.begins)}"
        )
    if period.ends > validity.ends:
        yield (
            f"until: found {ends}; expected a day on which its certificate is valid,"
            f" which ends at {write_instant(validity.ends)}"
        )
