-- unsuppress: takes numbers off a sender's suppression list. Jobs that it has ended stay ended.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- then 1 for each number: number (E.164; at most 500)
-- reply   how many were on the list
-- keeps   twice changes nothing
-- uses: base
local FIRST = 2
local list = key('suppressed:' .. ARGV[1])
local removed = 0
for i = FIRST, #ARGV do
  removed = removed + redis.call('HDEL', list, ARGV[i])
end
return removed
