-- close_batch: says that no more jobs come, so that the batch can become final.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] batch: its id
-- ARGV[2] rejected: rows that its producer refused, in all
-- reply   'ok', or 'gone' (no such batch)
-- keeps   twice changes nothing
-- uses: batches
local record = key('b:' .. ARGV[1])
if redis.call('EXISTS', record) == 0 then
  return 'gone'
end
redis.call('HSET', record, 'rejected', ARGV[2])
batches.close(ARGV[1])
return 'ok'
