-- watch_chats: lets one worker at a time look for chats whose end was not reported, and reads where to look.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] worker: who asks
-- ARGV[2] turn_ms: how long nobody else may look
-- ARGV    1 for each instance: id
-- reply   {} while another worker has the turn; else {now_ms, then for each instance: open, full, last_ms, swept_ms}
--         open: chats that count; full: 1 if jobs wait since there are too many; last_ms: when its last event came,
--         swept_ms: until when lost ends were looked for, 0 for never
-- keeps   only the turn is written; a repeat extends it
-- uses: gates instance_chats
local TURN = key('chat_watcher')

-- Whether jobs wait for a chat to end: a gate of the instance is closed by that, or by a hold.
local function is_full(scope)
  for priority = 1, 3 do
    if redis.call('EXISTS', key('blocked:' .. scope .. ':' .. priority)) == 1 then
      return not gates.holder_of(scope)
    end
  end
  return false
end

local holder = try('GET', TURN)
if holder and holder ~= ARGV[1] then
  return {}
end
redis.call('SET', TURN, ARGV[1], 'PX', ARGV[2])
local reply = { NOW }
for place = 3, #ARGV do
  local instance = ARGV[place]
  reply[#reply + 1] = instance_chats.open(instance)
  reply[#reply + 1] = is_full('instance:' .. instance) and 1 or 0
  reply[#reply + 1] = instance_chats.time_of('last', instance)
  reply[#reply + 1] = instance_chats.time_of('swept', instance)
end
return reply
