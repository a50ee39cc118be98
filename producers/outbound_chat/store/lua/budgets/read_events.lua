-- read_events: reads the events after a number.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] since: number of the last event that the caller knows; 0: from the first that is kept
-- ARGV[2] count: how many at most
-- reply   {last, then number, at_ms, kind, id, state, code of each event}; last: number of the newest event
-- keeps   nothing is written
local last, since = number_in(try('HGET', key('bucket'), 'events'), 0, 1e15) or 0, tonumber(ARGV[1])
if since > last then
  -- The server lost its data: numbers started again.
  since = 0
end
local reply = { last }
for _, event in ipairs(try('XRANGE', key('events'), '(' .. digits(since) .. '-0', '+', 'COUNT', ARGV[2]) or {}) do
  reply[#reply + 1] = string.match(event[1], '^%d+')
  for field = 2, 10, 2 do
    reply[#reply + 1] = event[2][field] or ''
  end
end
return reply
