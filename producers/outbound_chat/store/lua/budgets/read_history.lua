-- read_history: reads what a budget did in the last minutes.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] minutes: how many before this one (1 to 4320)
-- reply   {now_ms, records}: as `lib/history.lua` writes them, the newest first
-- keeps   nothing is written
return { NOW, try('LRANGE', key('history'), 0, ARGV[1]) or {} }
