-- read_suppressed: which numbers are on a sender's suppression list: of some, or all of them page by page.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- ARGV[2] key_id: of the key that blind indexes are made with, for the list of blind indexes; '': numbers as they are, on the other
-- ARGV[3] cursor: where the page begins, '0' the first; '': the numbers that follow are asked for, and no page
-- then 1 for each number: name (E.164, or its blind index; at most 500)
-- reply   {cursor, other, then name and `ms note` of each that is on the list}; cursor: of the next page, '0': none is
--         left; other: 1 when the sender's other list has something; 'other_key': the list has blind indexes of another key
-- keeps   nothing is written; a number that is on the list the whole time is on one page at least
-- uses: suppression_lists
local FIRST, PAGE = 4, 500
local list = suppression_lists.named(ARGV[1], ARGV[2])
if suppression_lists.has_other_key(list, ARGV[2]) then
  return 'other_key'
end
local reply = { '0', suppression_lists.has_other(ARGV[1], ARGV[2]) }

local function add(name, kept)
  if kept and name ~= suppression_lists.KEY_FIELD then
    reply[#reply + 1], reply[#reply + 2] = name, kept
  end
end

if ARGV[3] ~= '' then
  local page = redis.call('HSCAN', list, ARGV[3], 'COUNT', PAGE)
  reply[1] = page[1]
  for i = 1, #page[2], 2 do
    add(page[2][i], page[2][i + 1])
  end
  return reply
end
for i = FIRST, #ARGV do
  add(ARGV[i], redis.call('HGET', list, ARGV[i]))
end
return reply
