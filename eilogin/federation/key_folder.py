"""The keys of a folder as they are there now: a key that is put there needs no restart.

The next key is published weeks before it signs, and is taken away when it is over. The
folder is looked at where a key is needed, once a second at most, so that it is the same
in each process and thread of a site, whether it serves a visitor or works by itself.

What cannot be used changes nothing: the keys of before stay. While the files of a pair
are put there one by one something is wrong for a moment, so that the log is told of
what is wrong at the second look.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

from eilogin.errors import ConfigurationError
from eilogin.federation.own_keys import OwnKey, are_rsa, as_digid, read_keys

_log = logging.getLogger("eilogin")

#: Seconds between two looks.
EVERY = 1.0

_Stamp = tuple[tuple[str, int, int, int], ...]


class KeyFolder(Sequence[OwnKey]):
    """All keys of a folder, by what lies there at each use.

    Raises :class:`eilogin.errors.ConfigurationError` where they cannot be used when it
    is made.
    """

    def __init__(self, folder: Path, *, is_digid: bool) -> None:
        self._folder, self._is_digid = folder, is_digid
        self._stamp = _stamp(folder)
        self._keys = self._read()
        self._next = time.monotonic() + EVERY
        #: What is wrong with what lies there, and whether that was told.
        self._fault, self._is_told = "", False

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
            # Of two threads at once both may look: they find the same.
            self._next = now + EVERY
            self._look()
        return self._keys

    def _look(self) -> None:
        stamp = _stamp(self._folder)
        if stamp == self._stamp:
            self._complain()
            return
        self._stamp, self._is_told = stamp, False
        try:
            self._keys, self._fault = self._read(), ""
        except (ConfigurationError, OSError) as error:
            self._fault = str(error)
            return
        names = ", ".join(key.name for key in self._keys)
        _log.info("keys: %s has other ones now: %s", self._folder, names)

    def _complain(self) -> None:
        if self._fault and not self._is_told:
            self._is_told = True
            _log.error("keys: those of before stay in use: %s", self._fault)

    def _read(self) -> tuple[OwnKey, ...]:
        found = read_keys(self._folder)
        if not self._is_digid:
            return found
        if not are_rsa(found):
            raise ConfigurationError(
                f"{self._folder}: expected RSA, which is all that DigiD knows"
            )
        return as_digid(found)


def _stamp(folder: Path) -> _Stamp:
    """What is another one when a file there is; () of a folder that is not there."""
    try:
        files = sorted(folder.iterdir())
        found = [(path.name, path.stat()) for path in files]
    except OSError:
        return ()
    return tuple((name, s.st_ino, s.st_mtime_ns, s.st_size) for name, s in found)
