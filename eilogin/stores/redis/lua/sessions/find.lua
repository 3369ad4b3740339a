-- Arguments: now, label. Returns the live sessions of this place, and the hints at
-- sessions of other places; false if the hints are lost.
local text, found = arg(), {}
for _, key in ipairs(indexed(text)) do
  if live(key) then found[#found + 1] = key end
end
return {found, hinted(text)}
