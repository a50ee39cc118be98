-- events: what happened, for programs that follow: `events` (stream), numbered from 1 without a gap, so that a reader
-- sees what was trimmed. It contains ids and codes, nothing personal. `kind`: job_final, batch_accepted, batch_final,
-- and what `reconcile` found: repaired, fault, cleared.
local events = {}

local EVENTS_KEPT = 10000

function events.add(kind, id, state, code)
  local number = try('HINCRBY', key('bucket'), 'events', 1)
  if type(number) ~= 'number' then
    -- Another program wrote the count. An event must never stop the jobs.
    try('HSET', key('bucket'), 'events', 0)
    return
  end
  local function append()
    return try('XADD', key('events'), 'MAXLEN', '~', EVENTS_KEPT, digits(number) .. '-0',
      'at', digits(NOW), 'kind', kind, 'id', id, 'state', state, 'code', code)
  end
  if not append() then
    -- Another program wrote the key, or the numbers started again: start the stream again too.
    redis.call('DEL', key('events'))
    append()
  end
end

return events
