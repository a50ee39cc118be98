-- close_chat: notes that a chat ended before its assumed end, so that its instance has room for another.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] contact: its id
-- ARGV[2] instances: ids of the instances that it may belong to, separated by spaces
-- reply   1; 0 if the chat was not counted
-- keeps   a repeat changes nothing
-- uses: pump_requests unblock
for instance in string.gmatch(ARGV[2], '%S+') do
  if redis.call('ZREM', key('chats:' .. instance), ARGV[1]) == 1 then
    unblock.open_gate('instance:' .. instance)
    pump_requests.signal_opened()
    return 1
  end
end
return 0
