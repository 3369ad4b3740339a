-- Arguments: now, [label, key, label, key …].
local hints = args()
for i = 1, #hints, 2 do redis.pcall('ZREM', name('f', hints[i]), hints[i + 1]) end
return 0
