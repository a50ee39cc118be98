-- lanes: the waiting jobs.
-- A lane, `priority:sender:tenant:batch`, has three zsets. `lane:<lane>` has the jobs that may go at once and were never
-- called: id -> number in the order of acceptance; they are due whatever the clock says. `timed:<lane>` has those with a
-- send_at, `again:<lane>` those that wait for another call: numbered id -> due ms. The last go first once they are due,
-- or a retry would stand behind the whole backlog; the others go by time.
-- A job's number is the time of its acceptance in µs, or one more than the last number that was given, so that it never
-- goes back and no two are the same, whatever the clock does. Where many are due in one ms it decides, so it leads their
-- members. Inside a batch the member is the row alone, to save memory: rows come in order, so the row is a number, too.
-- `lanes` (hash lane -> jobs) counts what these functions put in and took out: a lane that holds fewer has lost some.
local function lane_parts(lane)
  local priority, sender, tenant, batch = string.match(lane, '^(%d):([^:]*):([^:]*):([^:]*)$')
  return priority, sender, tenant, batch
end

local function batch_of(head)
  local _, _, _, batch = lane_parts(head[LANE])
  return batch
end

local function order_of(head)
  return head[CREATED] * 1000 + head[ORDER]
end

-- Of `lane:`.
local function member_of(batch, id)
  return batch == '' and id or string.sub(id, #batch + 2)
end

-- Of the other parts, where members of one time sort as texts. `order`: nobody asks for it inside a batch.
local function numbered(batch, id, order)
  local row = member_of(batch, id)
  return batch == '' and string.format('%016.0f', order) .. id or #row .. row
end

local function id_of(batch, member, part)
  local own = part == 'lane:' and member or string.sub(member, batch == '' and 17 or 2)
  return batch == '' and own or batch .. '-' .. own
end

-- Where a waiting job belongs: part, member and score.
local function place_of(id, head)
  local batch = batch_in_id(id)
  if head[HISTORY] == 0 and head[DUE] == 0 then
    return 'lane:', member_of(batch, id), order_of(head)
  end
  local part = head[HISTORY] == 0 and head[DUE] == head[SEND_AT] and 'timed:' or 'again:'
  return part, numbered(batch, id, order_of(head)), head[DUE]
end

-- When the lane's next job is due; nil: it has none.
local function next_due(lane)
  if redis.call('EXISTS', key('lane:' .. lane)) == 1 then
    return NOW
  end
  local due
  for _, part in ipairs({ 'again:', 'timed:' }) do
    local first = redis.call('ZRANGE', key(part .. lane), 0, 0, 'WITHSCORES')
    if first[2] then
      due = math.min(due or math.huge, tonumber(first[2]))
    end
  end
  return due
end

-- How many of the lane's jobs are due.
local function due_in(lane)
  return redis.call('ZCARD', key('lane:' .. lane)) + redis.call('ZCOUNT', key('timed:' .. lane), '-inf', NOW)
    + redis.call('ZCOUNT', key('again:' .. lane), '-inf', NOW)
end

local lane_moves = {}

local function count_in_lane(lane, by)
  lane_moves[lane] = (lane_moves[lane] or 0) + by
end

local function put_in_lane(id, head)
  local part, member, score = place_of(id, head)
  count_in_lane(head[LANE], redis.call('ZADD', key(part .. head[LANE]), digits(score), member))
end

local PARTS_OF_LANE = { 'lane:', 'timed:', 'again:' }

local function take_from_lane(id, head)
  local batch = batch_in_id(id)
  for _, part in ipairs(PARTS_OF_LANE) do
    local member = part == 'lane:' and member_of(batch, id) or numbered(batch, id, order_of(head))
    if redis.call('ZREM', key(part .. head[LANE]), member) == 1 then
      return count_in_lane(head[LANE], -1)
    end
  end
end

-- Takes up to `most` due jobs out of the lane. Each: id, part and member with which it may be put off, or its number in
-- place of a member. `untried_first`: those that were called before come last.
local function take_due(lane, most, untried_first)
  local _, _, _, batch = lane_parts(lane)
  local lane_key, timed_key, again_key = key('lane:' .. lane), key('timed:' .. lane), key('again:' .. lane)
  local jobs = {}

  local function due_of(name, ...)
    return redis.call('ZRANGEBYSCORE', name, '-inf', NOW, ...)
  end

  local function drop_first(name, count)
    if count > 0 then
      redis.call('ZREMRANGEBYRANK', name, 0, count - 1)
    end
  end

  local function take(part, member, order)
    jobs[#jobs + 1] = { id = id_of(batch, member, part), order = order,
      part = order and 'timed:' or part, member = not order and member or nil }
  end

  local function take_again()
    local members = due_of(again_key, 'LIMIT', 0, most - #jobs)
    drop_first(again_key, #members)
    for _, member in ipairs(members) do
      take('again:', member)
    end
  end

  local function take_new()
    local room, i, k = most - #jobs, 1, 1
    local timed = due_of(timed_key, 'WITHSCORES', 'LIMIT', 0, room)
    local first = #timed == 0 and redis.call('ZPOPMIN', lane_key, room)
      or redis.call('ZRANGE', lane_key, 0, room - 1, 'WITHSCORES')
    for _ = 1, math.min(room, (#first + #timed) / 2) do
      if timed[k] and not (first[i] and tonumber(first[i + 1]) < tonumber(timed[k + 1]) * 1000) then
        take('timed:', timed[k])
        k = k + 2
      else
        take('lane:', first[i], first[i + 1])
        i = i + 2
      end
    end
    if #timed > 0 then
      drop_first(lane_key, (i - 1) / 2)
      drop_first(timed_key, (k - 1) / 2)
    end
  end

  for _, some in ipairs(untried_first and { take_new, take_again } or { take_again, take_new }) do
    if #jobs < most then
      some()
    end
  end
  count_in_lane(lane, -#jobs)
  return jobs
end
