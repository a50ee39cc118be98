-- read_idem: whether an idempotency key belongs to a job.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] tenant: whose key it is ('': of none)
-- ARGV[2] idem: hash of the idempotency key
-- reply   1: yes; 0: no
-- keeps   nothing is written
-- uses: base
return redis.call('EXISTS', key('idem:' .. ARGV[1] .. ':' .. ARGV[2]))
