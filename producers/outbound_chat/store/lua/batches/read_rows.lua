-- read_rows: reads some rows of a batch, without their requests.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] batch: its id
-- ARGV[2] first: the first row, from 1
-- ARGV[3] count: how many rows at most (1 to 500)
-- reply   {now_ms, rows, lane, then the head of each row, '' if it has no job (any more)}; rows: the last row that was
--         accepted; {now_ms}: no such batch
-- keeps   nothing is written
-- uses: records
local created_at, rows, lane = unpack(try('HMGET', key('b:' .. ARGV[1]), 'created_at', 'rows', 'lane') or {})
if not created_at then
  return { NOW }
end
local first, last = tonumber(ARGV[2]), number_in(rows, 0, 1e9) or 0
local reply = { NOW, last, lane or '' }
for row = first, math.min(last, first + tonumber(ARGV[3]) - 1) do
  reply[#reply + 1] = records.head_json(try('GET', key('j:' .. ARGV[1] .. '-' .. digits(row)))) or ''
end
return reply
