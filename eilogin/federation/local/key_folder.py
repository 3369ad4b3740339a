"""The keys of a folder as they are now: a new key needs no restart.

eilogin reads the folder at the use of a key, at most once a second. If a file cannot be
used, the earlier keys stay. While the files of a pair arrive one by one, there is a
fault for a moment, so eilogin logs it only at the second reading.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, overload

from eilogin import audit
from eilogin.errors import ConfigurationError
from eilogin.federation.local.local_keys import OwnKey, read_keys, signing_as
from eilogin.federation.local.profiles import SAML_PROFILE, Profile
from eilogin.saml.signing_keys import fingerprints

_log = logging.getLogger("eilogin")

#: Seconds between two looks, and until eilogin reads the files again after a fault.
EVERY, AGAIN = 1.0, 60.0


class _FileStamp(NamedTuple):
    """A value that changes with the content of a file, its owner or its mode."""

    name: str
    inode: int
    ctime_ns: int
    size: int


class KeyFolder(Sequence[OwnKey]):
    """The keys of a folder at each use; ConfigurationError if unusable at start."""

    def __init__(
        self, folder: Path, *, site: str = "", profile: Profile = SAML_PROFILE
    ) -> None:
        self._folder, self._site, self._profile = folder, site, profile
        self._stamps = _stamps(folder)
        self._keys = self._read()
        self._next = time.monotonic() + EVERY
        self._fault, self._is_logged = "", False
        self._again = 0.0

    def __len__(self) -> int:
        return len(self._now)

    def __iter__(self) -> Iterator[OwnKey]:
        return iter(self._now)

    @overload
    def __getitem__(self, index: int) -> OwnKey: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[OwnKey]: ...
    def __getitem__(self, index: int | slice) -> OwnKey | Sequence[OwnKey]:
        return self._now[index]

    @property
    def _now(self) -> tuple[OwnKey, ...]:
        now = time.monotonic()
        if now >= self._next:
            # Two threads may read at once, with the same result.
            self._next = now + EVERY
            self._look()
        return self._keys

    def _look(self) -> None:
        stamps, now = _stamps(self._folder), time.monotonic()
        if stamps != self._stamps:
            self._stamps, self._is_logged = stamps, False
        else:
            self._complain()
            if not self._fault or now < self._again:
                return
        self._again = now + AGAIN
        try:
            before, self._keys, self._fault = self._keys, self._read(), ""
        except ConfigurationError as error:
            self._fault = str(error)
            return
        changes = [*_changes(before, self._keys)]
        for line in changes:
            _log.warning("%s: keys: %s", self._site, line)
        if changes:
            audit.event("keys.changed", peer=self._site, changes=changes)

    def _complain(self) -> None:
        if self._fault and not self._is_logged:
            self._is_logged = True
            consequence = "the previous keys stay in use"
            _log.error("%s: keys: %s: %s", self._site, consequence, self._fault)

    def _read(self) -> tuple[OwnKey, ...]:
        keys = read_keys(self._folder)
        if not self._profile.requires_rsa:
            return signing_as(keys, self._profile)
        if wrong := [key.name for key in keys if not key.is_rsa]:
            raise ConfigurationError(
                f"{self._folder}: found keys that are not RSA: {', '.join(wrong)};"
                " expected RSA, because DigiD accepts nothing else"
            )
        return signing_as(keys, self._profile)


def _changes(before: Sequence[OwnKey], now: Sequence[OwnKey]) -> Iterator[str]:
    old, new = ({_label(key): key for key in keys} for keys in (before, now))
    yield from (f"{label} was added" for label in new if label not in old)
    yield from (f"{label} was removed" for label in old if label not in new)
    for label, key in new.items():
        if label in old and _has_other_settings(key, old[label]):
            yield f"{label} has other dates or another use"


def _label(key: OwnKey) -> str:
    return f"{key.name} ({fingerprints(key.pair.certificate_text)})"


def _has_other_settings(new: OwnKey, old: OwnKey) -> bool:
    return (new.begins, new.ends, new.use) != (old.begins, old.ends, old.use)


def _stamps(folder: Path) -> tuple[_FileStamp, ...]:
    try:
        files = sorted(folder.iterdir())
        stats = [(path.name, path.stat()) for path in files]
    except OSError:
        return ()
    return tuple(
        _FileStamp(name, stat.st_ino, stat.st_ctime_ns, stat.st_size)
        for name, stat in stats
    )
