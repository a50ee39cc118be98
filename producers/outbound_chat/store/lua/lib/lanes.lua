-- lanes: the waiting jobs, and who is next.
-- A lane, `priority:sender:tenant:batch`, is a zset id -> due ms at `lane:<lane>`; inside a batch the member is the row
-- alone, to save memory. A lane with a due job is in the ring; one whose next job lies ahead is in `later` (zset lane ->
-- due ms); so a claim costs the same however many lanes wait. The ring turns over tenants, then over a tenant's lanes:
-- `ring:<priority>` (tenant -> pass) and `ring:<priority>:<tenant>` (lane -> pass), lowest pass first.
local function lane_parts(lane)
  local priority, sender, tenant, batch = string.match(lane, '^(%d):([^:]*):([^:]*):([^:]*)$')
  return priority, sender, tenant, batch
end

local function batch_of(head)
  local _, _, _, batch = lane_parts(head[LANE])
  return batch
end

local function member_of(batch, id)
  return batch == '' and id or string.sub(id, #batch + 2)
end

local function id_of(batch, member)
  return batch == '' and member or batch .. '-' .. member
end

-- The batch of a job whose record can't tell it.
local function batch_in_id(id)
  return string.match(id, '^(.+)%-%d+$') or ''
end

-- A newcomer stands a hair less than a turn behind the one whose turn it is: it goes before those who had theirs, so it
-- waits one turn of each, and gains nothing by leaving and coming again.
local function join(ring, member)
  local first = redis.call('ZRANGE', ring, 0, 0, 'WITHSCORES')
  local pass = first[2] and tonumber(first[2]) + 0.999 or 0
  redis.call('ZADD', ring, 'NX', string.format('%.3f', pass), member)
end

local function leave_ring(lane, priority, tenant)
  local lanes = key('ring:' .. priority .. ':' .. tenant)
  if redis.call('ZREM', lanes, lane) == 1 and redis.call('EXISTS', lanes) == 0 then
    redis.call('ZREM', key('ring:' .. priority), tenant)
  end
end

-- Puts the lane where it belongs after its jobs changed: into the ring, into `later`, or nowhere.
local function enroll(lane)
  local priority, _, tenant = lane_parts(lane)
  local first = redis.call('ZRANGE', key('lane:' .. lane), 0, 0, 'WITHSCORES')
  if first[2] and tonumber(first[2]) <= NOW then
    redis.call('ZREM', key('later'), lane)
    join(key('ring:' .. priority .. ':' .. tenant), lane)
    join(key('ring:' .. priority), tenant)
    return
  end
  leave_ring(lane, priority, tenant)
  if first[2] then
    redis.call('ZADD', key('later'), first[2], lane)
  else
    redis.call('ZREM', key('later'), lane)
  end
end

local function enroll_due_lanes()
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', key('later'), '-inf', NOW, 'LIMIT', 0, 100)) do
    enroll(lane)
  end
end

local function ring_has_work()
  return redis.call('EXISTS', key('ring:1'), key('ring:2'), key('ring:3')) > 0
end

-- Waiting jobs that were called before stand in `again:<batch>` as well: they are queued, not scheduled.
local function put_in_lane(id, lane, due, called_before)
  local _, _, _, batch = lane_parts(lane)
  local member = member_of(batch, id)
  redis.call('ZADD', key('lane:' .. lane), digits(due), member)
  if called_before and batch ~= '' then
    redis.call('ZADD', key('again:' .. batch), digits(due), member)
  end
end

local function take_from_lane(id, lane)
  local _, _, _, batch = lane_parts(lane)
  local member = member_of(batch, id)
  if batch ~= '' then
    redis.call('ZREM', key('again:' .. batch), member)
  end
  return redis.call('ZREM', key('lane:' .. lane), member) == 1
end
