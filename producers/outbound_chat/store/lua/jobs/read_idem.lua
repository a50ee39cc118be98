-- read_idem: reads which idempotency keys belong to a job.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] tenant: the tenant of the keys ('': none)
-- then 1 for each key: idem (hash of the idempotency key)
-- reply   1 for each that does, else 0
-- keeps   nothing is written
local reply = {}
for i = 2, #ARGV do
  reply[i - 1] = redis.call('EXISTS', key('idem:' .. ARGV[1] .. ':' .. ARGV[i]))
end
return reply
