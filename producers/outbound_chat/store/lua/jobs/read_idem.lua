-- read_idem: which idempotency keys belong to a job.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] tenant: whose keys they are ('': of none)
-- then 1 for each key: idem (hash of the idempotency key)
-- reply   for each: 1: it does; 0: it does not
-- keeps   nothing is written
local reply = {}
for i = 2, #ARGV do
  reply[i - 1] = redis.call('EXISTS', key('idem:' .. ARGV[1] .. ':' .. ARGV[i]))
end
return reply
