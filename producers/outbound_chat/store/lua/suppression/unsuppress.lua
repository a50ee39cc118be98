-- unsuppress: removes numbers from a sender's suppression list. Jobs that the list has ended stay ended.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- ARGV[2] key_id: of the key of the blind indexes, for the list of blind indexes; '': for the list of plain numbers
-- then 1 for each number: name (E.164, or its blind index; at most 500)
-- reply   {other, then 1 for each that was on the list, else 0}; other: 1 if the sender's other list has entries;
--         'other_key': the list has blind indexes of another key, nothing was done
-- keeps   a repeat changes nothing
-- uses: suppression_lists
local FIRST = 3
local list = suppression_lists.named(ARGV[1], ARGV[2])
if suppression_lists.has_other_key(list, ARGV[2]) then
  return 'other_key'
end
local reply = { suppression_lists.has_other(ARGV[1], ARGV[2]) }
for i = FIRST, #ARGV do
  reply[#reply + 1] = redis.call('HDEL', list, ARGV[i])
end
suppression_lists.forget_if_empty(list)
return reply
