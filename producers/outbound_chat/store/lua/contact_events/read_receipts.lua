-- read_receipts: reads of how many messages of each number receipts came, by hour.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] since: the first hour, ms
-- ARGV[2] skip: how many numbers and hours to pass over
-- ARGV[3] count: how many at most
-- reply   {hour_ms:number, {field, value, ...} of each}; the fields are those of lib/receipts.lua
-- keeps   nothing is written
local reply = {}
local rows = try('ZRANGEBYSCORE', key('receipts'), ARGV[1], '+inf', 'LIMIT', ARGV[2], ARGV[3]) or {}
for _, row in ipairs(rows) do
  reply[#reply + 1] = row
  reply[#reply + 1] = try('HGETALL', key('receipts:' .. row)) or {}
end
return reply
