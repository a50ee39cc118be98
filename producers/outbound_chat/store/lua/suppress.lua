-- suppress: puts numbers on a sender's suppression list; no job for them is called any more.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- ARGV[2] reason: for those who wonder; '': none
-- then 1 for each number: number (E.164; at most 500)
-- reply   how many were not on the list
-- keeps   a number stays as it was put there first: twice changes nothing
-- uses: base
local FIRST = 3
local list = key('suppressed:' .. ARGV[1])
local entry = digits(NOW) .. ' ' .. ARGV[2]
local added = 0
for i = FIRST, #ARGV do
  added = added + redis.call('HSETNX', list, ARGV[i], entry)
end
return added
