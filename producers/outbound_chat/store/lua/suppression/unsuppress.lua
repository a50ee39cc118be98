-- unsuppress: removes numbers from a sender's suppression list. Jobs that the list has ended stay ended.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- ARGV[2] key_id: of the key of the blind indexes, for the list of blind indexes; '': for the list of plain numbers
-- ARGV[3] of_sync: '1': only entries that a sync wrote; '': all
-- then 1 for each number: name (E.164, or its blind index; at most 500)
-- reply   {other, then 1 for each that was removed, else 0}; other: 1 if the sender's other list has entries;
--         'other_key': the list has blind indexes of another key, nothing was done
-- keeps   a repeat changes nothing
-- uses: suppression_lists
local FIRST = 4
local list = suppression_lists.named(ARGV[1], ARGV[2])
if suppression_lists.has_other_key(list, ARGV[2]) then
  return 'other_key'
end
local reply = { suppression_lists.has_other(ARGV[1], ARGV[2]) }
for i = FIRST, #ARGV do
  local may_go = ARGV[3] == '' or suppression_lists.is_of_sync(list, ARGV[i])
  reply[#reply + 1] = may_go and redis.call('HDEL', list, ARGV[i]) or 0
end
suppression_lists.forget_if_empty(list)
return reply
