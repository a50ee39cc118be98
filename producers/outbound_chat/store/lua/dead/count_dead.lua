-- count_dead: counts failed and uncertain jobs by state and code.
-- KEYS[1] base: first part of all keys of the budget
-- reply   state, code, count of each pair of state and code
-- keeps   nothing is written
-- uses: retention
local reply = {}
-- The id of a record that has expired stays until the next job of its kind ends.
local since_ms = NOW - retention.record_ms()
for _, name in ipairs(redis.call('HKEYS', key('dead'))) do
  local state, code = string.match(name, '^(%a+):(.*)$')
  local count = redis.call('ZCOUNT', key('dead:' .. name), since_ms, '+inf')
  if state and count > 0 then
    reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = state, code, count
  end
end
return reply
