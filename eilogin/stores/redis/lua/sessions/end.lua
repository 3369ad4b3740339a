-- Arguments: now, [mark, mark_until], [keys], [labels], [key, label, key, label …]. A key
-- of the last list counts only if it carries the label. Returns the ended sessions (key,
-- data, items, labels of other places), the hints at the labels, and the labels whose
-- hints are lost.
local mark, keys, labels, carried = args(), args(), args(), args()
if #mark == 2 then
  for _, text in ipairs(labels) do
    local instant, till = mark[1], mark[2]
    local before, ends = mark_on(text)
    if before then
      if tonumber(before) > tonumber(instant) then instant = before end
      if tonumber(ends) > tonumber(till) then till = ends end
    end
    redis.call('SET', name('m', text), instant .. ' ' .. till, 'PX', life(till))
  end
end
local ended, hints, lost = {}, {}, {}
local function finish(key)
  local record = live(key)
  local items = record and on('LRANGE', name('i', key), 0, -1)
  local foreign = delete(key)
  if record then ended[#ended + 1] = {key, record.data, items, foreign} end
end
for _, key in ipairs(keys) do finish(key) end
for i = 1, #carried, 2 do
  if carries(carried[i], carried[i + 1], 'f') then finish(carried[i]) end
end
for _, text in ipairs(labels) do
  for _, key in ipairs(indexed(text)) do finish(key) end
  local found = hinted(text)
  if not found then lost[#lost + 1] = text end
  for _, key in ipairs(found or {}) do
    hints[#hints + 1] = key
    hints[#hints + 1] = text
  end
end
return {ended, hints, lost}
