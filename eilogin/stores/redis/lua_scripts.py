"""Lua scripts: the steps that a server executes atomically.

A script gets one key. For sessions that is their *place*: the part in braces with which
keys begin that must be in one slot of a Cluster ("Hash tags",
https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). A script
makes those names itself, because it finds out which it needs only while it runs. Under
a place are

==================  ======  =====================================================
``:s:KEY``          string  a session: "until seen data"
``:b:KEY``          hash    what belongs to it: each of its labels, with ``l``, or ``f``
                            where it is of another place; ``=``, its lineage's name
``:i:KEY``          list    its items
``:x:LABEL``        zset    the sessions of this place that carry a label, by until
``:f:LABEL``        zset    those of other places that may carry it: a hint, which
                            only they can confirm
``:m:LABEL``        string  a mark: "instant until"; without a label it is for everybody
``:n:NAME``         string  a lineage: the until of its session, or of its last heir
==================  ======  =====================================================

Indexes and the data of a session leave out the shard of a name that is of their own
shard. That keeps those of our sessions within 64 octets, up to which servers store such
values in a quarter of the memory (``zset-max-listpack-value``).

The instant of the caller decides whether a record is over, as in all stores. The
server's own expiry comes a little later and only cleans up. The first write of
a script is one that a server without memory refuses, so that it refuses the whole
script. A script for a logout begins with a command that such a server accepts
(:meth:`Script.with_reserve`), so the server accepts the rest of the script too.

Another program may have stored another type at any of these names. It counts as absent,
and the script deletes it (``on``), so that it stops no logout. A lost record errs on
the side of the logout:

* An index is made again from the sessions' own data, in the same step.
* A session without readable labels may carry any label that needs an index again. It
  ends when a label, an item or an heir should be added to it.
* An unreadable mark rejects every session that was issued until now, which is all that
  it can have rejected. It accepts later ones, so that nobody is locked out.
* Hints stay as they are until others were made (:mod:`.cluster_hints`), because making
  them needs all servers.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from eilogin.stores.store_interface import REFUSED_FOR

#: Milliseconds that a server keeps what is over, so that its clock decides nothing.
SLACK = 60_000
#: The longest time, in seconds, for which a server is asked to keep anything.
LONGEST = 10 * 366 * 86400

Argument = str | bytes | float | Sequence[str | bytes]


#: A write command that needs no memory and changes nothing, whatever the key holds.
_ACCEPTED_WHEN_FULL = "redis.pcall('ZREM', KEYS[1], '')\n"


@dataclass(frozen=True)
class Script:
    """A script, and how a server is asked to run it."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        # The name that a server knows a script by, whatever SHA-1 is worth otherwise.
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)

    @cached_property
    def with_reserve(self) -> "Script":
        """The same script, for a server that has reached its ``maxmemory`` too.

        A server refuses a command that needs memory only where it is the first write
        of its script: it never stops a script half-way
        (https://redis.io/docs/latest/develop/programmability/eval-intro/).
        """
        return Script(_ACCEPTED_WHEN_FULL + self.text)

    def by_digest(self, key: bytes, arguments: Sequence[Argument]) -> bytes:
        """The command for a server that has the script."""
        return packed("EVALSHA", self.digest, "1", key, *flat(arguments))

    def by_text(self, key: bytes, arguments: Sequence[Argument]) -> bytes:
        """The command for one that does not; it has it then."""
        return packed("EVAL", self.text, "1", key, *flat(arguments))


def flat(arguments: Sequence[Argument]) -> list[str | bytes | float]:
    """Arguments as a script takes them: before the texts of a list, their number."""
    words: list[str | bytes | float] = []
    for argument in arguments:
        if isinstance(argument, (str, bytes, float, int)):
            words.append(argument)
        else:
            words += [str(len(argument)), *argument]
    return words


def packed(*words: str | bytes | float) -> bytes:
    """A command as the servers' protocol writes it (RESP).

    A number has as many digits as are needed to read the same number again.
    """
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        octets = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(octets), octets))
    return b"".join(parts)


