-- checking: what is wrong with a job, a lane or a count, for `reconcile` and `audit`; reads only.
-- All scripts keep these together, so at any moment each difference is 0 unless somebody edited keys, or we have a bug.
local COUNTED = { 'waiting', 'leased', 'sent', 'failed', 'expired', 'cancelled', 'uncertain', 'unreadable' }
-- State and lane of a job stand within so many bytes of its record; decoding the whole costs several times as much.
local PEEK = 250
local PLAIN = '^%[' .. RECORD_VERSION .. ',"(%l+)","([^"\\]*)",'

local function counted(book, field)
  return tonumber(redis.call('HGET', book, field) or 0)
end

-- How many jobs a book accepted beyond those that its states add up to.
local function surplus_of(book)
  local kept = redis.call('HMGET', book, 'accepted', unpack(COUNTED))
  local surplus = tonumber(kept[1] or 0)
  for i = 2, #kept do
    surplus = surplus - tonumber(kept[i] or 0)
  end
  return surplus
end

local function jobs_in(lane)
  return redis.call('ZCARD', key('lane:' .. lane)) + redis.call('ZCARD', key('again:' .. lane))
end

local function stands_in_lane(id, lane)
  local member = member_of(batch_in_id(id), id)
  return redis.call('ZSCORE', key('lane:' .. lane), member) or redis.call('ZSCORE', key('again:' .. lane), member)
end

-- State and lane of a job; nil: its record is gone or can't be read.
local function peek(id)
  local raw = redis.call('GETRANGE', key('j:' .. id), 0, PEEK)
  local state, lane = string.match(raw, PLAIN)
  if not state then
    local head = load_record(id)
    return head and head[STATE], head and head[LANE]
  end
  return state, string.sub(lane, -1) == ':' and lane .. batch_in_id(id) or lane
end

-- What is wrong with a job that stands in the index of open jobs, and its lane; nil: nothing.
local function fault_of_job(id, has_lease)
  local state, lane = peek(id)
  if state == 'queued' then
    return not stands_in_lane(id, lane) and 'no_place' or nil, lane
  elseif state == 'sending' then
    return not has_lease and 'no_lease' or nil, lane
  elseif state then
    return 'ended', lane
  end
  local batch = batch_in_id(id)
  local own = batch ~= '' and redis.call('HGET', key('b:' .. batch), 'lane')
  -- Whoever comes to it there sets it aside.
  return not has_lease and not (own and stands_in_lane(id, own)) and 'unreadable' or nil
end

local function is_in_ring(ring, tenant, lane)
  return redis.call('ZSCORE', ring, tenant) and redis.call('ZSCORE', ring .. ':' .. tenant, lane)
end

-- Whether somebody tries the gate again, or an event will open it.
local function gate_is_watched(lane, scope)
  if redis.call('ZSCORE', key('later'), '@' .. scope) then
    return true
  end
  local closed, try_at = gate_of(lane)
  return closed == scope and not try_at
end

-- What is wrong with where a lane with jobs stands, so that none of them would ever be claimed, or not in time; nil: nothing.
local function fault_of_lane(lane)
  local _, _, tenant = lane_parts(lane)
  local scope = redis.call('HGET', key('kept'), lane)
  if scope then
    if not is_in_ring(gate_ring(scope, lane), tenant, lane) then
      return 'nowhere'
    end
    return not gate_is_watched(lane, scope) and 'gate' or nil
  end
  local later = tonumber(redis.call('ZSCORE', key('later'), lane) or nil)
  local due = next_due(lane)
  if is_in_ring(ring_of(lane), tenant, lane) or not due then
    return nil
  elseif not later then
    return 'nowhere'
  end
  -- A time that has passed is looked at with the next script, whatever it was; a later one must be right.
  return later > math.max(due, NOW) + 1 and 'wrong_time' or nil
end

local function has_book(lane)
  local _, _, _, batch = lane_parts(lane)
  return batch == '' or redis.call('HEXISTS', key('b:' .. batch), 'created_at') == 1
end

local function book_of(lane)
  local _, _, _, batch = lane_parts(lane)
  return key('b:' .. batch)
end

-- Differences that are told and never mended, since nobody knows which side is right; 0: none.
local DIFFERENCE = {
  books = function()
    return surplus_of(key('books'))
  end,
  leases = function()
    return counted(key('books'), 'leased') - redis.call('ZCARD', key('leases'))
  end,
  expiry = function()
    return counted(key('books'), 'waiting') + counted(key('books'), 'leased') - redis.call('ZCARD', key('expiry'))
  end,
  lanes = function()
    return redis.call('EXISTS', key('lanes')) == 0 and counted(key('books'), 'waiting') or 0
  end,
  lane = function(lane)
    return math.max(0, tonumber(redis.call('HGET', key('lanes'), lane) or 0) - jobs_in(lane))
  end,
  batch = function(lane)
    return has_book(lane) and surplus_of(book_of(lane)) or 0
  end,
  rows = function(lane)
    return has_book(lane) and counted(book_of(lane), 'waiting') - tonumber(redis.call('HGET', key('lanes'), lane) or 0) or 0
  end,
  book = function(lane)
    return redis.call('HEXISTS', key('lanes'), lane) == 1 and not has_book(lane) and 1 or 0
  end,
  job = function(id)
    return redis.call('ZSCORE', key('expiry'), id) and fault_of_job(id, redis.call('ZSCORE', key('leases'), id)) and 1 or 0
  end,
}
local OF_BUDGET, OF_LANE, OF_BATCH = { 'books', 'leases', 'expiry', 'lanes' }, { 'lane' }, { 'lane', 'batch', 'rows', 'book' }

local function kinds_of(lane)
  return string.sub(lane, -1) == ':' and OF_LANE or OF_BATCH
end

local function difference(kind, of)
  return DIFFERENCE[kind](of)
end
