-- configure: writes the budget's settings, which all scripts read.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] version: hash of the settings below
-- ARGV[2] rate: calls a second
-- ARGV[3] burst: calls that may follow each other at once
-- ARGV[4] max_pumps: pumps that may work at the same time
-- ARGV[5] keep_ms: life of what became of a job
-- reply   the version that stood before, '' for none
-- keeps   the last worker that was started, or order that was given, decides
-- uses: base
local before = redis.call('HGET', key('settings'), 'version') or ''
redis.call('HSET', key('settings'), 'version', ARGV[1], 'rate', ARGV[2], 'burst', ARGV[3], 'max_pumps', ARGV[4],
  'keep_ms', ARGV[5], 'written_at', digits(NOW))
return before