#: How every script begins: what it was given, and how long a server keeps things.
ARGUMENTS = f"""
local now = tonumber(ARGV[1])
local at = 1
local function arg() at = at + 1; return ARGV[at] end
local function args()
  local list = {{}}
  for i = 1, tonumber(arg()) do list[i] = arg() end
  return list
end
local function life(till)
  local seconds = math.max(0, math.min(tonumber(till) - now, {LONGEST}))
  return math.floor(seconds * 1000) + {SLACK}
end
local function keep(name, till)
  local ms = life(till)
  if redis.call('PTTL', name) < ms then redis.call('PEXPIRE', name, ms) end
end

-- The names at which something of another type was.
local odd = {{}}
-- A command on a key of ours; and whether something else was there, which is gone now.
local function on(command, name, ...)
  local answer = redis.pcall(command, name, ...)
  if type(answer) ~= 'table' or not answer.err then return answer, false end
  local is_odd = string.find(answer.err, 'WRONGTYPE', 1, true) ~= nil
  if is_odd then
    odd[#odd + 1] = name
    redis.call('DEL', name)
  end
  -- Again: whatever else is wrong is raised by it.
  return redis.call(command, name, ...), is_odd
end
"""


def verb(before: str, text: str) -> Script:
    """A script of ours; its answer, and the names of what was of another type."""
    return Script(f"{before}local function verb(){text}end\nreturn {{verb(), odd}}\n")


_SESSIONS = (
    ARGUMENTS
    + f"local refused_for = {REFUSED_FOR}\n"
    + """
local place = KEYS[1]
local function name(kind, key) return place .. ':' .. kind .. ':' .. key end

-- What a record says; nothing of what is none.
local function parsed(text)
  local one = text and string.find(text, ' ', 1, true)
  local two = one and string.find(text, ' ', one + 1, true)
  if not two then return nil end
  local till, seen = string.sub(text, 1, one - 1), string.sub(text, one + 1, two - 1)
  if not (tonumber(till) and tonumber(seen)) then return nil end
  return {till = till, seen = tonumber(seen), data = string.sub(text, two + 1)}
end
local function live(key)
  local record = parsed(on('GET', name('s', key)))
  return record and tonumber(record.till) > now and record or nil
end
-- Whether something of another type is at a name, which stays there.
local function is_lost(kind, key, expected)
  local found = redis.call('TYPE', name(kind, key)).ok
  if found == expected or found == 'none' then return false end
  odd[#odd + 1] = name(kind, key)
  return true
end

-- A name without its shard, where it stands beside one of the same.
local function shard_of(text) return string.match(text, '^[^:]*:') or '' end
local function short(text, beside)
  local shard = shard_of(text)
  local rest = string.sub(text, #shard + 1)
  local is_plain = shard == shard_of(beside) and not string.find(rest, '^[/=]')
  return is_plain and rest or '/' .. text
end
local function whole(text, beside)
  if string.sub(text, 1, 1) == '/' then return string.sub(text, 2) end
  return shard_of(beside) .. text
end

-- The labels of a session, those of them that are of another place, and its lineage.
local function belongings(key)
  local labels, foreign, lineage = {}, {}, nil
  local fields = on('HGETALL', name('b', key))
  for i = 1, #fields, 2 do
    local text, kind = fields[i], fields[i + 1]
    if text == '=' then
      lineage = kind
    else
      local list = kind == 'f' and foreign or labels
      list[#list + 1] = whole(text, key)
    end
  end
  return labels, foreign, lineage
end
-- A session with all that belongs to it here; its labels of other places come back.
local function delete(key)
  local labels, foreign, lineage = belongings(key)
  redis.call('DEL', name('s', key), name('b', key), name('i', key))
  if lineage then redis.call('DEL', name('n', lineage)) end
  for _, text in ipairs(labels) do
    -- What is of another type stays: others have to see that the index is lost.
    redis.pcall('ZREM', name('x', text), short(key, text))
  end
  return foreign
end
local function carries(key, text, kind)
  return is_lost('b', key, 'hash')
    or redis.call('HGET', name('b', key), short(text, key)) == kind
end
-- Rebuild the index of a label.
local function index(text)
  local cursor, before = '0', name('s', '')
  repeat
    local found = redis.call('SCAN', cursor, 'MATCH', before .. '*', 'COUNT', 1000)
    cursor = found[1]
    for _, session in ipairs(found[2]) do
      local key = string.sub(session, #before + 1)
      local record = live(key)
      if record and carries(key, text, 'l') then
        redis.call('ZADD', name('x', text), record.till, short(key, text))
        keep(name('x', text), record.till)
      end
    end
  until cursor == '0'
end
-- A live session of which is known what belongs to it; one of which it is not ends.
local function sound(key)
  local record = live(key)
  if record and is_lost('b', key, 'hash') then
    delete(key)
    return nil
  end
  return record
end
local function label(key, text, till)
  local _, is_odd = on('ZADD', name('x', text), till, short(key, text))
  if is_odd then index(text) end
  keep(name('x', text), till)
  on('HSET', name('b', key), short(text, key), 'l')
end
local function foreign_label(key, text)
  on('HSET', name('b', key), short(text, key), 'f')
end
-- The sessions of this place in the index of a label.
local function indexed(text)
  local keys, is_odd = on('ZRANGE', name('x', text), 0, -1)
  if is_odd then
    index(text)
    keys = redis.call('ZRANGE', name('x', text), 0, -1)
  end
  for i, key in ipairs(keys) do keys[i] = whole(key, text) end
  return keys
end
-- Those of other places that may carry it; false where nobody can say.
local function hinted(text)
  if is_lost('f', text, 'zset') then return false end
  return redis.call('ZRANGEBYSCORE', name('f', text), '(' .. ARGV[1], '+inf')
end

-- The instant and the until of a mark that still counts, as texts.
local function mark_on(text)
  local found, is_odd = on('GET', name('m', text))
  if not found and not is_odd then return nil end
  local instant, ends = string.match(found or '', '^(%S+) (%S+)$')
  if not (tonumber(instant) and tonumber(ends)) then
    instant, ends = ARGV[1], tostring(now + refused_for)
    redis.call('SET', name('m', text), instant .. ' ' .. ends, 'PX', life(ends))
  end
  if tonumber(ends) > now then return instant, ends end
end
"""
)


