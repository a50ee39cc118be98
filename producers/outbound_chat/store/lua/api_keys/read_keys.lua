-- read_keys: reads all API keys of the HTTP service.
-- KEYS[1] base: first part of all keys of the budget
-- reply   {now_ms, then id, what is stored, used_ms of each; used_ms: '' if it was never used}
-- keeps   nothing is written
local reply = { NOW }
local kept = redis.call('HGETALL', key('api_keys'))
for i = 1, #kept, 2 do
  reply[#reply + 1], reply[#reply + 2] = kept[i], kept[i + 1]
  reply[#reply + 1] = try('HGET', key('api_keys_used'), kept[i]) or ''
end
return reply
