-- log_change: adds an entry to the audit log of the HTTP service.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] most: entries that are kept
-- ARGV[2] keep_ms: how long they are kept
-- ARGV[3] entry: JSON
-- reply   'ok'
-- keeps   the log never holds more entries, nor older ones at the time of the newest; a repeat adds the entry again
local log = key('audit_log')
redis.call('XADD', log, 'MAXLEN', ARGV[1], '*', 'entry', ARGV[3])
redis.call('XTRIM', log, 'MINID', digits(NOW - ARGV[2]))
redis.call('PEXPIRE', log, ARGV[2])
return 'ok'
