-- lanes: the waiting jobs, and who is next.
-- A lane, `priority:sender:tenant:batch`, has two zsets of id -> due ms: `lane:<lane>` for jobs that were never called,
-- `again:<lane>` for those that wait for another call; these go first once they are due, or a retry would stand behind
-- the whole backlog. Inside a batch the member is the row alone, to save memory. A lane with a due job is in the ring;
-- one whose next job lies ahead is in `later` (zset lane -> due ms); so a claim costs the same however many lanes wait.
-- Behind the point a due time has the job's place among those of its submit, so that rows keep their order.
-- The ring turns over tenants, then over a tenant's lanes: `ring:<priority>` (tenant -> pass) and
-- `ring:<priority>:<tenant>` (lane -> pass), lowest pass first.
local END_OF_NOW = NOW + 0.5

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

-- when the lane's next job is due; nil: it has none
local function next_due(lane)
  local due
  for _, part in ipairs({ 'again:', 'lane:' }) do
    local first = redis.call('ZRANGE', key(part .. lane), 0, 0, 'WITHSCORES')
    if first[2] then
      due = math.min(due or math.huge, tonumber(first[2]))
    end
  end
  return due
end

-- Puts the lane where it belongs after its jobs changed: into the ring, into `later`, or nowhere.
local function enroll(lane)
  local priority, _, tenant = lane_parts(lane)
  local due = next_due(lane)
  if due and due <= END_OF_NOW then
    redis.call('ZREM', key('later'), lane)
    join(key('ring:' .. priority .. ':' .. tenant), lane)
    join(key('ring:' .. priority), tenant)
    return
  end
  leave_ring(lane, priority, tenant)
  if due then
    redis.call('ZADD', key('later'), digits(due), lane)
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

local function put_in_lane(part, id, lane, due)
  local _, _, _, batch = lane_parts(lane)
  redis.call('ZADD', key(part .. lane), string.format('%.3f', due), member_of(batch, id))
end

local function take_from_lane(id, lane)
  local _, _, _, batch = lane_parts(lane)
  local member = member_of(batch, id)
  redis.call('ZREM', key('again:' .. lane), member)
  redis.call('ZREM', key('lane:' .. lane), member)
end

-- Takes up to `most` due jobs out of the lane; their ids.
local function take_due(lane, most)
  local _, _, _, batch = lane_parts(lane)
  local ids = {}
  for _, part in ipairs({ 'again:', 'lane:' }) do
    local waiting = key(part .. lane)
    if #ids < most then
      local members = redis.call('ZRANGEBYSCORE', waiting, '-inf', END_OF_NOW, 'LIMIT', 0, most - #ids)
      if #members > 0 then
        redis.call('ZREM', waiting, unpack(members))
      end
      for _, member in ipairs(members) do
        ids[#ids + 1] = id_of(batch, member)
      end
    end
  end
  return ids
end
