-- hold: holds a scope for a person: none of its jobs is claimed until somebody releases it.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] scope: 'budget', 'sender:<name>', 'instance:<id>', 'tenant:<name>' or 'batch:<id>'
-- ARGV[2] reason: shown to readers
-- reply   'ok', 'gone' (no such batch), or 'final' (the batch is final, so there is nothing to hold)
-- keeps   a hold stays, whatever restarts; a repeat replaces the reason and keeps the time when it began
-- uses: gates
local batch = string.match(ARGV[1], '^batch:(.*)$')
if batch and redis.call('EXISTS', key('b:' .. batch)) == 0 then
  return 'gone'
elseif batch and redis.call('HEXISTS', key('b:' .. batch), 'final_at') == 1 then
  return 'final'
end
local before = gates.read_hold('person', ARGV[1])
if not gates.write_hold('person', ARGV[1], { reason = ARGV[2], since_ms = before and before.since_ms or NOW }) then
  return redis.error_reply('WRONGTYPE holds')
end
return 'ok'
