-- forecast: reads what a forecast needs: the budget, what stops a lane, its own jobs, and the lanes that compete with
-- it. It reads a bounded number of keys however many jobs wait: of many lanes, those that it reads represent the rest.
-- It writes nothing.
-- uses: batches gates instance_chats key_holders lanes records token_bucket workers
local forecast = {}

local MOST_TENANTS, MOST_LANES, SAMPLES = 6, 3, 16

-- Return a lane as `_lane` in scripts/forecast.py reads it. It represents so many tenants, and so many lanes of each.
local function entry_of(lane, jobs, tenants, alike)
  local priority, _, tenant, batch = lanes.parts(lane)
  local limits = gates.limits_of_lane(lane)
  local weight = batch ~= '' and number_in(try('HGET', key('b:' .. batch), 'weight'), 0.01, 100) or 1
  return {
    tonumber(priority), tenant, jobs * tenants * alike,
    (number_in(try('HGET', key('weights'), tenant), 0.01, 100) or 1) * tenants, weight * alike,
    limits.number_rate and limits.number or '', limits.number_rate or 0,
  }
end

-- Return the first members of a ring except one, and how many members of the ring each represents.
local function some_of(name, most, but)
  local seen, all = {}, redis.call('ZCARD', name)
  for _, member in ipairs(redis.call('ZRANGE', name, 0, most - 1)) do
    if member ~= but then
      seen[#seen + 1] = member
    end
  end
  return seen, (all - (but and redis.call('ZSCORE', name, but) and 1 or 0)) / math.max(1, #seen)
end

local function add_tenant(found, priority, tenant, own, tenants)
  local some, each = some_of(key('ring:' .. priority .. ':' .. tenant), MOST_LANES, own)
  for _, lane in ipairs(some) do
    found[#found + 1] = entry_of(lane, lanes.count_due(lane), tenants, each)
  end
end

-- Add lanes that wait for the rate of a number or for other calls to end: they have left the ring only briefly.
local function add_blocked(found, own)
  local blocked = redis.call('HRANDFIELD', key('blocked'), MOST_TENANTS, 'WITHVALUES') or {}
  local each = math.max(1, redis.call('HLEN', key('blocked')) / MOST_TENANTS)
  for i = 1, #blocked, 2 do
    local lane = blocked[i]
    local held, _, probe = gates.hold_of(lane)
    if lane ~= own and not held and not probe and string.sub(blocked[i + 1], 1, 9) ~= 'instance:' then
      found[#found + 1] = entry_of(lane, lanes.count_due(lane), 1, each)
    end
  end
end

local function rivals_of(own)
  local found = {}
  local own_priority, _, own_tenant = lanes.parts(own)
  for priority = 1, 3 do
    local but = tostring(priority) == own_priority and own_tenant or nil
    local tenants, each = some_of(key('ring:' .. priority), MOST_TENANTS, but)
    for _, tenant in ipairs(tenants) do
      add_tenant(found, priority, tenant, own, each)
    end
  end
  add_tenant(found, own_priority, own_tenant, own, 1)
  add_blocked(found, own)
  return found
end

-- Return when the lane's jobs are due: ms from now and how many, in a few groups, each with the time of its first job.
local function due_times(lane)
  local times, parts = { { 0, lanes.count_due(lane) } }, { 'retry:' .. lane, 'timed:' .. lane }
  for _, part in ipairs(parts) do
    local all = redis.call('ZCARD', key(part))
    local rank = redis.call('ZCOUNT', key(part), '-inf', NOW)
    local step = math.max(1, math.ceil((all - rank) / SAMPLES))
    while rank < all do
      -- The last job is a group of its own: nothing ends before it is due.
      local jobs = rank == all - 1 and 1 or math.min(step, all - 1 - rank)
      local due = redis.call('ZRANGE', key(part), rank, rank, 'WITHSCORES')[2]
      times[#times + 1] = { math.max(0, tonumber(due) - NOW), jobs }
      rank = rank + jobs
    end
  end
  return times
end

-- Return the mean number of message parts of the lane's jobs, from a few of them.
local function mean_parts(lane)
  local batch = lanes.batch_of(lane)
  local part = redis.call('EXISTS', key('lane:' .. lane)) == 1 and 'lane:' or 'timed:'
  local all, seen, parts = redis.call('ZCARD', key(part .. lane)), 0, 0
  for place = 0, math.min(all, 5) - 1 do
    local rank = math.floor(place * all / 5)
    local head = records.load(lanes.id_of(batch, redis.call('ZRANGE', key(part .. lane), rank, rank)[1], part))
    if head then
      seen, parts = seen + 1, parts + head[PARTS]
    end
  end
  return seen > 0 and parts / seen or 1
end

-- Return the open chats of the instance: how many it may have and has, when some of them end (position and ms from
-- now), and how long chats lasted, if that is known.
local function chats_of(limits)
  local chats = key('chats:' .. limits.instance)
  local all, over = redis.call('ZCARD', chats), redis.call('ZCOUNT', chats, '-inf', NOW)
  local ends = {}
  for place = 1, all - over, math.max(1, math.ceil((all - over - 1) / SAMPLES)) do
    local chat = redis.call('ZRANGE', chats, over + place - 1, over + place - 1, 'WITHSCORES')
    ends[#ends + 1] = { place, tonumber(chat[2]) - NOW }
  end
  return { most = limits.max_chats, open = all - over, ends = ends, lasted = instance_chats.lasted(limits.instance) }
end

-- Return what stops the lane's first job: a key that no live worker has; nil: nothing.
local function key_stop_of(lane)
  local batch = lanes.batch_of(lane)
  local head, request
  for _, part in ipairs(lanes.PARTS) do
    local first = not head and redis.call('ZRANGE', key(part .. lane), 0, 0)[1]
    if first then
      head, request = records.load(lanes.id_of(batch, first, part))
    end
  end
  local name = key_holders.lacking_key(batch, head and request or '')
  return name ~= '' and { 'no_key', 'key:' .. name, '' } or nil
end

-- Return owner, scope and reason of what stops the lane; nil: nothing does.
function forecast.stop_of(lane)
  local scope = 'budget'
  if not budget_is_held() then
    local held, _, probes = gates.hold_of(lane)
    scope = held or probes and probes[1]
  end
  if scope then
    local owner, hold = gates.holder_of(scope)
    return { owner, scope, hold.reason }
  end
  return key_stop_of(lane)
end

-- Return JSON of what stops the lane of a batch that is not final; '' if nothing does.
function forecast.stop_json(found)
  local stop = not batches.is_final(found) and forecast.stop_of(batches.lane_of(found))
  return stop and cjson.encode(stop) or ''
end

function forecast.pace_of(lane)
  local budget, limits = token_bucket.load(), gates.limits_of_lane(lane)
  return cjson.encode({
    budget = budget and { budget.rate, budget.tokens, budget.most, token_bucket.still_limits(budget) } or nil,
    workers = workers.count(),
    stop = forecast.stop_of(lane),
    own = entry_of(lane, 0, 1, 1),
    parts = limits.number_rate and mean_parts(lane) or 1,
    due = due_times(lane),
    rivals = rivals_of(lane),
    chats = limits.max_chats and chats_of(limits) or nil,
  })
end

return forecast
