"""Services that are not reachable at the moment, as far as this server knows.

It contacts no service. It knows expired metadata, the file ``not_reachable``, and
whether the back channel has just reached the hub for another reason.
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

#: Seconds between checks of the file, and its most bytes.
_CHECKED_EVERY = 5.0
_LONGEST_FILE = 1_000_000
#: Seconds for which a call to the hub counts.
_KNOWN_FOR = 60.0
_DOWN = (Reachability.AWAY, Reachability.REFUSED)


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
            self._next = now + _CHECKED_EVERY
            self._read(self._path)
        return self._ids

    def _read(self, path: Path) -> None:
        try:
            stat = path.stat()
            state: object = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
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
            self._ids = frozenset(line for line in lines if line and line[0] != "#")

    def _fail(self, path: Path, error: Exception) -> None:
        """Log once that the file cannot be read; count each service as reachable."""
        reason = f"{error}"
        if reason != self._state:
            _log.warning(
                "portal: not_reachable: cannot read %s (%s); the page shows "
                "every service as reachable",
                path,
                reason,
            )
        self._state, self._ids = reason, frozenset()


def hub_is_away(trust: Trust, hub: str) -> bool:
    """Return whether the last call to a hub, a moment ago, did not reach it."""
    outcomes = {
        trust.back_channel.last_outcome(endpoint.location, within=_KNOWN_FOR)
        for endpoint in _endpoints(trust, hub)
    }
    # A firewall of ours may block only one of the addresses.
    return Reachability.THERE not in outcomes and not outcomes.isdisjoint(_DOWN)


def _endpoints(trust: Trust, hub: str) -> "Iterator[Endpoint]":
    try:
        role = trust.hub(hub)
    except UnknownPeer:
        return
    yield from role.single_sign_ons
    yield from role.artifact_resolutions
