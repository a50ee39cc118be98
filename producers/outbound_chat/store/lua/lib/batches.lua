-- batches: the record of a batch, `b:<batch>` (hash): what its rows share, its counts by state, and its progress. A
-- batch is final once its producer has closed it and none of its jobs is waiting or leased.
-- uses: events lanes retention webhooks
local batches = {}
batches.FIELDS = { 'name', 'lane', 'created_at', 'closed_at', 'final_at', 'accepted', 'rejected', 'waiting', 'leased',
  'sent', 'failed', 'expired', 'cancelled', 'uncertain', 'unreadable', 'mark_ms', 'mark_done', 'last_ms', 'source',
  'rows',
  -- Sent jobs by what is known of their delivery; the others are unknown. See `contact_facts`.
  'delivery:pending', 'delivery:carrier', 'delivery:no_receipt', 'delivery:undelivered', 'delivery:delivered',
  'delivery:read', 'delivery:answered' }
-- Field -> its position. There is no `ipairs` while functions are loaded.
local at = {}
for i = 1, #batches.FIELDS do
  at[batches.FIELDS[i]] = i
end

-- Return the fields in their order. nil: no such batch; nil and 'unreadable': another program wrote its record.
function batches.read(batch)
  local found = try('HMGET', key('b:' .. batch), unpack(batches.FIELDS))
  if found and not found[at.created_at] then
    return nil
  elseif not found or not found[at.lane] or not lanes.parts(found[at.lane]) then
    return nil, 'unreadable'
  end
  return found
end

function batches.lane_of(found)
  return found[at.lane]
end

function batches.is_final(found)
  return found[at.final_at] ~= false
end

function batches.waiting_of(found)
  return tonumber(found[at.waiting]) or 0
end

-- Count its waiting jobs that were never called and are not due yet.
function batches.count_scheduled(lane)
  return redis.call('ZCOUNT', key('timed:' .. lane), NOW + 1, '+inf')
end

function batches.add_to_reply(reply, found)
  for i, field in ipairs(batches.FIELDS) do
    reply[#reply + 1], reply[#reply + 2] = field, found[i] or ''
  end
end

batches.EMPTY_MS = 30 * 86400000

-- Remove what the rows of a final batch share, once none of them can be replayed.
local function settle_shared(batch, dead)
  local ms = retention.request_ms()
  if dead == 0 or ms == 0 then
    redis.call('HDEL', key('b:' .. batch), 'shared')
  elseif ms then
    retention.purge_later('b:' .. batch, ms)
  end
end

-- The lists of batches, for readers that do not know their ids: `open_batches` (zset id -> created ms) until they are
-- final, then `ended_batches` (zset id -> until ms) as long as their records exist. Only readers use these, so no job
-- may fail because another program wrote there.
local ABANDONED = 10

-- List a new batch. An empty one that nobody closes expires by itself and leaves its name here, so check the oldest
-- names.
function batches.list_as_open(batch)
  for _, name in ipairs(try('ZRANGE', key('open_batches'), 0, ABANDONED - 1) or {}) do
    if redis.call('EXISTS', key('b:' .. name)) == 0 then
      redis.call('ZREM', key('open_batches'), name)
    end
  end
  try('ZADD', key('open_batches'), digits(NOW), batch)
end

local function list_as_ended(batch)
  local keep = retention.record_ms()
  try('ZREM', key('open_batches'), batch)
  if try('ZADD', key('ended_batches'), digits(NOW + keep), batch) then
    redis.call('ZREMRANGEBYSCORE', key('ended_batches'), '-inf', digits(NOW))
    redis.call('PEXPIRE', key('ended_batches'), digits(keep))
  end
end

-- Update what depends on the counts. A batch is final once its producer has closed it and no job is waiting or leased;
-- an empty one that nobody closes expires after 30 days.
function batches.settle(batch)
  local record = key('b:' .. batch)
  local now = try('HMGET', record, 'waiting', 'leased', 'closed_at', 'final_at', 'failed', 'uncertain', 'lane',
    'batch_key')
  if not now then
    return
  end
  local waiting, leased, closed_at, final_at, failed, uncertain, lane, batch_key = unpack(now)
  -- The key with which its producer finds it again lives as long as the record.
  local function keep(command, ...)
    redis.call(command, record, ...)
    if batch_key then
      redis.call(command, key('opened:' .. batch_key), ...)
    end
  end
  local dead = (tonumber(failed) or 0) + (tonumber(uncertain) or 0)
  if (tonumber(waiting) or 0) + (tonumber(leased) or 0) > 0 then
    keep('PERSIST')
  elseif not closed_at then
    keep('PEXPIRE', digits(batches.EMPTY_MS))
  elseif not final_at then
    redis.call('HSET', record, 'final_at', digits(NOW))
    keep('PEXPIRE', digits(retention.record_ms()))
    try('HDEL', key('holds'), 'person:batch:' .. batch, 'system:batch:' .. batch,
      'cancel:batch:' .. batch)
    events.add('batch_final', batch, '', '')
    if lane and lanes.parts(lane) then
      webhooks.enqueue(batch .. '.finished', lane)
    end
    redis.call('PUBLISH', key('done:' .. batch), 'final')
    list_as_ended(batch)
    settle_shared(batch, dead)
  elseif dead == 0 then
    settle_shared(batch, dead)
  end
end

-- Close the batch: no more jobs will come. Only the first call has an effect.
function batches.close(batch)
  if redis.call('HSETNX', key('b:' .. batch), 'closed_at', digits(NOW)) == 1 then
    events.add('batch_accepted', batch, '', '')
    batches.settle(batch)
  end
end

-- Note the progress of the batch every few seconds. `mark_*` is the note before the last one: the rate is measured from
-- there, so over 5 to 10 seconds. After a pause the measurement starts again.
local PROGRESS_MS = 5000
local PAUSE_MS = 20000

function batches.note_progress(batch)
  local record = key('b:' .. batch)
  local kept = try('HMGET', record, 'last_ms', 'last_done', 'sent', 'failed', 'uncertain')
  if not kept then
    return
  end
  local last_ms, last_done, sent, failed, uncertain = unpack(kept)
  local last = number_in(last_ms, 0, 1e15)
  if last and math.abs(NOW - last) < PROGRESS_MS then
    return
  end
  local done = (tonumber(sent) or 0) + (tonumber(failed) or 0) + (tonumber(uncertain) or 0)
  local restarts = not last or math.abs(NOW - last) > PAUSE_MS
  redis.call('HSET', record, 'mark_ms', digits(restarts and NOW or last),
    'mark_done', restarts and done or last_done or done, 'last_ms', digits(NOW), 'last_done', done)
end

return batches
