-- watch_chats: lets one worker at a time look for chats whose end was not reported, and reads where to look.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] worker: who asks
-- ARGV[2] turn_ms: how long nobody else may look
-- ARGV[3] instance: its id
-- reply   {} while another worker has the turn; else {now_ms, open, last_ms, swept_ms}: open: chats that count;
--         last_ms: when its last event came, swept_ms: until when lost ends were looked for, 0 for never
-- keeps   only the turn is written; a repeat extends it
-- uses: instance_chats
local TURN, instance = key('chat_watcher'), ARGV[3]
local until_ms, holder = string.match(try('GET', TURN) or '', '^(%d+):(.*)$')
if holder and holder ~= ARGV[1] and NOW < tonumber(until_ms) then
  return {}
end
-- The expiry only cleans up, and frees a turn that began while the clock was ahead.
redis.call('SET', TURN, NOW + ARGV[2] .. ':' .. ARGV[1], 'PX', 10 * ARGV[2])
return { NOW, instance_chats.open(instance), instance_chats.time_of('last', instance),
  instance_chats.time_of('swept', instance) }
