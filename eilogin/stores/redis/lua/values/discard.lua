-- Delete an expired value, unless another has taken its place.
-- Arguments: now, until, lineage.
local its_until, of = arg(), arg()
if found[2] == its_until and (lineage or '') == of then redis.call('DEL', value) end
return 0
