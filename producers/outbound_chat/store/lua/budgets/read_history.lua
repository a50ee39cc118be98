-- read_history: reads the records of the last minutes of a budget.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] minutes: how many before this one (1 to 4319)
-- reply   {now_ms, records}: the slots of these minutes and of this one, as `lib/history.lua` writes them; spaces where
--         nothing was ever written
-- keeps   nothing is written
-- uses: history
local last = math.floor(NOW / 60000)
local from, to = (last - tonumber(ARGV[1])) % history.SLOTS, last % history.SLOTS

local function read(first, past)
  local start, stop = first * history.WIDTH, past * history.WIDTH
  local found = try('GETRANGE', key('history'), start, stop - 1) or ''
  return found .. string.rep(' ', stop - start - #found)
end

return { NOW, from <= to and read(from, to + 1) or read(from, history.SLOTS) .. read(0, to + 1) }
