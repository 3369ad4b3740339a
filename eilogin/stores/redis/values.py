"""Values, each of which is at the server of its own key.

A value with an owner names the *lineage* of that session: it is there only while the
lineage is, which ends with the session or its last heir. The lineage is looked at after
the value was, so that nothing is given out whose owner ended before that.

A value is a hash: ``t`` (text), ``u`` (until), and where it has an owner ``n`` (the key
of its lineage) and ``g`` (how many heirs that had).
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eilogin import clock
from eilogin.stores.redis.client import MOST_RETRIES, Client, text_of
from eilogin.stores.redis.scripts import (
    ARGUMENTS,
    LINEAGE,
    Argument,
    Script,
    packed,
    verb,
)

_VALUES = (
    ARGUMENTS
    + """
local value = KEYS[1]
local found = on('HMGET', value, 't', 'u', 'n', 'g')
local text, till, lineage, heirs = found[1], tonumber(found[2]), found[3], found[4]
local is_there = text and till and till > now
"""
)


def _on_values(text: str) -> Script:
    return verb(_VALUES, text)


#: now, text, until, lineage, heirs, [a lineage that is over, heirs]. 1 where it was
#: added, 0 where another is there; or that one's lineage and heirs, if it has any: it
#: is there only while they are, which the caller has to find out.
_ADD = _on_values("""
local new, till, of, its_heirs, over = arg(), arg(), arg(), arg(), args()
if is_there and not lineage then return 0 end
if is_there and not (over[1] == lineage and over[2] == heirs) then
  return {lineage, heirs}
end
redis.call('DEL', value)
local owner = of ~= '' and {'n', of, 'g', its_heirs} or {}
-- In one: a log that breaks off in between must not leave a value that nobody owns.
redis.call('HSET', value, 't', new, 'u', till, unpack(owner))
redis.call('PEXPIRE', value, life(till))
return 1
""")

#: now. The value, which is gone then.
_TAKE = _on_values("""
redis.call('DEL', value)
return found
""")

#: now, old, new, until, lineage, heirs before, heirs now. 1 where it was swapped, 0
#: where ``old`` is not there; or its lineage and heirs, where it has others than those.
_SWAP = _on_values("""
local old, new, till = arg(), arg(), arg()
local of, before, after = arg(), arg(), arg()
if not is_there or text ~= old then return 0 end
if (lineage or '') ~= of or (heirs or '') ~= before then
  return {lineage or '', heirs or ''}
end
redis.call('HSET', value, 't', new, 'u', till)
if of ~= '' then redis.call('HSET', value, 'g', after) end
redis.call('PEXPIRE', value, life(till))
return 1
""")

#: now, until, lineage, heirs: a value that was found to be over, unless it is another.
_DISCARD = _on_values("""
local is_it = found[2] == arg()
is_it = (lineage or '') == arg() and is_it
is_it = (heirs or '') == arg() and is_it
if is_it then redis.call('DEL', value) end
return 0
""")


@dataclass(frozen=True, slots=True)
class _Value:
    """A value as it is written; what it is worth depends on its lineage."""

    text: str
    until: bytes
    lineage: bytes
    heirs: bytes


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
        lineage, heirs = b"", b""
        if owner is not None:
            found = self._lineage_of(owner)
            if found is None:
                return False
            lineage, heirs, ends = found
            until = min(until, ends)
        over: tuple[bytes, ...] = ()
        for _ in range(MOST_RETRIES):
            added = self._run(
                _ADD,
                key,
                value,
                until,
                lineage,
                heirs,
                over,
                durable=durable,
            )
            if isinstance(added, int):
                return bool(added)
            over = (added[0], added[1])
            if self._until_of(*over) > clock.now():
                return False
        raise self._client.too_busy()

    def get(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.get`."""
        name = self._name_of(key)
        value = _value(
            self._client.ask(name, packed("HMGET", name, "t", "u", "n", "g"))
        )
        if value is None:
            return None
        if self._is_there(value):
            return value.text
        self._run(_DISCARD, key, value.until, value.lineage, value.heirs)
        return None

    def take(self, key: str) -> str | None:
        """See :meth:`eilogin.stores.Store.take`."""
        value = _value(self._run(_TAKE, key))
        return value.text if value is not None and self._is_there(value) else None

    def swap(
        self, key: str, old: str, new: str, until: float, *, durable: bool = True
    ) -> bool:
        """See :meth:`eilogin.stores.Store.swap`."""
        lineage, heirs, heirs_now = b"", b"", b""
        for _ in range(MOST_RETRIES):
            swapped = self._run(
                _SWAP,
                key,
                old,
                new,
                until,
                lineage,
                heirs,
                heirs_now,
                durable=durable,
            )
            if isinstance(swapped, int):
                return bool(swapped)
            lineage, heirs = swapped
            untils = self._untils_of(lineage)
            if _least(untils, heirs) <= clock.now():
                return False
            heirs_now = b"%d" % (len(untils) - 1)
        raise self._client.too_busy()

    def _is_there(self, value: _Value) -> bool:
        now = clock.now()
        if _number(value.until) <= now:
            return False
        return not value.lineage or self._until_of(value.lineage, value.heirs) > now

    def _lineage_of(self, owner: str) -> tuple[bytes, bytes, float] | None:
        """The key of a session's lineage, how many heirs there were, its until."""
        place = self._client.place_of(owner)
        fresh = secrets.token_hex(8)
        found = self._client.run(LINEAGE, place, owner, fresh)
        if not found:
            return None
        name, heirs, until = found
        return b"%b:n:%b" % (place, name), heirs, _number(until)

    def _untils_of(self, lineage: bytes) -> list[float]:
        text = self._client.ask(lineage, packed("GET", lineage))
        return [_number(until) for until in (text or b"").split()]

    def _until_of(self, lineage: bytes, heirs: bytes) -> float:
        return _least(self._untils_of(lineage), heirs)

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
    """A number as it was written; one that is past where there is none."""
    try:
        return float(octets or b"")
    except ValueError:
        return -math.inf


def _least(untils: Sequence[float], heirs: bytes) -> float:
    """When a value is over whose owner had so many heirs when it was written.

    No heir makes it live longer than the ones before did.
    """
    count = int(heirs) if heirs.isdigit() else 0
    return min(untils[count:], default=-math.inf)


def _value(fields: Sequence[bytes | None] | None) -> _Value | None:
    text, until, lineage, heirs = fields or (None,) * 4
    if text is None or until is None:
        return None
    return _Value(text_of(text), until, lineage or b"", heirs or b"")
