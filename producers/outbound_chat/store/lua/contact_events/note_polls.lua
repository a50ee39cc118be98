-- note_polls: records how a worker reads the queue of contact events.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] returned: events that were counted as unmatched since the last note, and that will come again
-- ARGV[2] error: code of the last receive, '' if it worked
-- reply   'ok'
-- keeps   only the counters in `contact_events` change; a repeat counts again
local name = key('contact_events')
try('HINCRBY', name, 'unmatched', -tonumber(ARGV[1]))
try('HSET', name, 'polled_ms', digits(NOW), 'poll_error', ARGV[2])
return 'ok'
