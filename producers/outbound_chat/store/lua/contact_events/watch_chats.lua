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
local holder = try('GET', TURN)
if holder and holder ~= ARGV[1] then
  return {}
end
redis.call('SET', TURN, ARGV[1], 'PX', ARGV[2])
return { NOW, instance_chats.open(instance), instance_chats.time_of('last', instance),
  instance_chats.time_of('swept', instance) }
