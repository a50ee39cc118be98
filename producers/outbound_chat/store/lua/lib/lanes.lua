-- lanes: keeps the waiting jobs.
-- A lane, `priority:sender:tenant:batch`, has three zsets. `lane:<lane>` has the jobs that may go at once and were
-- never called: id -> number in the order of acceptance; they are due whatever the clock says. `timed:<lane>` has jobs
-- with a send_at, `retry:<lane>` jobs that wait for another call: numbered id -> due ms. Retries go first once they are
-- due, or they would wait behind the whole backlog; the others go by time.
-- A job's number is the time of its acceptance in µs, or one more than the last number: it never goes back and is never
-- used twice, whatever the clock does. It decides the order of jobs that are due in the same ms, so it leads their
-- members. Inside a batch the member is the row alone, to save memory: rows come in order, so the row is a number, too.
-- `lanes` (hash lane -> jobs) counts what these functions put in and took out: a lane that holds fewer has lost some.
-- uses: records
local lanes = {}

-- The lane that was parsed last, and its parts: one script asks for them again and again.
local known
local parts_of_known = {}

-- Return priority, sender, tenant and batch; nil: it is no valid lane.
function lanes.parts(lane)
  local of_known = parts_of_known
  if lane ~= known then
    known = lane
    of_known[1], of_known[2], of_known[3], of_known[4] = string.match(lane, '^(%d):([^:]*):([^:]*):([^:]*)$')
  end
  return of_known[1], of_known[2], of_known[3], of_known[4]
end

-- The next three also find what they can in a name that another program made.
function lanes.sender_of(lane)
  local _, name = lanes.parts(lane)
  return name or string.match(lane, '^%d:([^:]*):')
end

function lanes.tenant_of(lane)
  local _, _, name = lanes.parts(lane)
  return name or string.match(lane, '^%d:[^:]*:([^:]*):')
end

function lanes.batch_of(lane)
  local _, _, _, name = lanes.parts(lane)
  return name or string.match(lane, '([^:]*)$')
end

function lanes.order_of(head)
  return head[CREATED] * 1000 + head[ORDER]
end

-- Return the member of `lane:`.
function lanes.member_of(batch, id)
  return batch == '' and id or string.sub(id, #batch + 2)
end

-- Return the member of the other zsets, where members with the same time sort as text. `order` is not used in a batch.
function lanes.numbered_member(batch, id, order)
  local row = lanes.member_of(batch, id)
  return batch == '' and string.format('%016.0f', order) .. id or #row .. row
end

function lanes.id_of(batch, member, part)
  local own = part == 'lane:' and member or string.sub(member, batch == '' and 17 or 2)
  return batch == '' and own or batch .. '-' .. own
end

-- Return where a waiting job belongs: zset, member and score.
function lanes.position_of(id, head)
  local batch = records.batch_in_id(id)
  if head[HISTORY] == 0 and head[DUE] == 0 then
    return 'lane:', lanes.member_of(batch, id), lanes.order_of(head)
  end
  local part = head[HISTORY] == 0 and head[DUE] == head[SEND_AT] and 'timed:' or 'retry:'
  return part, lanes.numbered_member(batch, id, lanes.order_of(head)), head[DUE]
end

-- Return when the lane's next job is due; nil: it has none.
function lanes.next_due(lane)
  if redis.call('EXISTS', key('lane:' .. lane)) == 1 then
    return NOW
  end
  local due
  for _, part in ipairs({ 'retry:', 'timed:' }) do
    local first = redis.call('ZRANGE', key(part .. lane), 0, 0, 'WITHSCORES')
    if first[2] then
      due = math.min(due or math.huge, tonumber(first[2]))
    end
  end
  return due
end

-- Return the id of the lane's next job; nil: it has none. `tried`: rather one that was called before.
function lanes.next_job(lane, tried)
  local id, earliest
  for _, part in ipairs({ 'retry:', 'lane:', 'timed:' }) do
    local member, score = unpack(redis.call('ZRANGE', key(part .. lane), 0, 0, 'WITHSCORES'))
    local due = member and (part == 'lane:' and NOW or math.max(NOW, tonumber(score)))
    if due and not (id and (tried or earliest <= due)) then
      id, earliest = lanes.id_of(lanes.batch_of(lane), member, part), due
      tried = tried and part == 'retry:'
    end
  end
  return id
end

-- Count the lane's due jobs.
function lanes.count_due(lane)
  return (try('ZCARD', key('lane:' .. lane)) or 0) + (try('ZCOUNT', key('timed:' .. lane), '-inf', NOW) or 0)
    + (try('ZCOUNT', key('retry:' .. lane), '-inf', NOW) or 0)
end

-- Lane -> how much the number of its waiting jobs has changed in this call.
local changes

before_each_call('lanes', function()
  changes = nil
end)

function lanes.count(lane, by)
  changes = changes or {}
  changes[lane] = (changes[lane] or 0) + by
end

function lanes.write_counts()
  for lane, by in pairs(changes or {}) do
    local jobs = by ~= 0 and try('HINCRBY', key('lanes'), lane, by)
    if type(jobs) == 'number' and jobs <= 0 then
      redis.call('HDEL', key('lanes'), lane)
    end
  end
end

function lanes.put(id, head)
  local part, member, score = lanes.position_of(id, head)
  lanes.count(head[LANE], redis.call('ZADD', key(part .. head[LANE]), digits(score), member))
end

lanes.PARTS = { 'lane:', 'timed:', 'retry:' }

function lanes.remove(id, head)
  local batch = records.batch_in_id(id)
  for _, part in ipairs(lanes.PARTS) do
    local member = part == 'lane:' and lanes.member_of(batch, id)
      or lanes.numbered_member(batch, id, lanes.order_of(head))
    if redis.call('ZREM', key(part .. head[LANE]), member) == 1 then
      return lanes.count(head[LANE], -1)
    end
  end
end

-- Take up to `most` due jobs out of the lane. Each has its id, and zset and member with which it may be put back, or
-- its number instead of a member. `untried_first`: jobs that were called before come last.
function lanes.take_due(lane, most, untried_first)
  local batch = lanes.batch_of(lane)
  local lane_key, timed_key, retry_key = key('lane:' .. lane), key('timed:' .. lane), key('retry:' .. lane)
  local jobs = {}

  local function due_of(name, ...)
    return redis.call('ZRANGEBYSCORE', name, '-inf', NOW, ...)
  end

  local function drop_first(name, jobs_taken)
    if jobs_taken > 0 then
      redis.call('ZREMRANGEBYRANK', name, 0, jobs_taken - 1)
    end
  end

  local function take(part, member, order)
    jobs[#jobs + 1] = { id = lanes.id_of(batch, member, part), order = order,
      part = order and 'timed:' or part, member = not order and member or nil }
  end

  local function take_again()
    local members = due_of(retry_key, 'LIMIT', 0, most - #jobs)
    drop_first(retry_key, #members)
    for _, member in ipairs(members) do
      take('retry:', member)
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
  lanes.count(lane, -#jobs)
  return jobs
end

return lanes
