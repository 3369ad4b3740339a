"""The record of a session of ``appsession``, and the changes of a request to it."""

import json
from dataclasses import dataclass
from typing import Any

from eilogin.sessions import UNREADABLE

#: A session without keys counts as no session.
EMPTY = "{}"


@dataclass(frozen=True, slots=True)
class StoredAppSession:
    """A session as stored, in JSON."""

    created: float
    accessed: float
    keys: dict[str, Any]

    @classmethod
    def read(cls, text: str | None) -> "StoredAppSession | None":
        """Parse a stored text; None if it is missing, empty or unreadable."""
        if text is None or text == EMPTY:
            return None
        try:
            record = json.loads(text)
            return cls(
                float(record["created"]), float(record["accessed"]), {**record["keys"]}
            )
        except UNREADABLE:
            return None

    def text(self) -> str:
        """Return the text to store."""
        if not self.keys:
            return EMPTY
        parts = {"created": self.created, "accessed": self.accessed, "keys": self.keys}
        return json.dumps(parts)


def keys_in(text: str | None) -> dict[str, Any]:
    """Return the application's data in a stored text; {} for none."""
    session = StoredAppSession.read(text)
    return session.keys if session else {}


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """The changes of a request to the keys of a session."""

    put: dict[str, Any]
    removed: frozenset[str]

    @classmethod
    def between(cls, before: dict[str, Any], after: dict[str, Any]) -> "KeyChanges":
        """Compare keys before and after; values differ if their JSON differs."""
        put = {
            name: value
            for name, value in after.items()
            if name not in before or json.dumps(before[name]) != json.dumps(value)
        }
        return cls(put, frozenset(before.keys() - after.keys()))

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)

    def applied_to(self, keys: dict[str, Any]) -> dict[str, Any]:
        """Return the current keys of a session with the changes."""
        remaining = {name: keys[name] for name in keys if name not in self.removed}
        return {**remaining, **self.put}
