-- read_holds: who is stopped.
-- KEYS[1] base: first part of all keys of the budget
-- reply   {now_ms, then `owner:scope` and its JSON of each hold}
-- keeps   nothing is written
local reply, kept = { NOW }, redis.call('HGETALL', key('holds'))
for i = 1, #kept, 2 do
  -- A waker takes it away; until one runs nobody may be told of a batch that is gone.
  if not is_lost_hold(kept[i]) then
    reply[#reply + 1], reply[#reply + 2] = kept[i], kept[i + 1]
  end
end
return reply
