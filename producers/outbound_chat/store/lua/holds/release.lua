-- release: ends a person's hold of a scope; a hold of the system is probed at once.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] scope: as for `hold`
-- reply   {released, probed}; released: 1 if a person's hold ended; probed: 1 if the system holds the scope too
-- keeps   lanes that the hold blocked get their turns again; a repeat changes nothing
-- uses: gates pump_requests unblock
local scope = ARGV[1]
local released = redis.call('HDEL', key('holds'), 'person:' .. scope)
local hold = gates.read_hold('system', scope)
if hold then
  hold.until_ms = NOW
  gates.write_hold('system', scope, hold)
end
unblock.open_gate(scope)
pump_requests.signal_opened()
return { released, hold and 1 or 0 }
