-- Arguments: now, label, whether these are all, [key, until, key, until …]. Returns 1 if
-- it wrote them. Returns 0 and changes nothing if earlier hints are lost, and these are
-- not all.
local text, are_all, hints = arg(), arg() == '1', args()
if is_lost('f', text, 'zset') then
  if not are_all then return 0 end
  redis.call('DEL', name('f', text))
end
for i = 1, #hints, 2 do
  redis.call('ZADD', name('f', text), hints[i + 1], hints[i])
  keep(name('f', text), hints[i + 1])
end
redis.call('ZREMRANGEBYSCORE', name('f', text), '-inf', ARGV[1])
return 1
