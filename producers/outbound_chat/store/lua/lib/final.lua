-- final: the ways a job leaves an attempt: to an end, or back into its lane.

-- The token protects a repeat for 7 days after the first call that may have reached Connect; half a day is kept in
-- hand. https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
local HORIZON_MS = 6.5 * 86400000

local KEEPS_REQUEST = { failed = true, uncertain = true }

-- our code of the last attempt; '' when there was none
local function last_code(head)
  local history = head[HISTORY]
  return type(history) == 'table' and history[#history][3] or ''
end

-- Dead letters: `dead:<state>:<code>` (zset id -> final ms), and `dead` (hash) with their names. They live as long as
-- their records.
local function dead_name(head, state)
  return state .. ':' .. last_code(head)
end

local function add_dead(id, head, keep)
  local name = dead_name(head, head[STATE])
  local dead = key('dead:' .. name)
  redis.call('HSET', key('dead'), name, digits(NOW))
  redis.call('ZADD', dead, digits(NOW), id)
  redis.call('ZREMRANGEBYSCORE', dead, '-inf', digits(NOW - keep))
  redis.call('PEXPIRE', dead, digits(keep))
  redis.call('PEXPIRE', key('dead'), digits(keep))
end

local function take_from_dead(id, head)
  redis.call('ZREM', key('dead:' .. dead_name(head, head[STATE])), id)
end

-- Ends the job. What may have been sent and has no ContactId ends `uncertain`, whatever was asked for.
local function conclude(id, head, request, from, state)
  if state ~= 'sent' and head[MAYBE_SENT] > 0 then
    state = 'uncertain'
  end
  local keep = keep_ms()
  if KEEPS_REQUEST[head[STATE]] then
    take_from_dead(id, head)
  end
  head[STATE], head[FINISHED], head[CLAIM], head[DUE], head[ORDER] = state, NOW, '', 0, 0
  hooks.mark_end(head)
  local request_ms = KEEPS_REQUEST[state] and keep_request_ms()
  save_record(id, head, KEEPS_REQUEST[state] and request_ms ~= 0 and request or '', keep)
  if request_ms and request_ms > 0 then
    forget_later('j:' .. id, request_ms)
  end
  redis.call('ZREM', key('expiry'), id)
  if KEEPS_REQUEST[state] then
    add_dead(id, head, keep)
  end
  if head[IDEM] ~= '' then
    local _, _, tenant = lane_parts(head[LANE])
    redis.call('PEXPIRE', key('idem:' .. tenant .. ':' .. head[IDEM]), digits(keep))
  end
  move(batch_of(head), from, state)
  add_event('job_final', id, state, KEEPS_REQUEST[state] and last_code(head) or '')
  tell(id .. '.' .. state, head[LANE], head[CALLBACK])
  redis.call('PUBLISH', key('done:' .. id), state)
  return state
end

-- Takes a job whose record can't be read out of everybody's way, for a person to look at.
local function set_aside(id, batch, from)
  redis.call('ZADD', key('unreadable'), digits(NOW), id)
  redis.call('ZREM', key('expiry'), id)
  move(batch, from, 'unreadable')
end

-- Puts a leased job back to wait until `due`, or ends it: it was cancelled meanwhile, or its token would not protect
-- that call any more. One that was never called goes back to the place it had.
local function requeue(id, head, request, due)
  if head[CANCEL] == 1 then
    return conclude(id, head, request, 'leased', 'cancelled')
  end
  if head[MAYBE_SENT] > 0 and due > head[MAYBE_SENT] + HORIZON_MS then
    return conclude(id, head, request, 'leased', 'uncertain')
  end
  if head[HISTORY] == 0 and due <= NOW then
    due = head[SEND_AT]
  end
  head[STATE], head[CLAIM], head[DUE] = 'queued', '', due
  save_record(id, head, request)
  put_in_lane(id, head)
  enroll(head[LANE])
  move(batch_of(head), 'leased', 'waiting')
  return 'queued'
end
