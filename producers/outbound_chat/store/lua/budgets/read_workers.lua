-- read_workers: reads the workers of a budget.
-- KEYS[1] base: first part of all keys of the budget
-- reply   a list of {worker, version, seen_ms, skew_ms}; version: of the settings it was started with; skew_ms: by how
--         much the clock of its machine is ahead, if it therefore claims nothing, else 0
-- keeps   nothing is written
-- uses: workers
local skews, reply = {}, {}
for _, member in ipairs(workers.live('skewed')) do
  local worker, ms = string.match(member, '^(.*) (%S+)$')
  skews[worker or ''] = number_in(ms, -1e15, 1e15)
end
local live = workers.live('workers', 'WITHSCORES')
for i = 1, #live, 2 do
  local worker, version = string.match(live[i], '^(.*) (%S+)$')
  local seen_ms = number_in(live[i + 1], 0, 1e15) or NOW
  reply[#reply + 1] = worker and { worker, version, digits(seen_ms), digits(skews[worker] or 0) }
end
return reply
