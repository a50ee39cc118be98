-- read_shared: reads the part of the request that all jobs of a batch share.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] batch: its id
-- reply   the part as it was stored; nil: it or the batch's record is gone, or another program wrote it
-- keeps   nothing is written; this is a script, since a demoted server would answer a plain read with old data
return try('HGET', key('b:' .. ARGV[1]), 'shared') or false