def _on_sessions(text: str) -> Script:
    return verb(_SESSIONS, text)


#: now, key, until, seen, data, issued, [replaces], inherit, [labels], [known].
#: ``known`` are the labels of other places at which the heir's key is already. The
#: answer is "refused"; or "hints" and the labels that have to be known, with nothing
#: changed; or "made" and the labels of other places that the session replaced had.
CREATE = _on_sessions("""
local key, till, seen, data, issued = arg(), arg(), arg(), arg(), tonumber(arg())
local replaces, inherits, labels, known = args()[1], arg() == '1', args(), args()
if live(key) then return {'refused'} end
if replaces and not (inherits and sound or live)(replaces) then return {'refused'} end
for i = 0, #labels do
  -- Before the first one everybody's.
  local instant = mark_on(labels[i] or '')
  if instant and tonumber(instant) >= issued then return {'refused'} end
end
local inherited, foreign, lineage = {}, {}, nil
if replaces and inherits then
  inherited, foreign, lineage = belongings(replaces)
  local is_known = {}
  for _, text in ipairs(known) do is_known[text] = true end
  for _, text in ipairs(foreign) do
    if not is_known[text] then return {'hints', unpack(foreign)} end
  end
end
-- Not where there is nothing: it would be the first thing to be written.
if redis.call('EXISTS', name('s', key), name('b', key), name('i', key)) > 0 then
  delete(key)
end
for _, text in ipairs(labels) do label(key, text, till) end
for _, text in ipairs(inherited) do label(key, text, till) end
for _, text in ipairs(foreign) do foreign_label(key, text) end
if replaces and inherits then
  if lineage and on('GET', name('n', lineage)) then
    redis.call('SET', name('n', lineage), till, 'PX', life(till))
    redis.call('HSET', name('b', key), '=', lineage)
    redis.call('HDEL', name('b', replaces), '=')
  end
end
keep(name('b', key), till)
redis.call('SET', name('s', key), till .. ' ' .. seen .. ' ' .. data, 'PX', life(till))
if replaces and inherits and redis.call('EXISTS', name('i', replaces)) == 1 then
  redis.call('RENAME', name('i', replaces), name('i', key))
  keep(name('i', key), till)
end
return {'made', unpack(replaces and delete(replaces) or {})}
""")

#: now, key. Takes away a session that is over, and no other.
FORGET = _on_sessions("""
local key = arg()
local record = parsed(on('GET', name('s', key)))
if record and tonumber(record.till) <= now then delete(key) end
return 0
""")

#: now, key, seen, before
TOUCH = _on_sessions("""
local key, seen, before = arg(), arg(), tonumber(arg())
local record = live(key)
if not record or record.seen >= math.min(tonumber(seen), before) then return 0 end
local text = record.till .. ' ' .. seen .. ' ' .. record.data
redis.call('SET', name('s', key), text, 'KEEPTTL')
return 1
""")

