-- Arguments: now, key, until, seen, data, issued, [replaces], inherit, [labels], [known].
-- "known" are the labels of other places that hint at the heir's key already. Returns
-- "refused"; or "hints" and the labels that need a hint first, with nothing changed; or
-- "made" and the labels of other places of the replaced session.
local key, till, seen, data, issued = arg(), arg(), arg(), arg(), tonumber(arg())
local replaces, inherits, labels, known = args()[1], arg() == '1', args(), args()
if live(key) then return {'refused'} end
if replaces and not (inherits and sound or live)(replaces) then return {'refused'} end
for i = 0, #labels do
  -- The mark on everybody comes before the first label.
  local instant = mark_on(labels[i] or '')
  if instant and tonumber(instant) >= issued then return {'refused'} end
end
local inherited, foreign, lineage = {}, {}, nil
if replaces and inherits then
  inherited, foreign, lineage = belongings(replaces)
  local is_known = {}
  for _, text in ipairs(known) do is_known[text] = true end
  for _, text in ipairs(foreign) do
    if not is_known[text] then return {'hints', unpack(foreign)} end
  end
end
-- Not if nothing is there: it would be the first write, which a full server accepts.
if redis.call('EXISTS', name('s', key), name('b', key), name('i', key)) > 0 then
  delete(key)
end
for _, text in ipairs(labels) do label(key, text, till) end
for _, text in ipairs(inherited) do label(key, text, till) end
for _, text in ipairs(foreign) do foreign_label(key, text) end
if replaces and inherits then
  if lineage and on('GET', name('n', lineage)) then
    redis.call('SET', name('n', lineage), till, 'PX', life(till))
    redis.call('HSET', name('b', key), '=', lineage)
    redis.call('HDEL', name('b', replaces), '=')
  end
end
keep(name('b', key), till)
redis.call('SET', name('s', key), till .. ' ' .. seen .. ' ' .. data, 'PX', life(till))
if replaces and inherits and redis.call('EXISTS', name('i', replaces)) == 1 then
  redis.call('RENAME', name('i', replaces), name('i', key))
  keep(name('i', key), till)
end
return {'made', unpack(replaces and delete(replaces) or {})}
