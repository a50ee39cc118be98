-- transitions: how a job leaves an attempt: it ends, or goes back to its lane.
-- uses: counts events lanes recipients records retention ring webhooks
local transitions = {}

-- The token protects a repeat for 7 days after the first call that may have reached Connect; half a day is reserve.
-- https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
transitions.HORIZON_MS = 6.5 * 86400000

transitions.KEEPS_REQUEST = { failed = true, uncertain = true }

-- Return our code of the last attempt; '' if there was none.
local function last_code(head)
  local history = head[HISTORY]
  return type(history) == 'table' and history[#history][3] or ''
end

-- Dead letters: `dead:<state>:<code>` (zset id -> final ms), and `dead` (hash) with their names. They live as long as
-- their records.
local function dead_name(head)
  return head[STATE] .. ':' .. last_code(head)
end

local function add_dead(id, head, keep)
  local name = dead_name(head)
  local dead = key('dead:' .. name)
  redis.call('HSET', key('dead'), name, digits(NOW))
  redis.call('ZADD', dead, digits(NOW), id)
  redis.call('ZREMRANGEBYSCORE', dead, '-inf', digits(NOW - keep))
  redis.call('PEXPIRE', dead, digits(keep))
  redis.call('PEXPIRE', key('dead'), digits(keep))
end

function transitions.take_from_dead(id, head)
  redis.call('ZREM', key('dead:' .. dead_name(head)), id)
end

-- End the job. A job that may have been sent and has no ContactId ends `uncertain`, whatever `state` asks for.
function transitions.finalize(id, head, request, from, state)
  if state ~= 'sent' and head[MAYBE_SENT] > 0 then
    state = 'uncertain'
  end
  if from == 'waiting' then
    recipients.forget(id, head, request)
  end
  local keep = retention.record_ms()
  if transitions.KEEPS_REQUEST[head[STATE]] then
    transitions.take_from_dead(id, head)
  end
  head[STATE], head[FINISHED], head[CLAIM], head[DUE], head[ORDER] = state, NOW, '', 0, 0
  webhooks.mark_end(head)
  local request_ms = transitions.KEEPS_REQUEST[state] and retention.request_ms()
  local kept = transitions.KEEPS_REQUEST[state] and request_ms ~= 0 and request or ''
  records.save(id, head, kept, 'PX', digits(keep))
  if request_ms and request_ms > 0 then
    retention.purge_later('j:' .. id, request_ms)
  end
  redis.call('ZREM', key('expiry'), id)
  if transitions.KEEPS_REQUEST[state] then
    add_dead(id, head, keep)
  end
  if head[IDEM] ~= '' then
    local tenant = lanes.tenant_of(head[LANE])
    redis.call('PEXPIRE', key('idem:' .. tenant .. ':' .. head[IDEM]), digits(keep))
  end
  counts.move(lanes.batch_of(head[LANE]), from, state)
  events.add('job_final', id, state, transitions.KEEPS_REQUEST[state] and last_code(head) or '')
  webhooks.enqueue(id .. '.' .. state, head[LANE], head[CALLBACK])
  redis.call('PUBLISH', key('done:' .. id), state)
  return state
end

-- Take a waiting job out of its lane and end it.
function transitions.end_waiting(id, head, request, state)
  lanes.remove(id, head)
  ring.place(head[LANE])
  return transitions.finalize(id, head, request, 'waiting', state)
end

-- Put a job with an unreadable record aside, for a person to look at.
function transitions.quarantine(id, batch, from)
  redis.call('ZADD', key('unreadable'), digits(NOW), id)
  redis.call('ZREM', key('expiry'), id)
  counts.move(batch, from, 'unreadable')
end

-- Let a leased job wait until `due`; or end it, if it was cancelled meanwhile or its token would no longer protect that
-- call. A job that was never called goes back to its old place.
function transitions.requeue(id, head, request, due)
  if head[CANCEL] == 1 then
    return transitions.finalize(id, head, request, 'leased', 'cancelled')
  end
  if head[MAYBE_SENT] > 0 and due > head[MAYBE_SENT] + transitions.HORIZON_MS then
    return transitions.finalize(id, head, request, 'leased', 'uncertain')
  end
  if head[HISTORY] == 0 and due <= NOW then
    due = head[SEND_AT]
  end
  head[STATE], head[CLAIM], head[DUE] = 'queued', '', due
  records.save(id, head, request)
  lanes.put(id, head)
  ring.place(head[LANE])
  counts.move(lanes.batch_of(head[LANE]), 'leased', 'waiting')
  return 'queued'
end

return transitions
