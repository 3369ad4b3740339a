-- Read the arguments of a script: the present instant, texts, and lists of texts.
local now = tonumber(ARGV[1])
local at = 1
local function arg() at = at + 1; return ARGV[at] end
local function args()
  local list = {}
  for i = 1, tonumber(arg()) do list[i] = arg() end
  return list
end
local function life(till)
  local seconds = math.max(0, math.min(tonumber(till) - now, longest))
  return math.floor(seconds * 1000) + slack
end
local function keep(name, till)
  local ms = life(till)
  if redis.call('PTTL', name) < ms then redis.call('PEXPIRE', name, ms) end
end

-- The names at which a value was of another type.
local odd = {}
-- Run a command on a key of ours. Returns the answer, and whether it deleted a value
-- of another type before.
local function on(command, name, ...)
  local answer = redis.pcall(command, name, ...)
  if type(answer) ~= 'table' or not answer.err then return answer, false end
  local is_odd = string.find(answer.err, 'WRONGTYPE', 1, true) ~= nil
  if is_odd then
    odd[#odd + 1] = name
    redis.call('DEL', name)
  end
  -- Again: any other error comes again, and is raised.
  return redis.call(command, name, ...), is_odd
end
