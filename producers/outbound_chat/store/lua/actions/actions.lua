-- actions: writes a bulk action, unless one was written since the caller read them; reads all.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] version: of what was read; '': only read
-- ARGV[2] due_ms: when a worker may go on with one of them; '': all have ended
-- ARGV[3] id: of the action
-- ARGV[4] action: who alone may replay for it, a space, JSON
-- ARGV[5] old: id of an action to forget, '' for none
-- reply   {written, now_ms, {field, value, …}}; written: 1 or 0; the rest is `actions` (hash): version, due_ms, and of
--         each action <id> and done:<id>, the number of its replays, which `replay` counts
-- keeps   a repeat writes nothing
local KEPT_MS = 2592000000
local version, due_ms, id, action, old = unpack(ARGV)
local written = (try('HGET', key('actions'), 'version') or '0') == version
if written then
  redis.call('HINCRBY', key('actions'), 'version', 1)
  redis.call('HINCRBY', key('actions'), 'done:' .. id, 0)
  redis.call('HSET', key('actions'), 'due_ms', due_ms, id, action)
  redis.call('HDEL', key('actions'), old, 'done:' .. old)
  redis.call('PEXPIRE', key('actions'), KEPT_MS)
end
return { written and 1 or 0, NOW, try('HGETALL', key('actions')) or {} }
