"""What a server does in one step: Lua scripts, which nothing comes in between.

A script gets one key. For sessions that is their *place*, the part in braces with
which the names of all keys begin that must be in one slot of a Cluster
(https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/, "Hash
tags"); a script makes those names itself, because which there are it finds out only on
its way. Under a place are

==================  ======  =====================================================
``:s:KEY``          string  a session: "until seen data"
``:b:KEY``          hash    what belongs to it: each of its labels, with ``l``, or ``f``
                            where it is of another place; ``=``, its lineage's name
``:i:KEY``          list    its items
``:x:LABEL``        zset    the sessions of this place that carry a label, by until
``:f:LABEL``        zset    those of other places that may carry it: a hint, which
                            only they can confirm
``:m:LABEL``        string  a mark: "instant until"; without a label it is for everybody
``:n:NAME``         string  a lineage: the until of a session, and of each heir
==================  ======  =====================================================

In indexes and in what belongs to a session, a name that is of the same shard as the one
that it stands beside is written without the shard. That keeps those of our sessions
within the 64 octets up to which servers write such things in a fourth of the room
(``zset-max-listpack-value``).

What is over is told by the instant that the caller gives, as in all stores. The
server's own expiry comes a little later and only takes away what is left. What is
written first in a script is what a server without memory refuses, so that it refuses
all of it; an end without a mark needs none.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

#: Milliseconds that a server keeps what is over, so that its clock decides nothing.
SLACK = 60_000
#: The longest time, in seconds, for which a server is asked to keep anything.
LONGEST = 10 * 366 * 86400

Argument = str | bytes | float | Sequence[str | bytes]


@dataclass(frozen=True)
class Script:
    """A script, and how a server is asked to run it."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        # The name that a server knows a script by, whatever SHA-1 is worth otherwise.
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)

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
"""

_SESSIONS = (
    ARGUMENTS
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
  local record = parsed(redis.call('GET', name('s', key)))
  return record and tonumber(record.till) > now and record or nil
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
  local fields = redis.call('HGETALL', name('b', key))
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
    -- What cannot be removed, because somebody put something else there, stays.
    redis.pcall('ZREM', name('x', text), short(key, text))
  end
  return foreign
end
local function label(key, text, till)
  redis.call('ZADD', name('x', text), till, short(key, text))
  keep(name('x', text), till)
  redis.call('HSET', name('b', key), short(text, key), 'l')
end
local function foreign_label(key, text)
  redis.call('HSET', name('b', key), short(text, key), 'f')
end
local function carries(key, text)
  return redis.call('HGET', name('b', key), short(text, key)) == 'f'
end
-- The sessions of this place in the index of a label.
local function indexed(text)
  local keys = redis.call('ZRANGE', name('x', text), 0, -1)
  for i, key in ipairs(keys) do keys[i] = whole(key, text) end
  return keys
end
-- Those of other places that may carry it.
local function hinted(text)
  return redis.call('ZRANGEBYSCORE', name('f', text), '(' .. ARGV[1], '+inf')
end
"""
)


def _on_sessions(text: str) -> Script:
    return Script(_SESSIONS + text)


#: now, key, until, seen, data, issued, [replaces], inherit, [labels], [known].
#: ``known`` are the labels of other places at which the heir's key is already. The
#: answer is "refused"; or "hints" and the labels that have to be known, with nothing
#: changed; or "made" and the labels of other places that the session replaced had.
CREATE = _on_sessions("""
local key, till, seen, data, issued = arg(), arg(), arg(), arg(), tonumber(arg())
local replaces, inherits, labels, known = args()[1], arg() == '1', args(), args()
if live(key) or (replaces and not live(replaces)) then return {'refused'} end
for i = 0, #labels do
  -- Before the first one everybody's.
  local mark = redis.call('GET', name('m', labels[i] or ''))
  if mark then
    local instant, ends = string.match(mark, '^(%S+) (%S+)$')
    instant, ends = tonumber(instant), tonumber(ends)
    -- A mark that cannot be read is taken for one.
    if not (instant and ends) or (instant >= issued and ends > now) then
      return {'refused'}
    end
  end
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
if redis.call('EXISTS', name('s', key)) == 1 then delete(key) end
for _, text in ipairs(labels) do label(key, text, till) end
for _, text in ipairs(inherited) do label(key, text, till) end
for _, text in ipairs(foreign) do foreign_label(key, text) end
if replaces and inherits then
  if lineage and redis.call('EXISTS', name('n', lineage)) == 1 then
    redis.call('APPEND', name('n', lineage), ' ' .. till)
    keep(name('n', lineage), till)
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
local record = parsed(redis.call('GET', name('s', key)))
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
local record = live(key)
if not record then return 0 end
for _, text in ipairs(labels) do label(key, text, record.till) end
for _, text in ipairs(foreign) do foreign_label(key, text) end
keep(name('b', key), record.till)
redis.call('RPUSH', name('i', key), item)
keep(name('i', key), record.till)
return 1
""")

