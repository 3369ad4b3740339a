-- Arguments: now, key, item, [labels], [labels of other places]. Returns 1 for a live
-- session.
local key, item, labels, foreign = arg(), arg(), args(), args()
local record = sound(key)
if not record then return 0 end
for _, text in ipairs(labels) do label(key, text, record.till) end
for _, text in ipairs(foreign) do foreign_label(key, text) end
keep(name('b', key), record.till)
on('RPUSH', name('i', key), item)
keep(name('i', key), record.till)
return 1
