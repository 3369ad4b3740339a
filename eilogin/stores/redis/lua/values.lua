-- The value under a key: its text, its until and its lineage.
local value = KEYS[1]
local found = on('HMGET', value, 't', 'u', 'n')
local text, till, lineage = found[1], tonumber(found[2]), found[3]
local is_there = text and till and till > now
