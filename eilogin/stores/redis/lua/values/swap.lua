-- Arguments: now, old, new, until, lineage. Returns 1 if it swapped the value, 0 if "old"
-- is not there; or the lineage of the value, if that is another.
local old, new, till, of = arg(), arg(), arg(), arg()
if not is_there or text ~= old then return 0 end
if (lineage or '') ~= of then return lineage or '' end
redis.call('HSET', value, 't', new, 'u', till)
redis.call('PEXPIRE', value, life(till))
return 1
