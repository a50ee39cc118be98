-- read_suppressed: which numbers are on a sender's suppression list: of some, or all of them page by page.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- ARGV[2] cursor: where the page begins, '0' the first; '': the numbers that follow are asked for, and no page
-- then 1 for each number: number (E.164; at most 500)
-- reply   {cursor, then number and `ms reason` of each that is on the list}; cursor: of the next page, '0': none is
--         left
-- keeps   nothing is written; a number that is on the list the whole time is on one page at least
-- uses: base
local FIRST, PAGE = 3, 500
local list = key('suppressed:' .. ARGV[1])
if ARGV[2] ~= '' then
  local page = redis.call('HSCAN', list, ARGV[2], 'COUNT', PAGE)
  table.insert(page[2], 1, page[1])
  return page[2]
end
local reply = { '0' }
for i = FIRST, #ARGV do
  local entry = redis.call('HGET', list, ARGV[i])
  if entry then
    reply[#reply + 1], reply[#reply + 2] = ARGV[i], entry
  end
end
return reply
