-- consistency: what is wrong with a job, a lane or a count, for `reconcile` and `audit`; reads only.
-- Every script updates all of these together, so each difference is always 0, unless somebody edited keys or we have a
-- bug.
-- uses: lanes records ring
local consistency = {}

local COUNTED = { 'waiting', 'leased', 'sent', 'failed', 'expired', 'cancelled', 'uncertain', 'unreadable' }
-- State and lane come first in a record; decoding all of it would cost several times as much.
local PLAIN = '^%[' .. records.NEWEST_VERSION .. ',"(%l+)","([^"\\]*)",'

local function counted(record, field)
  return tonumber(redis.call('HGET', record, field) or 0)
end

-- Return how many more jobs were accepted than the states add up to.
local function surplus_of(record)
  local kept = redis.call('HMGET', record, 'accepted', unpack(COUNTED))
  local surplus = tonumber(kept[1] or 0)
  for i = 2, #kept do
    surplus = surplus - tonumber(kept[i] or 0)
  end
  return surplus
end

local function names_of(part, ids)
  local names = {}
  for i, id in ipairs(ids) do
    names[i] = key(part .. id)
  end
  return names
end

function consistency.jobs_in(lane)
  local jobs = 0
  for _, part in ipairs(lanes.PARTS) do
    jobs = jobs + redis.call('ZCARD', key(part .. lane))
  end
  return jobs
end

-- `order`: the job's number in the order of acceptance; not used for rows.
local function is_in_lane(id, lane, order)
  local batch = records.batch_in_id(id)
  local member = lanes.numbered_member(batch, id, order)
  return redis.call('ZSCORE', key('lane:' .. lane), lanes.member_of(batch, id))
    or redis.call('ZSCORE', key('timed:' .. lane), member) or redis.call('ZSCORE', key('retry:' .. lane), member)
end

-- Return state and lane of a job. 'newer': a newer version wrote the record, and its wakers check it; nil: the record
-- is gone or unreadable.
function consistency.peek(id, raw)
  local state, lane = string.match(raw or '', PLAIN)
  if state then
    return state, string.sub(lane, -1) == ':' and lane .. records.batch_in_id(id) or lane
  end
  local head, why
  if raw then
    head, why = records.load(id)
  end
  if head then
    return head[STATE], head[LANE]
  end
  return why == 'newer' and why or nil
end

-- Whether the script that takes this job from its lane will notice that the record is lost, and quarantine the job.
local function will_be_set_aside(id)
  local batch = records.batch_in_id(id)
  local lane = batch ~= '' and redis.call('HGET', key('b:' .. batch), 'lane')
  return lane and is_in_lane(id, lane)
end

-- Return what is wrong with each job from the index of open jobs (false: nothing), and lane -> the positions of its
-- waiting jobs among the ids. It makes few calls for many jobs, since a scan asks this of all. `only`: a set of lanes
-- to whose waiting jobs the search is limited; nil: all lanes.
function consistency.faults_of_job(ids, only)
  local raws = redis.call('MGET', unpack(names_of('j:', ids)))
  local leases = redis.call('ZMSCORE', key('leases'), unpack(ids))
  local faults, by_lane = {}, {}
  for i, id in ipairs(ids) do
    local state, lane = consistency.peek(id, raws[i])
    if state == 'queued' and (not only or only[lane]) then
      by_lane[lane] = by_lane[lane] or {}
      table.insert(by_lane[lane], i)
    end
    faults[i] = state ~= 'newer' and (state == 'sending' and not leases[i] and 'no_lease'
      or state and state ~= 'queued' and state ~= 'sending' and 'ended'
      or not state and not leases[i] and not will_be_set_aside(id) and 'unreadable')
  end
  for lane, places in pairs(by_lane) do
    local members = {}
    for k, i in ipairs(places) do
      members[k] = lanes.member_of(records.batch_in_id(ids[i]), ids[i])
    end
    local waits = redis.call('ZMSCORE', key('lane:' .. lane), unpack(members))
    for k, i in ipairs(places) do
      local head = not waits[k] and records.parse(raws[i])
      faults[i] = not waits[k] and not (head and is_in_lane(ids[i], lane, lanes.order_of(head))) and 'no_place'
    end
  end
  return faults, by_lane
end

local function is_in_ring(name, tenant, lane)
  return redis.call('ZSCORE', name, tenant) and redis.call('ZSCORE', name .. ':' .. tenant, lane)
end

-- Whether something will open the gate: a time to try it again, or the end of a hold of this scope.
local function gate_is_watched(scope)
  return redis.call('ZSCORE', key('delayed'), '@' .. scope)
    or redis.call('HEXISTS', key('holds'), 'person:' .. scope) == 1
    or redis.call('HEXISTS', key('holds'), 'cancel:' .. scope) == 1
end

-- Return why no claim would take the lane's jobs, or not in time; nil: nothing is wrong. Most lanes are in the ring,
-- which is checked first, since every run pays for this.
function consistency.fault_of_lane(lane)
  local tenant = lanes.tenant_of(lane)
  if is_in_ring(ring.of(lane), tenant, lane) then
    return nil
  end
  local scope = redis.call('HGET', key('blocked'), lane)
  if scope then
    if not is_in_ring(ring.of_gate(scope, lane), tenant, lane) then
      return 'nowhere'
    end
    return not gate_is_watched(scope) and 'gate' or nil
  end
  local later = redis.call('ZSCORE', key('delayed'), lane)
  if not later then
    return 'nowhere'
  end
  -- The next script handles a time that has passed, whatever it is; a later time must be right.
  return tonumber(later) > math.max(lanes.next_due(lane), NOW) + 1 and 'wrong_time' or nil
end

local function record_of(lane)
  return key('b:' .. lanes.batch_of(lane))
end

local function has_record(lane)
  return redis.call('HEXISTS', record_of(lane), 'created_at') == 1
end

-- Differences that are reported and never repaired, since nobody knows which side is right; 0: no difference.
local DIFFERENCE = {
  counts = function()
    return surplus_of(key('counts'))
  end,
  leases = function()
    return counted(key('counts'), 'leased') - redis.call('ZCARD', key('leases'))
  end,
  expiry = function()
    return counted(key('counts'), 'waiting') + counted(key('counts'), 'leased') - redis.call('ZCARD', key('expiry'))
  end,
  lanes = function()
    return redis.call('EXISTS', key('lanes')) == 0 and counted(key('counts'), 'waiting') or 0
  end,
  lane = function(lane)
    return math.max(0, tonumber(redis.call('HGET', key('lanes'), lane) or 0) - consistency.jobs_in(lane))
  end,
  batch = function(lane)
    return has_record(lane) and surplus_of(record_of(lane)) or 0
  end,
  rows = function(lane)
    return has_record(lane) and counted(record_of(lane), 'waiting') - counted(key('lanes'), lane) or 0
  end,
  batch_record = function(lane)
    return redis.call('HEXISTS', key('lanes'), lane) == 1 and not has_record(lane) and 1 or 0
  end,
  job = function(id)
    return redis.call('ZSCORE', key('expiry'), id) and consistency.faults_of_job({ id })[1] and 1 or 0
  end,
}
consistency.BUDGET_KINDS = { 'counts', 'leases', 'expiry', 'lanes' }
local OF_BATCH = { 'batch', 'rows', 'batch_record' }

-- Kinds of differences that the batch of the lane may have; single jobs have none.
function consistency.kinds_of_batch(lane)
  return string.sub(lane, -1) == ':' and {} or OF_BATCH
end

function consistency.difference(kind, of)
  return DIFFERENCE[kind](of)
end

return consistency
