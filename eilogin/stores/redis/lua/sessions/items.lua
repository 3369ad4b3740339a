-- Arguments: now, key.
local key = arg()
return live(key) and on('LRANGE', name('i', key), 0, -1) or {}
