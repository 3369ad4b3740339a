-- Return the version of the records, and the oldest version of eilogin that may work
-- on them. An older version becomes that of the caller.
-- Arguments: version, oldest version.
local version = tonumber(redis.call('HGET', KEYS[1], 'schema'))
if not version or version < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'schema', ARGV[1], 'oldest', ARGV[2])
end
return redis.call('HMGET', KEYS[1], 'schema', 'oldest')
