-- ahead: an estimate of what goes before a job, at a cost that does not grow: of every ring the first few tenants and
-- lanes are looked at, and stand for the others. Reads only.
local TENANTS, LANES = 5, 3

-- How many jobs of its own lane go before the job.
local function place_in_lane(id, head)
  local lane = head[LANE]
  local part, member, score = place_of(id, head)
  local before = redis.call('ZRANK', key(part .. lane), member) or 0
  if part == 'again:' then
    return before
  elseif part == 'lane:' then
    before = before + redis.call('ZCOUNT', key('timed:' .. lane), '-inf', digits(math.min(NOW, math.floor(score / 1000))))
  else
    before = before + redis.call('ZCOUNT', key('lane:' .. lane), '-inf', '(' .. digits(score * 1000))
  end
  return before + redis.call('ZCOUNT', key('again:' .. lane), '-inf', NOW)
end

-- Sum of `jobs_of` over the members of a ring but one, of each at most `most`.
local function sum_of(ring, but, look, most, jobs_of)
  local all = redis.call('ZCARD', ring) - (redis.call('ZSCORE', ring, but) and 1 or 0)
  local seen, jobs = 0, 0
  for _, member in ipairs(redis.call('ZRANGE', ring, 0, look)) do
    if member ~= but and seen < look then
      seen, jobs = seen + 1, jobs + math.min(most, jobs_of(member))
    end
  end
  return seen > 0 and jobs * all / seen or 0
end

-- No lane and no tenant has this name.
local NOBODY = ':'

local function jobs_of_tenants(ring, but, most)
  return sum_of(ring, but, TENANTS, most, function(tenant)
    return sum_of(ring .. ':' .. tenant, NOBODY, LANES, math.huge, due_in)
  end)
end

-- Jobs of the ring, or behind a gate, that go before the lane has had so many turns: for each of them every other lane
-- of its tenant has one, and for each of the tenant's every other tenant; who runs out of jobs has no more.
local function jobs_before(ring, lane, turns)
  local _, _, tenant = lane_parts(lane)
  local own = sum_of(ring .. ':' .. tenant, lane, LANES, turns, due_in)
  return own + jobs_of_tenants(ring, tenant, turns + own)
end

-- Due jobs of the other priorities, and how many percent of the calls are left beside them.
local function other_priorities(lane)
  local own = tonumber((lane_parts(lane)))
  local jobs, busy, calls = 0, {}, 0
  for other = 1, 3 do
    local due = other == own and 0 or jobs_of_tenants(key('ring:' .. other), NOBODY, math.huge)
    jobs, busy[other] = jobs + due, other == own or due > 0
  end
  for served = 0, 2 * SHARE - 1 do
    local order = order_after(served)
    local first = busy[order[1]] and order[1] or busy[order[2]] and order[2] or order[3]
    calls = calls + (first == own and 1 or 0)
  end
  return jobs, 100 * calls / (2 * SHARE)
end
