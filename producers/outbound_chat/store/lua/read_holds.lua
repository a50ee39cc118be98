-- read_holds: who is stopped.
-- KEYS[1] base: first part of all keys of the budget
-- reply   {now_ms, then `owner:scope` and its JSON of each hold}
-- keeps   nothing is written
-- uses: base
local reply = { NOW }
for _, part in ipairs(redis.call('HGETALL', key('holds'))) do
  reply[#reply + 1] = part
end
return reply
