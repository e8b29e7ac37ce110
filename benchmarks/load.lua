-- wrk's script. The arguments after `--` are a kind of load and its parameter:
--   plain            GET without a token
--   tokens FILE      GET with the tokens of FILE (one per line) in turn; each thread starts elsewhere
--   logins PREFIX    POST {"code": PREFIX..unique}; responses are counted by status
-- The last line of output is JSON.

local threads, kind, word = {}, nil, nil

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  kind, word = args[1], args[2]
  counted = ""
  if kind == "tokens" then prepare_tokens(word, tonumber(args[3])) end
  if kind == "logins" then prepare_logins(word) end
end

function prepare_tokens(file, of)
  local requests, n = {}, 0
  for token in io.lines(file) do
    n = n + 1
    requests[n] = wrk.format(nil, nil, {["Authorization"] = "Bearer " .. token})
  end
  local i = math.floor(n * number / of)
  request = function()
    i = i % n + 1
    return requests[i]
  end
end

function prepare_logins(prefix)
  local headers, i, statuses = {["Content-Type"] = "application/json"}, 0, {}
  request = function()
    i = i + 1
    local body = string.format('{"code":"%s-%d-%d"}', prefix, number, i)
    return wrk.format("POST", nil, headers, body)
  end
  response = function(status)
    statuses[status] = (statuses[status] or 0) + 1
    local parts = {}
    for each, count in pairs(statuses) do
      table.insert(parts, string.format('"%d":%d', each, count))
    end
    counted = table.concat(parts, ",")
  end
end

function done(summary, latency)
  local each = {}
  for _, thread in ipairs(threads) do
    table.insert(each, "{" .. (thread:get("counted") or "") .. "}")
  end
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"max":%d,"bad":%d,"broken":%d,"timeouts":%d,"statuses":[%s]}\n',
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect + errors.read + errors.write, errors.timeout,
    table.concat(each, ",")))
end
