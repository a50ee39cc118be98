-- read_suppressed: reads which of some numbers are on a sender's suppression list, or the whole list page by page.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- ARGV[2] key_id: of the key of the blind indexes, for the list of blind indexes; '': for the list of plain numbers
-- ARGV[3] cursor: where the page begins, '0' for the first; '': the numbers that follow are looked up
-- then 1 for each number: name (E.164, or its blind index; at most 500)
-- reply   {cursor, other, total, then name and `ms note` of each that is on the list}; cursor: of the next page, '0':
--         there is none; other: 1 if the sender's other list has entries; total: of both lists; 'other_key': the list
--         has blind indexes of another key
-- keeps   nothing is written; a number that is on the list the whole time is on one page at least
-- uses: suppression_lists
local FIRST, PAGE = 4, 500
local list = suppression_lists.named(ARGV[1], ARGV[2])
if suppression_lists.has_other_key(list, ARGV[2]) then
  return 'other_key'
end
local reply = { '0', suppression_lists.has_other(ARGV[1], ARGV[2]), suppression_lists.count(ARGV[1]) }

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
