-- read_holds: reads all holds.
-- KEYS[1] base: first part of all keys of the budget
-- reply   {now_ms, then `owner:scope` and JSON of each hold}
-- keeps   nothing is written
local reply, kept = { NOW }, redis.call('HGETALL', key('holds'))
for i = 1, #kept, 2 do
  -- A waker removes such a hold; until then no reader should see a batch that no longer exists.
  if not is_lost_hold(kept[i]) then
    reply[#reply + 1], reply[#reply + 2] = kept[i], kept[i + 1]
  end
end
return reply
