-- queue_position: estimates how many jobs go before a job, at a bounded cost: it reads the first few tenants and lanes
-- of every ring, which represent the others. It writes nothing.
-- uses: fair_share lanes
local queue_position = {}

local TENANTS, LANES = 5, 3

-- Count the jobs of its own lane that go before the job.
function queue_position.in_lane(id, head)
  local lane = head[LANE]
  local part, member, score = lanes.position_of(id, head)
  local before = redis.call('ZRANK', key(part .. lane), member) or 0
  if part == 'retry:' then
    return before
  elseif part == 'lane:' then
    local accepted_ms = digits(math.min(NOW, math.floor(score / 1000)))
    before = before + redis.call('ZCOUNT', key('timed:' .. lane), '-inf', accepted_ms)
  else
    before = before + redis.call('ZCOUNT', key('lane:' .. lane), '-inf', '(' .. digits(score * 1000))
  end
  return before + redis.call('ZCOUNT', key('retry:' .. lane), '-inf', NOW)
end

-- Return the sum of `jobs_of` over the members of a ring except one, each counted at `most` at most.
local function sum_of(name, but, look, most, jobs_of)
  local all = redis.call('ZCARD', name) - (redis.call('ZSCORE', name, but) and 1 or 0)
  local seen, jobs = 0, 0
  for _, member in ipairs(redis.call('ZRANGE', name, 0, look)) do
    if member ~= but and seen < look then
      seen, jobs = seen + 1, jobs + math.min(most, jobs_of(member))
    end
  end
  return seen > 0 and jobs * all / seen or 0
end

-- No lane and no tenant has this name.
local NOBODY = ':'

local function jobs_of_tenants(name, but, most)
  return sum_of(name, but, TENANTS, most, function(tenant)
    return sum_of(name .. ':' .. tenant, NOBODY, LANES, math.huge, lanes.count_due)
  end)
end

-- Estimate the jobs of the ring, or behind a gate, that go before the lane has had so many turns. For each turn of the
-- lane, every other lane of its tenant has one, and for each turn of the tenant, every other tenant; a lane without
-- jobs has no more turns.
function queue_position.jobs_before(name, lane, turns)
  local tenant = lanes.tenant_of(lane)
  local own = sum_of(name .. ':' .. tenant, lane, LANES, turns, lanes.count_due)
  return own + jobs_of_tenants(name, tenant, turns + own)
end

-- Return the due jobs of the other priorities, and the percentage of calls that its own priority gets meanwhile.
function queue_position.other_priorities(lane)
  local own = tonumber((lanes.parts(lane)))
  local jobs, busy, calls = 0, {}, 0
  for other = 1, 3 do
    local due = other == own and 0 or jobs_of_tenants(key('ring:' .. other), NOBODY, math.huge)
    jobs, busy[other] = jobs + due, other == own or due > 0
  end
  for served = 0, 2 * fair_share.SHARE - 1 do
    local order = fair_share.order_after(served)
    local first = busy[order[1]] and order[1] or busy[order[2]] and order[2] or order[3]
    calls = calls + (first == own and 1 or 0)
  end
  return jobs, 100 * calls / (2 * fair_share.SHARE)
end

return queue_position
