-- repair: puts jobs and lanes back where they belong, and notes faults that can only be reported: `faults` (hash
-- `kind:of` -> number). A wrong count is reported once, and again if it grows. `counts` has the number of repairs.
-- uses: attempts consistency events gates lanes records ring unblock
local repair = {}

repair.MOST_FAULTS = 100
local MOST_REPORTED = 5
-- A scan over all jobs finds the missing jobs of these kinds.
local SCANNED = { leases = true, lanes = true, lane = true }
local reported, repairs, needs_scan

before_each_call('repair', function()
  reported, repairs, needs_scan = {}, 0, false
end)

local function report(word, kind, of, number)
  events.add(word, of, '', kind)
  for _, value in ipairs({ word, kind, of, digits(number) }) do
    reported[#reported + 1] = value
  end
end

local function repaired(kind, of)
  repairs = repairs + 1
  if repairs <= MOST_REPORTED then
    report('repaired', kind, of, 1)
  end
end

-- Return what was reported, four values each; how many repairs there were; and whether a scan may find missing jobs.
function repair.outcome()
  return reported, repairs, needs_scan
end

-- Note a difference, or that it is gone. Missing jobs are then searched for.
function repair.check(kind, of)
  local name, now = kind .. ':' .. of, consistency.difference(kind, of)
  local known = tonumber(redis.call('HGET', key('faults'), name) or 0)
  if now == known then
    return
  elseif now == 0 then
    redis.call('HDEL', key('faults'), name)
    report('cleared', kind, of, 0)
  elseif known ~= 0 or redis.call('HLEN', key('faults')) < repair.MOST_FAULTS then
    redis.call('HSET', key('faults'), name, digits(now))
    if math.abs(now) > math.abs(known) then
      report('fault', kind, of, now)
      needs_scan = needs_scan or (now > 0 and SCANNED[kind])
    end
  end
end

function repair.check_again()
  for _, name in ipairs(redis.call('HKEYS', key('faults'))) do
    repair.check(string.match(name, '^(.-):(.*)$'))
  end
end

-- Put the job back where its record says.
local function give_place(id, head)
  local part, member, score = lanes.position_of(id, head)
  -- Not by `lanes.put`: the lane's count still includes the job.
  redis.call('ZADD', key(part .. head[LANE]), digits(score), member)
  ring.place(head[LANE])
end

function repair.repair_job(id, kind, lease_ms)
  local head = records.load(id)
  if kind == 'ended' then
    redis.call('ZREM', key('expiry'), id)
  elseif not head then
    return repair.check('job', id)
  elseif kind == 'no_place' then
    give_place(id, head)
  else
    -- As if it were claimed now: a worker that still calls it renews the lease; after the worker's death it runs out.
    attempts.lease(id, head, lease_ms)
  end
  repaired(kind, id)
end

-- Remove a lane from a gate whose ring is incomplete.
local function leave_gate(lane, scope)
  local tenant = lanes.tenant_of(lane)
  local gate = ring.of_gate(scope, lane)
  redis.call('HDEL', key('blocked'), lane)
  ring.leave(gate, lane)
  if redis.call('EXISTS', gate .. ':' .. tenant) == 0 then
    redis.call('ZREM', gate, tenant)
  end
end

function repair.repair_lane(lane, kind)
  local scope = redis.call('HGET', key('blocked'), lane)
  if kind == 'gate' then
    unblock.open_gate(scope)
  else
    if scope then
      leave_gate(lane, scope)
    end
    ring.place(lane)
  end
  repaired(kind, lane)
end

-- Remove tenants whose lanes were deleted: such a tenant would stop the ring when its turn comes.
function repair.repair_rings()
  for priority = 1, 3 do
    local name = key('ring:' .. priority)
    local first = redis.call('ZRANGE', name, 0, 0)[1]
    if first and redis.call('EXISTS', name .. ':' .. first) == 0 then
      redis.call('ZREM', name, first)
      repaired('no_lanes', first)
    end
  end
end

-- Remove running calls without a lease, which would take the slots of others.
function repair.repair_calls()
  for _, name in ipairs(redis.call('HRANDFIELD', key('senders'), 5)) do
    for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', key('calls:' .. name), '+inf', NOW, 'LIMIT', 0, 50)) do
      local state = not redis.call('ZSCORE', key('leases'), id)
        and consistency.peek(id, redis.call('GET', key('j:' .. id)))
      if state ~= false and state ~= 'sending' and state ~= 'newer' then
        redis.call('ZREM', key('calls:' .. name), id)
        attempts.note_change('sender:' .. name)
        attempts.note_change('instance:' .. (gates.limits_of(name).instance or ''))
        repaired('call', id)
      end
    end
  end
end

-- Correct the count of a lane that holds more than was counted: its count was lost, no job is missing.
function repair.recount(lane, jobs)
  redis.call('HSET', key('lanes'), lane, jobs)
  repaired('count', lane)
end

return repair
