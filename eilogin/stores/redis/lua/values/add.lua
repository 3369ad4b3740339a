-- Arguments: now, text, until, lineage, a lineage that is over. Returns 1 if it added
-- the value, and 0 if another exists. If that one has a lineage, returns the lineage: the
-- other value exists only while its lineage does, which the caller has to find out.
local new, till, of, over = arg(), arg(), arg(), arg()
if is_there and not lineage then return 0 end
if is_there and lineage ~= over then return lineage end
-- Not if nothing is there: a full server would accept all the rest.
if redis.call('EXISTS', value) == 1 then redis.call('DEL', value) end
local owner = of ~= '' and {'n', of} or {}
-- One command: a log that breaks off in between must not leave a value without owner.
redis.call('HSET', value, 't', new, 'u', till, unpack(owner))
redis.call('PEXPIRE', value, life(till))
return 1
