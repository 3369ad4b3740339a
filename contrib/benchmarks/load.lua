-- For wrk: visitors who take turns, each with cookies of its own.
--
-- COOKIES is a file with the cookies of a visitor on each line, HEADERS one with "name: value"
-- lines, and PATH_ASKED is the path. At the end it prints a line of JSON, with times in µs.

local requests, turn = {}, 0

function init(_)
  local headers = {}
  for line in io.lines(os.getenv("HEADERS")) do
    local name, value = line:match("^(.-): (.*)$")
    headers[name] = value
  end
  for line in io.lines(os.getenv("COOKIES")) do
    headers["Cookie"] = "taal=nl; " .. line
    requests[#requests + 1] = wrk.format("GET", os.getenv("PATH_ASKED"), headers)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "duration": %d, "p50": %d, "p99": %d, "broken": %d, "refused": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
