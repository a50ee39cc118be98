-- lanes: the waiting jobs.
-- A lane, `priority:sender:tenant:batch`, has two zsets of id -> due ms: `lane:<lane>` for jobs that were never called,
-- `again:<lane>` for those that wait for another call; these go first once they are due, or a retry would stand behind
-- the whole backlog. Inside a batch the member is the row alone, to save memory.
-- `lanes` (hash lane -> jobs) counts what these functions put in and took out: a lane that holds fewer has lost some.
-- Behind the point a due time has the job's place among those of its submit, so that rows keep their order.
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

local lane_moves = {}

local function count_in_lane(lane, by)
  lane_moves[lane] = (lane_moves[lane] or 0) + by
end

local function put_in_lane(part, id, lane, due)
  local _, _, _, batch = lane_parts(lane)
  count_in_lane(lane, redis.call('ZADD', key(part .. lane), string.format('%.3f', due), member_of(batch, id)))
end

local function take_from_lane(id, lane)
  local _, _, _, batch = lane_parts(lane)
  local member = member_of(batch, id)
  count_in_lane(lane, -redis.call('ZREM', key('again:' .. lane), member))
  count_in_lane(lane, -redis.call('ZREM', key('lane:' .. lane), member))
end

local IN_ORDER, UNTRIED_FIRST = { 'again:', 'lane:' }, { 'lane:', 'again:' }

-- Takes up to `most` due jobs out of the lane; their ids. `parts`: in which order.
local function take_due(lane, most, parts)
  local _, _, _, batch = lane_parts(lane)
  local ids = {}
  for _, part in ipairs(parts) do
    local waiting = key(part .. lane)
    if #ids < most then
      local members = redis.call('ZRANGEBYSCORE', waiting, '-inf', END_OF_NOW, 'LIMIT', 0, most - #ids)
      if #members > 0 then
        count_in_lane(lane, -redis.call('ZREM', waiting, unpack(members)))
      end
      for _, member in ipairs(members) do
        ids[#ids + 1] = id_of(batch, member)
      end
    end
  end
  return ids
end
