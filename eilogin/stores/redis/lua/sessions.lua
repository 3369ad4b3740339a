-- The records of the sessions of one place: read, index and delete them.
local place = KEYS[1]
local function name(kind, key) return place .. ':' .. kind .. ':' .. key end

-- The fields of a record; nil for any other text.
local function parsed(text)
  local first = text and string.find(text, ' ', 1, true)
  local second = first and string.find(text, ' ', first + 1, true)
  if not second then return nil end
  local till, seen = string.sub(text, 1, first - 1), string.sub(text, first + 1, second - 1)
  if not (tonumber(till) and tonumber(seen)) then return nil end
  return {till = till, seen = tonumber(seen), data = string.sub(text, second + 1)}
end
local function live(key)
  local record = parsed(on('GET', name('s', key)))
  return record and tonumber(record.till) > now and record or nil
end
-- Whether a value of another type is at a name. The value stays there.
local function is_lost(kind, key, expected)
  local found = redis.call('TYPE', name(kind, key)).ok
  if found == expected or found == 'none' then return false end
  odd[#odd + 1] = name(kind, key)
  return true
end

-- A name without its shard, if the name beside it has the same shard.
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

-- The labels of a session at this place, those of other places, and its lineage.
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
-- Delete a session and its data at this place. Returns its labels of other places.
local function delete(key)
  local labels, foreign, lineage = belongings(key)
  redis.call('DEL', name('s', key), name('b', key), name('i', key))
  if lineage then redis.call('DEL', name('n', lineage)) end
  for _, text in ipairs(labels) do
    -- A value of another type stays: it shows others that the index is lost.
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
-- The record of a live session; a session without readable labels ends.
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
-- The keys of this place in the index of a label.
local function indexed(text)
  local keys, is_odd = on('ZRANGE', name('x', text), 0, -1)
  if is_odd then
    index(text)
    keys = redis.call('ZRANGE', name('x', text), 0, -1)
  end
  for i, key in ipairs(keys) do keys[i] = whole(key, text) end
  return keys
end
-- The keys of other places that may carry a label; false if the hints are lost.
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
