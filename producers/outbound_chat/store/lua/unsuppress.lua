-- unsuppress: takes numbers off a sender's suppression list. Jobs that it has ended stay ended.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- ARGV[2] key_id: of the key that marks are made with, off the list of marks; '': numbers as they are, off the other
-- then 1 for each number: name (E.164, or its mark; at most 500)
-- reply   {other, then 1 for each that was on the list, else 0}; other: 1 when the sender's other list has something;
--         'other_key': the list has marks of another key, nothing was done
-- keeps   twice changes nothing
-- uses: base suppressed
local FIRST = 3
local list = list_named(ARGV[1], ARGV[2])
if has_other_key(list, ARGV[2]) then
  return 'other_key'
end
local reply = { has_other_list(ARGV[1], ARGV[2]) }
for i = FIRST, #ARGV do
  reply[#reply + 1] = redis.call('HDEL', list, ARGV[i])
end
forget_if_empty(list)
return reply
