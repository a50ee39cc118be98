-- close_chat: a chat ended before its assumed end, so that its instance has room for another.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] contact: its id
-- ARGV[2] instances: ids of the instances it may be of, with a space between
-- reply   1, or 0 when the chat was not counted
-- keeps   twice changes nothing
-- uses: pump_requests unblock
for instance in string.gmatch(ARGV[2], '%S+') do
  if redis.call('ZREM', key('chats:' .. instance), ARGV[1]) == 1 then
    unblock.open_gate('instance:' .. instance)
    pump_requests.signal_opened()
    return 1
  end
end
return 0
