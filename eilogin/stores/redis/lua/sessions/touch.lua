-- Arguments: now, key, seen, before. Returns 1 if it wrote.
local key, seen, before = arg(), arg(), tonumber(arg())
local record = live(key)
if not record or record.seen >= math.min(tonumber(seen), before) then return 0 end
local text = record.till .. ' ' .. seen .. ' ' .. record.data
redis.call('SET', name('s', key), text, 'KEEPTTL')
return 1
