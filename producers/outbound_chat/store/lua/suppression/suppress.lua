-- suppress: puts numbers on a sender's suppression list; no job for them is called from then on.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- ARGV[2] key_id: of the key that blind indexes are made with, on the list of blind indexes; '': numbers as they are, on the other
-- then 3 for each number: name (E.164, or its blind index; at most 500), since_ms (0: now, unless it is there already; else
-- the
--   entry is written again), note (why, shown to readers, or encrypted number and why)
-- reply   how many were not on the list; 'other_key': the list has blind indexes of another key, nothing was done
-- keeps   a number stays as it was put there first, unless a time is given: twice changes nothing
-- uses: suppression_lists
local FIRST, WIDTH = 3, 3
local SINCE_MS, NOTE = 1, 2 -- behind the name
local list = suppression_lists.named(ARGV[1], ARGV[2])
if suppression_lists.has_other_key(list, ARGV[2]) then
  return 'other_key'
end
if ARGV[2] ~= '' then
  redis.call('HSET', list, suppression_lists.KEY_FIELD, ARGV[2])
end
local added = 0
for i = FIRST, #ARGV, WIDTH do
  local now = ARGV[i + SINCE_MS] == '0'
  added = added + redis.call(now and 'HSETNX' or 'HSET', list, ARGV[i],
    (now and digits(NOW) or ARGV[i + SINCE_MS]) .. ' ' .. ARGV[i + NOTE])
end
suppression_lists.forget_if_empty(list)
return added
