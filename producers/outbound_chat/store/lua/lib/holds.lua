-- holds: holds that the system puts on a scope when a call shows that none of its jobs can be sent, and their probes.
-- Once its wait is over, a hold is half open: one job is tried, and its call decides for all.
-- uses: gates
local holds = {}

local LONGEST_WAIT_MS = 300000
local UNDECIDED_MS = 1000

-- Hold a scope, since a call of the job showed that it can't send. The results of calls claimed before the hold do not
-- change it.
function holds.hold_by_system(id, scope, wait_ms, code, message)
  local hold = gates.read_hold('system', scope)
  if not hold then
    hold = { code = code, reason = message, since_ms = NOW, wait_ms = wait_ms }
  elseif hold.probe == id then
    hold.code, hold.reason = code, message
    hold.wait_ms = math.max(hold.wait_ms, math.min(2 * hold.wait_ms, LONGEST_WAIT_MS))
  else
    return
  end
  hold.probe, hold.until_ms = nil, NOW + hold.wait_ms
  gates.write_hold('system', scope, hold)
end

-- Note the job as the probe of these holds.
function holds.begin_probe(id, scopes)
  for _, scope in ipairs(scopes) do
    local hold = gates.read_hold('system', scope)
    hold.probe = id
    gates.write_hold('system', scope, hold)
  end
end

-- Apply the result of a job to the holds that it probed: a contact ends them, anything else decides nothing.
function holds.settle_probe(id, lane, outcome, but)
  if redis.call('EXISTS', key('holds')) == 0 then
    return
  end
  for _, scope in ipairs(gates.scopes_of(lane)) do
    local hold = scope ~= but and gates.read_hold('system', scope)
    if hold and hold.probe == id then
      if outcome == 'sent' then
        redis.call('HDEL', key('holds'), 'system:' .. scope)
      else
        hold.probe, hold.until_ms = nil, NOW + (outcome == 'not_called' and 0 or UNDECIDED_MS)
        gates.write_hold('system', scope, hold)
      end
    end
  end
end

-- Remove holds of batches that no longer exist, and shorten those that began before the clock went back: none lasts
-- longer than one that begins now.
function holds.tidy()
  for _, name in ipairs(try('HKEYS', key('holds')) or {}) do
    local scope = string.match(name, '^system:(.+)$')
    local hold = scope and gates.read_hold('system', scope)
    local latest = hold and NOW + hold.wait_ms
    if is_lost_hold(name) then
      redis.call('HDEL', key('holds'), name)
    elseif hold and hold.until_ms > latest then
      hold.since_ms, hold.until_ms = math.min(hold.since_ms, NOW), latest
      gates.write_hold('system', scope, hold)
    end
  end
end

return holds
