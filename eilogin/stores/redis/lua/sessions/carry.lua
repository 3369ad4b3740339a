-- Arguments: now, [key, label, key, label …]. Returns those of the keys that live and
-- carry the label, each with its until.
local carried, found = args(), {}
for i = 1, #carried, 2 do
  local key = carried[i]
  local record = live(key)
  if record and carries(key, carried[i + 1], 'f') then
    found[#found + 1] = key
    found[#found + 1] = record.till
  end
end
return found
