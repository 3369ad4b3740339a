"""Services that are not reachable at the moment, as far as this server knows.

It contacts nobody for it. It knows expired metadata (no hub signs anybody in), the file
``not_reachable``, and whether the back channel has just reached the hub for another
reason.
"""

import logging
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, ValidationInfo

from eilogin.config import from_ini, is_there
from eilogin.errors import UnknownPeer
from eilogin.federation import Trust
from eilogin.http_client import Reachability

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eilogin.saml.metadata import Endpoint

_log = logging.getLogger("eilogin")

#: Seconds between looks at the file, and bytes.
_LOOKED_EVERY = 5.0
_LONGEST_FILE = 1_000_000
#: Seconds for which a look at the hub counts.
_SEEN_WITHIN = 60.0
_NOBODY = (Reachability.AWAY, Reachability.REFUSED)


def _file_to_come(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    path = from_ini(value, info)
    if is_there(path.is_dir) or not is_there(path.parent.is_dir):
        raise ValueError("a file, or a new one in an existing folder")
    return path


FileToCome = Annotated[Path, BeforeValidator(_file_to_come)]


class NotReachable:
    """The entityIDs in a file, read again when it changes; none without it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._next = 0.0
        self._state: object = None
        self._ids: frozenset[str] = frozenset()

    @property
    def entity_ids(self) -> Collection[str]:
        """The entityIDs, at most some seconds old."""
        now = time.monotonic()
        if self._path is not None and now >= self._next:
            self._next = now + _LOOKED_EVERY
            self._look(self._path)
        return self._ids

    def _look(self, path: Path) -> None:
        try:
            found = path.stat()
            state: object = (found.st_mtime_ns, found.st_size, found.st_ino)
            if state == self._state:
                return
            with path.open("rb") as file:
                text = file.read(_LONGEST_FILE).decode()
        except FileNotFoundError:
            self._state, self._ids = None, frozenset()
        except (OSError, UnicodeDecodeError) as error:
            self._fail(path, error)
        else:
            lines = (line.strip() for line in text.splitlines())
            self._state = state
            self._ids = frozenset(one for one in lines if one and one[0] != "#")

    def _fail(self, path: Path, error: Exception) -> None:
        """Log once that the file cannot be read; then nothing is known."""
        told = f"{error}"
        if told != self._state:
            _log.warning(
                "portal: not_reachable: cannot read %s (%s); the page shows "
                "every service as reachable",
                path,
                told,
            )
        self._state, self._ids = told, frozenset()


def hub_is_away(trust: Trust, hub: str) -> bool:
    """Whether the last look at a hub, a moment ago, found nobody."""
    seen = {
        trust.back_channel.last_outcome(one.location, within=_SEEN_WITHIN)
        for one in _addresses(trust, hub)
    }
    # A firewall of ours may block one address only.
    return Reachability.THERE not in seen and not seen.isdisjoint(_NOBODY)


def _addresses(trust: Trust, hub: str) -> "Iterator[Endpoint]":
    try:
        role = trust.hub(hub)
    except UnknownPeer:
        return
    yield from role.single_sign_ons
    yield from role.artifact_resolutions
