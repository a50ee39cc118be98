-- events: what happened, for those who follow: `events` (stream), numbered from 1 without a gap, so that a reader sees
-- what was trimmed. Ids and codes, nothing personal. `kind`: job_final, batch_accepted, batch_final,
-- and what `reconcile` found: mended, fault, cleared.
local EVENTS_KEPT = 10000

local function add_event(kind, id, state, code)
  local number = redis.call('HINCRBY', key('bucket'), 'events', 1)
  redis.call('XADD', key('events'), 'MAXLEN', '~', EVENTS_KEPT, digits(number) .. '-0',
    'at', digits(NOW), 'kind', kind, 'id', id, 'state', state, 'code', code)
end
