-- close_batch: closes a batch, so that it can become final: no more jobs will come.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] batch: its id
-- ARGV[2] rejected: rows that its producer rejected, in all
-- reply   'ok', or 'gone' (no such batch)
-- keeps   a repeat changes nothing
-- uses: batches
local record = key('b:' .. ARGV[1])
if redis.call('EXISTS', record) == 0 then
  return 'gone'
end
redis.call('HSET', record, 'rejected', ARGV[2])
batches.close(ARGV[1])
return 'ok'
