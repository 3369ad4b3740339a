-- Delete the value and return it.
-- Arguments: now.
redis.call('DEL', value)
return found
