-- books: counts by state, of the budget in `books` and of each batch in `b:<batch>`, so that at any moment
-- accepted = waiting + leased + sent + failed + expired + cancelled + uncertain + unreadable.
local EMPTY_BATCH_MS = 30 * 86400000
local DEFAULT_KEEP_MS = 7 * 86400000

local moves = {}

local function count(batch, field, by)
  local book = moves[batch] or {}
  moves[batch] = book
  book[field] = (book[field] or 0) + by
end

local function move(batch, from, to)
  count(batch, from, -1)
  count(batch, to, 1)
end

local function keep_ms()
  return within(read('HGET', key('settings'), 'keep_ms'), 1, 1e13) or DEFAULT_KEEP_MS
end

-- How long a request outlives the end of its job where it may be replayed; nil: as long as the record.
local function keep_request_ms()
  local ms = within(read('HGET', key('settings'), 'keep_requests_ms'), 0, 1e13) or DEFAULT_KEEP_MS
  return ms < keep_ms() and ms or nil
end

-- Has what is kept for replays of a job (`j:<id>`) or batch (`b:<batch>`) go in time, before the rest of it:
-- `forget` (zset name -> ms). What another program wrote there goes: no end of a job may fail because of it.
local function forget_later(name, in_ms)
  if read('ZADD', key('forget'), digits(NOW + in_ms), name) == nil then
    redis.call('DEL', key('forget'))
    redis.call('ZADD', key('forget'), digits(NOW + in_ms), name)
  end
end

-- What the rows of a final batch share goes once none of them can be replayed.
local function settle_shared(batch, failed)
  local ms = keep_request_ms()
  if failed == 0 or ms == 0 then
    redis.call('HDEL', key('b:' .. batch), 'shared')
  elseif ms then
    forget_later('b:' .. batch, ms)
  end
end

-- The batches of a budget, for those who do not know their ids: in `open_batches` (zset id -> created ms) until they are
-- final, then in `ended_batches` (zset id -> until ms) as long as their books. They serve readers alone: no job may fail
-- because another program wrote there.
local ABANDONED = 10

-- One that was left open and empty goes by its own expiry, and leaves its name: the oldest names are looked through.
local function list_as_open(batch)
  for _, name in ipairs(read('ZRANGE', key('open_batches'), 0, ABANDONED - 1) or {}) do
    if redis.call('EXISTS', key('b:' .. name)) == 0 then
      redis.call('ZREM', key('open_batches'), name)
    end
  end
  write('ZADD', key('open_batches'), digits(NOW), batch)
end

local function list_as_ended(batch)
  local keep = keep_ms()
  write('ZREM', key('open_batches'), batch)
  if write('ZADD', key('ended_batches'), digits(NOW + keep), batch) then
    redis.call('ZREMRANGEBYSCORE', key('ended_batches'), '-inf', digits(NOW))
    redis.call('PEXPIRE', key('ended_batches'), digits(keep))
  end
end

-- A batch is final once its producer closed it and none of its jobs is waiting or leased; an empty one that nobody
-- closes goes after 30 days.
local function settle_batch(batch)
  local book = key('b:' .. batch)
  local now = read('HMGET', book, 'waiting', 'leased', 'closed_at', 'final_at', 'failed', 'uncertain', 'lane',
    'batch_key')
  if not now then
    return
  end
  -- The key by which its producer finds it again lives as long as its book.
  local function keep(command, ...)
    redis.call(command, book, ...)
    if now[8] then
      redis.call(command, key('opened:' .. now[8]), ...)
    end
  end
  local failed = (tonumber(now[5]) or 0) + (tonumber(now[6]) or 0)
  if (tonumber(now[1]) or 0) + (tonumber(now[2]) or 0) > 0 then
    keep('PERSIST')
  elseif not now[3] then
    keep('PEXPIRE', digits(EMPTY_BATCH_MS))
  elseif not now[4] then
    redis.call('HSET', book, 'final_at', digits(NOW))
    keep('PEXPIRE', digits(keep_ms()))
    write('HDEL', key('holds'), 'person:batch:' .. batch, 'system:batch:' .. batch,
      'cancel:batch:' .. batch)
    add_event('batch_final', batch, '', '')
    if now[7] and lane_parts(now[7]) then
      tell(batch .. '.finished', now[7])
    end
    redis.call('PUBLISH', key('done:' .. batch), 'final')
    list_as_ended(batch)
    settle_shared(batch, failed)
  elseif failed == 0 then
    settle_shared(batch, failed)
  end
end

-- Says that no more jobs come into a batch, the first time it is told so.
local function close_book(batch)
  if redis.call('HSETNX', key('b:' .. batch), 'closed_at', digits(NOW)) == 1 then
    add_event('batch_accepted', batch, '', '')
    settle_batch(batch)
  end
end

-- Notes every few seconds how far the batch has come. `mark_*` is the note before the last one: its rate is measured
-- from there, so over 5 to 10 seconds. After a pause it starts anew.
local MARK_MS, PAUSE_MS = 5000, 20000

local function mark_progress(batch)
  local book = key('b:' .. batch)
  local kept = read('HMGET', book, 'last_ms', 'last_done', 'sent', 'failed', 'uncertain')
  if not kept then
    return
  end
  local last = within(kept[1], 0, 1e15)
  if last and math.abs(NOW - last) < MARK_MS then
    return
  end
  local done = (tonumber(kept[3]) or 0) + (tonumber(kept[4]) or 0) + (tonumber(kept[5]) or 0)
  local anew = not last or math.abs(NOW - last) > PAUSE_MS
  redis.call('HSET', book, 'mark_ms', digits(anew and NOW or last), 'mark_done', anew and done or kept[2] or done,
    'last_ms', digits(NOW), 'last_done', done)
end

local function write_lanes()
  for lane, by in pairs(lane_moves) do
    local jobs = by ~= 0 and write('HINCRBY', key('lanes'), lane, by)
    if type(jobs) == 'number' and jobs <= 0 then
      redis.call('HDEL', key('lanes'), lane)
    end
  end
end

-- Writes what `count`, `move` and the lanes collected. Every script that counts calls it once, at its end. A count that
-- another program made unreadable stays as it is: what was done is done, and `doctor` names the key. Whether the first
-- job of the budget came.
local function write_books()
  local began = false
  write_lanes()
  for batch, book in pairs(moves) do
    for field, by in pairs(book) do
      if by ~= 0 then
        began = write('HINCRBY', key('books'), field, by) == by and field == 'accepted' or began
        if batch ~= '' then
          write('HINCRBY', key('b:' .. batch), field, by)
        end
      end
    end
    if batch ~= '' then
      if book.sent or book.failed then
        mark_progress(batch)
      end
      settle_batch(batch)
    end
  end
  return began
end
