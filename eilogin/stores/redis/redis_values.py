"""The operations on values; each value is at the server of its own key.

A value with an owner names the *lineage* of that session, which ends with its last
heir. Reads check it after the value, so no value outlives its owner.

A value is a hash: ``t`` (text), ``u`` (until), and ``n`` (the key of a lineage).
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eilogin import clock
from eilogin.stores.redis import lua_scripts
from eilogin.stores.redis.lua_scripts import Argument, Script, packed
from eilogin.stores.redis.redis_client import MOST_RETRIES, Client, text_of


@dataclass(frozen=True, slots=True)
class _Value:
    """A value as written; it exists only while its lineage does."""

    text: str
    until: bytes
    lineage: bytes


class RedisValues:
    """The verbs of :class:`eilogin.stores.Store` on values."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add(
        self,
        key: str,
        value: str,
        until: float,
        *,
        owner: str | None = None,
        durable: bool = True,
    ) -> bool:
        """See :meth:`eilogin.stores.Store.add`."""
        lineage = b""
        if owner is not None:
            lineage_of_owner = self._lineage_of(owner)
            if lineage_of_owner is None:
                return False
            lineage = lineage_of_owner
        expired_lineage = b""
        for _ in range(MOST_RETRIES):
            added = self._run(
                lua_scripts.ADD,
                key,
                value,
                until,
                lineage,
                expired_lineage,
                durable=durable,
            )
            if isinstance(added, int):
                return bool(added)
            expired_lineage = added
            if self._until_of(expired_lineage) > clock.now():
                return False
        raise self._client.too_busy()

    def get(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.get`."""
        name = self._name_of(key)
        value = _value(self._client.ask(name, packed("HMGET", name, "t", "u", "n")))
        if value is None:
            return None
        if self._is_live(value):
            return value.text
        self._run(lua_scripts.DISCARD, key, value.until, value.lineage)
        return None

    def take(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.take`."""
        value = _value(self._run(lua_scripts.TAKE, key))
        return value.text if value is not None and self._is_live(value) else None

    def swap(
        self, key: str, old: str, new: str, until: float, *, durable: bool = True
    ) -> bool:
        """See :meth:`eilogin.stores.Store.swap`."""
        lineage = b""
        for _ in range(MOST_RETRIES):
            swapped = self._run(
                lua_scripts.SWAP, key, old, new, until, lineage, durable=durable
            )
            if isinstance(swapped, int):
                return bool(swapped)
            lineage = swapped
            if lineage and self._until_of(lineage) <= clock.now():
                return False
        raise self._client.too_busy()

    def _is_live(self, value: _Value) -> bool:
        now = clock.now()
        if _number(value.until) <= now:
            return False
        return not value.lineage or self._until_of(value.lineage) > now

    def _lineage_of(self, owner: str) -> bytes | None:
        place = self._client.place_of(owner)
        name = self._client.run(lua_scripts.LINEAGE, place, owner, secrets.token_hex(8))
        return None if name is None else b"%b:n:%b" % (place, name)

    def _until_of(self, lineage: bytes) -> float:
        return _number(self._client.ask(lineage, packed("GET", lineage)))

    def _name_of(self, key: str) -> bytes:
        return f"{self._client.url.prefix}:v:{key}".encode()

    def _run(
        self,
        script: Script,
        key: str,
        *arguments: Argument,
        durable: bool = True,
    ) -> Any:
        name = self._name_of(key)
        return self._client.run_alone(script, name, *arguments, durable=durable)


def _number(octets: bytes | None) -> float:
    """Return the number; minus infinity if it is absent or unreadable."""
    try:
        return float(octets or b"")
    except ValueError:
        return -math.inf


def _value(fields: Sequence[bytes | None] | None) -> _Value | None:
    text, until, lineage = fields or (None,) * 3
    if text is None or until is None:
        return None
    return _Value(text_of(text), until, lineage or b"")
