-- Delete sessions, also expired ones.
-- Arguments: now, [keys]. Returns how many were live, and key, label, key, label … of
-- their labels of other places.
local keys, count, foreign = args(), 0, {}
for _, key in ipairs(keys) do
  if live(key) then count = count + 1 end
  for _, text in ipairs(delete(key)) do
    foreign[#foreign + 1] = key
    foreign[#foreign + 1] = text
  end
end
return {count, foreign}
