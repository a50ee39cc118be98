-- suppress: adds numbers to a sender's suppression list; from then on no job for them is called.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- ARGV[2] key_id: of the key of the blind indexes, for the list of blind indexes; '': for the list of plain numbers
-- then 3 for each number: name (E.164, or its blind index; at most 500), since_ms (0: now, and an entry that is there
--   stays; any other time replaces the entry), note (the reason, shown to readers; or encrypted number and reason)
-- reply   how many were not on the list; 'other_key': the list has blind indexes of another key, nothing was done
-- keeps   an entry stays as it was written first, unless a time is given: a repeat changes nothing
-- uses: suppression_lists
local FIRST, WIDTH = 3, 3
local SINCE_MS, NOTE = 1, 2 -- after the name
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