#: now, key
ITEMS = _on_sessions("""
local key = arg()
return live(key) and redis.call('LRANGE', name('i', key), 0, -1) or {}
""")

#: now, label. The sessions of this place, and the hints at others.
FIND = _on_sessions("""
local text, found = arg(), {}
for _, key in ipairs(indexed(text)) do
  if live(key) then found[#found + 1] = key end
end
return {found, hinted(text)}
""")

#: now, [key, label, key, label …]. Those of the keys that live and carry the label.
CARRY = _on_sessions("""
local carried, found = args(), {}
for i = 1, #carried, 2 do
  local key = carried[i]
  if carries(key, carried[i + 1]) and live(key) then found[#found + 1] = key end
end
return found
""")

#: now, label, until, [keys]
HINT = _on_sessions("""
local text, till, keys = arg(), arg(), args()
for _, key in ipairs(keys) do redis.call('ZADD', name('f', text), till, key) end
keep(name('f', text), till)
redis.call('ZREMRANGEBYSCORE', name('f', text), '-inf', ARGV[1])
return 0
""")

#: now, [label, key, label, key …]
UNHINT = _on_sessions("""
local hints = args()
for i = 1, #hints, 2 do redis.call('ZREM', name('f', hints[i]), hints[i + 1]) end
return 0
""")

#: now, [mark, mark_until], [keys], [labels], [key, label, key, label …] of which a key
#: counts only where it carries the label. What was ended: key, data, items, labels of
#: other places; and the hints at the labels.
END = _on_sessions("""
local mark, keys, labels, carried = args(), args(), args(), args()
if #mark == 2 then
  for _, text in ipairs(labels) do
    local instant, till = mark[1], mark[2]
    local known = redis.call('GET', name('m', text))
    local before, ends = string.match(known or '', '^(%S+) (%S+)$')
    if tonumber(before) and tonumber(ends) and tonumber(ends) > now then
      if tonumber(before) > tonumber(instant) then instant = before end
      if tonumber(ends) > tonumber(till) then till = ends end
    end
    redis.call('SET', name('m', text), instant .. ' ' .. till, 'PX', life(till))
  end
end
local ended, hints = {}, {}
local function finish(key)
  local record = live(key)
  if not record then return end
  local items = redis.call('LRANGE', name('i', key), 0, -1)
  ended[#ended + 1] = {key, record.data, items, delete(key)}
end
for _, key in ipairs(keys) do finish(key) end
for i = 1, #carried, 2 do
  if carries(carried[i], carried[i + 1]) then finish(carried[i]) end
end
for _, text in ipairs(labels) do
  for _, key in ipairs(indexed(text)) do finish(key) end
  for _, key in ipairs(hinted(text)) do
    hints[#hints + 1] = key
    hints[#hints + 1] = text
  end
end
return {ended, hints}
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

#: now, owner, a new name. What a value of this owner has to know: the name of the
#: lineage, how many heirs it had, and the owner's until; nothing where it is not live.
LINEAGE = _on_sessions("""
local key, fresh = arg(), arg()
local record = live(key)
if not record then return {} end
local lineage = redis.call('HGET', name('b', key), '=')
local untils = lineage and redis.call('GET', name('n', lineage))
if not untils then
  lineage, untils = lineage or fresh, record.till
  redis.call('SET', name('n', lineage), untils, 'PX', life(untils))
  redis.call('HSET', name('b', key), '=', lineage)
  keep(name('b', key), record.till)
end
local _, heirs = string.gsub(untils, ' ', '')
return {lineage, tostring(heirs), record.till}
""")