#: now, key, item, [labels], [labels of other places]
APPEND = _on_sessions("""
local key, item, labels, foreign = arg(), arg(), args(), args()
local record = sound(key)
if not record then return 0 end
for _, text in ipairs(labels) do label(key, text, record.till) end
for _, text in ipairs(foreign) do foreign_label(key, text) end
keep(name('b', key), record.till)
on('RPUSH', name('i', key), item)
keep(name('i', key), record.till)
return 1
""")

#: now, key
ITEMS = _on_sessions("""
local key = arg()
return live(key) and on('LRANGE', name('i', key), 0, -1) or {}
""")

#: now, label. The sessions of this place, and the hints at others; or none where they
#: are lost.
FIND = _on_sessions("""
local text, found = arg(), {}
for _, key in ipairs(indexed(text)) do
  if live(key) then found[#found + 1] = key end
end
return {found, hinted(text)}
""")

#: now, [key, label, key, label …]. Those of the keys that live and carry the label, and
#: their ends.
CARRY = _on_sessions("""
local carried, found = args(), {}
for i = 1, #carried, 2 do
  local key = carried[i]
  local record = live(key)
  if record and carries(key, carried[i + 1], 'f') then
    found[#found + 1] = key
    found[#found + 1] = record.till
  end
end
return found
""")

#: now, label, are all, [key, until, key, until …]. 1 where they were written; 0, with
#: nothing changed, where those that were there are lost, and these are not all.
HINT = _on_sessions("""
local text, are_all, hints = arg(), arg() == '1', args()
if is_lost('f', text, 'zset') then
  if not are_all then return 0 end
  redis.call('DEL', name('f', text))
end
for i = 1, #hints, 2 do
  redis.call('ZADD', name('f', text), hints[i + 1], hints[i])
  keep(name('f', text), hints[i + 1])
end
redis.call('ZREMRANGEBYSCORE', name('f', text), '-inf', ARGV[1])
return 1
""")

#: now, [label, key, label, key …]
UNHINT = _on_sessions("""
local hints = args()
for i = 1, #hints, 2 do redis.pcall('ZREM', name('f', hints[i]), hints[i + 1]) end
return 0
""")

#: Arguments: now, [mark, mark_until], [keys], [labels], [key, label, key, label …]. A
#: key of the last list counts only if it carries the label. Returns the ended sessions
#: (key, data, items, labels of other places), the hints at the labels, and the labels
#: whose hints are lost.
END = _on_sessions("""
local mark, keys, labels, carried = args(), args(), args(), args()
if #mark == 2 then
  for _, text in ipairs(labels) do
    local instant, till = mark[1], mark[2]
    local before, ends = mark_on(text)
    if before then
      if tonumber(before) > tonumber(instant) then instant = before end
      if tonumber(ends) > tonumber(till) then till = ends end
    end
    redis.call('SET', name('m', text), instant .. ' ' .. till, 'PX', life(till))
  end
end
local ended, hints, lost = {}, {}, {}
local function finish(key)
  local record = live(key)
  local items = record and on('LRANGE', name('i', key), 0, -1)
  local foreign = delete(key)
  if record then ended[#ended + 1] = {key, record.data, items, foreign} end
end
for _, key in ipairs(keys) do finish(key) end
for i = 1, #carried, 2 do
  if carries(carried[i], carried[i + 1], 'f') then finish(carried[i]) end
end
for _, text in ipairs(labels) do
  for _, key in ipairs(indexed(text)) do finish(key) end
  local found = hinted(text)
  if not found then lost[#lost + 1] = text end
  for _, key in ipairs(found or {}) do
    hints[#hints + 1] = key
    hints[#hints + 1] = text
  end
end
return {ended, hints, lost}
""")

#: now, [keys]. Sessions, whether they are over or not. How many were live, and key,
#: label, key, label … of their labels of other places.
WIPE = _on_sessions("""
local keys, count, foreign = args(), 0, {}
for _, key in ipairs(keys) do
  if live(key) then count = count + 1 end
  for _, text in ipairs(delete(key)) do
    foreign[#foreign + 1] = key
    foreign[#foreign + 1] = text
  end
end
return {count, foreign}
""")

#: now, owner, a new name. The name of the owner's lineage; none where it is not live.
LINEAGE = _on_sessions("""
local key, fresh = arg(), arg()
local record = sound(key)
if not record then return false end
local lineage = redis.call('HGET', name('b', key), '=')
if not (lineage and on('GET', name('n', lineage))) then
  lineage = lineage or fresh
  redis.call('SET', name('n', lineage), record.till, 'PX', life(record.till))
  redis.call('HSET', name('b', key), '=', lineage)
  keep(name('b', key), record.till)
end
return lineage
""")
