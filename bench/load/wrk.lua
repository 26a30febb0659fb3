-- wrk's side of closed-loop.mjs: METHOD BYTES PATH… behind wrk's own arguments; prints what came of it as one line of JSON.
function init(args)
  wrk.method = args[1]
  local bytes = tonumber(args[2])
  if bytes > 0 then
    wrk.headers["Content-Type"] = "application/octet-stream"
    wrk.body = string.rep("x", bytes)
  end
  if #args < 4 then
    wrk.path = args[3]
    return
  end
  local requests = {}
  for at = 3, #args do
    requests[#requests + 1] = wrk.format(nil, args[at])
  end
  local at = 0
  request = function()
    at = at % #requests + 1
    return requests[at]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nJSON {"requests":%d,"seconds":%f,"p50Ms":%f,"p99Ms":%f,"broken":%d,"refused":%d}\n',
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.timeout,
    errors.status
  ))
end
