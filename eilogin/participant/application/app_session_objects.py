"""Beaker's objects for the application, tied to a login.

Only ``appsession`` in use imports this module: Beaker loads the drivers of its backends
too, such as redis.
"""

import json
import logging
import re
from typing import Any

from beaker.session import Session, SessionObject

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.participant.application.app_session_records import (
    EMPTY,
    KeyChanges,
    StoredAppSession,
    keys_in,
)
from eilogin.participant.application.app_session_stores import (
    AppSessionPlace,
    NoAppSession,
)

#: How often a request tries to store its session; another one has succeeded each time.
TRIES = 100

_log = logging.getLogger("eilogin.appsession")

#: Match the form of an ID. Others are not looked up, whoever made them.
_is_id = re.compile(r"[0-9a-f]{64}").fullmatch


#: Keys that Beaker adds to those of the application.
_BEAKERS = frozenset(("_creation_time", "_accessed_time", "_domain", "_path"))


class TiedSession(Session):  # type: ignore[misc]
    """Beaker's session, with a place and an ID that it cannot choose."""

    last_accessed: float | None

    def __init__(
        self,
        request: dict[str, Any],
        *,
        place: AppSessionPlace,
        max_size: int,
        id: str | None = None,  # noqa: A002 - Beaker's name
        **settings: Any,
    ) -> None:
        self._place = place
        self._max_size = max_size
        #: The text in the store, as far as we know.
        self._stored: str | None = None
        #: The text at the start of this request, to find the application's change.
        self._begun: str | None = None
        self._now = clock.now()
        # Created late, because most requests never use their session.
        super().__init__(request, id=id or place.id, **settings)

    def load(self) -> None:
        """Read the stored session; begin an empty one if there is none."""
        try:
            record = self._read()
        except StoreUnavailable as error:
            self._give_up("read", error)
            record = self._read()
        self._reset()
        if record is not None:
            self.update(record.keys)
            self["_creation_time"] = record.created
            self.is_new, self.last_accessed = False, record.accessed
        self.accessed_dict = self.copy()

    def _read(self) -> StoredAppSession | None:
        self._stored = self._begun = self._place.read(self.id)
        record = StoredAppSession.read(self._stored)
        if record is None:
            if self._stored not in (None, EMPTY):
                _log.warning(
                    "cannot read an application's session, perhaps because "
                    "another version wrote it; eilogin treats it as empty"
                )
            return None
        if self.timeout is None or clock.now() - record.accessed <= self.timeout:
            return record
        # Not deleted: another request, which came in time, may just have stored it.
        if self._place.put(self.id, self._stored, EMPTY):
            self._stored = EMPTY
        self._begun = None
        self.was_invalidated = True
        return None

    def delete(self) -> None:
        """Delete the stored session."""
        try:
            self._place.remove(self.id)
        except StoreUnavailable as error:
            self._give_up("deleted", error)
        self._stored = self._begun = None
        self._reset()

    def invalidate(self) -> None:
        """Delete the stored session, as Beaker's caller expects."""
        self.delete()
        self.was_invalidated = True

    def regenerate_id(self) -> None:
        """Do nothing: nobody chooses an ID."""

    def lock(self) -> None:
        """Do nothing: a write replaces only what its writer has read."""

    def unlock(self) -> None:
        """Do nothing, as ``lock``."""

    def save(self, accessed_only: bool = False) -> None:  # noqa: FBT001, FBT002 - Beaker's
        """Store the keys that this request has changed."""
        if accessed_only and (self.is_new or not self.save_atime):
            return
        before = keys_in(self._begun)
        # Through JSON, as the next request reads them.
        after = before if accessed_only else json.loads(json.dumps(self._own()))
        changes = KeyChanges.between(before, after)
        if not changes and not self.save_atime:
            return
        try:
            if self._store(changes):
                self._begun = StoredAppSession(self._now, self._now, after).text()
        except StoreUnavailable as error:
            _log.warning(
                "cannot tell whether an application's session was stored: %s", error
            )

    def _own(self) -> dict[str, Any]:
        return {name: self[name] for name in self if name not in _BEAKERS}

    def _store(self, changes: KeyChanges) -> bool:
        for _ in range(TRIES):
            new = self._text_with(changes)
            if new == (self._stored or EMPTY):
                # Nothing to write, unless another request has changed it meanwhile.
                before, self._stored = self._stored, self._place.read(self.id)
                if self._stored == before:
                    return True
                continue
            if len(new) > self._max_size:
                _log.warning(
                    "an application's session was not stored and keeps its old "
                    "content: it has %d bytes, and max_size of appsession is %d",
                    len(new),
                    self._max_size,
                )
                return False
            if self._place.put(self.id, self._stored, new):
                self._stored = new
                return True
            before, self._stored = self._stored, self._place.read(self.id)
            if before is None and self._stored is None:
                # The login has ended, or another request deleted the session after us.
                return False
        _log.warning(
            "an application's session was not stored: in %d tries, another "
            "request of the same visitor changed it first",
            TRIES,
        )
        return False

    def _text_with(self, changes: KeyChanges) -> str:
        record = StoredAppSession.read(self._stored) or StoredAppSession(
            self._now, self._now, {}
        )
        return StoredAppSession(
            record.created,
            # A slow request does not make the session older than it is.
            max(record.accessed, self._now),
            changes.applied_to(record.keys),
        ).text()

    def _reset(self) -> None:
        self.clear()
        self.is_new = True
        self.last_accessed = None
        self._now = self["_accessed_time"] = self["_creation_time"] = clock.now()
        self.accessed_dict = self.copy()

    def _give_up(self, verb: str, error: StoreUnavailable) -> None:
        # After a failed read or delete, neither change nor delete the session.
        _log.warning("an application's session cannot be %s: %s", verb, error)
        self._place = NoAppSession()


class LazySession(SessionObject):  # type: ignore[misc]
    """The session for the application, which loads it at the first use."""

    def __repr__(self) -> str:
        return "<the application's session>"

    def may_have_changes(self) -> bool:
        """Return whether ``persist`` may have something to write."""
        settings = self.__dict__["_params"]
        return self.accessed() and (
            self.dirty()
            or settings["auto"]
            or (settings["save_accessed_time"] and not self.is_new)
        )

    def get_by_id(self, id: str) -> Session | None:  # noqa: A002 - Beaker's name
        """Return the stored session with this ID, or None."""
        if not _is_id(id):
            return None
        session = TiedSession({}, **{**self.__dict__["_params"], "id": id})
        return None if session.is_new else session
