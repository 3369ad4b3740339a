-- Delete a session if it has expired.
-- Arguments: now, key.
local key = arg()
local record = parsed(on('GET', name('s', key)))
if record and tonumber(record.till) <= now then delete(key) end
return 0
