-- Arguments: now, owner, a new name. Returns the name of the owner's lineage; false if
-- the owner does not live.
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
