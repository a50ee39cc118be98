-- leave: signs a pump off, and says whether another must take its place.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] pump: who leaves
-- ARGV[2] warm: 1 when a job came in a moment ago, so that the next would find nobody
-- reply   1: bring a successor; 0: none is needed, or one is on its way
-- keeps   due work has a pump, or one that was asked for
-- uses: base record lanes places books gates opening bucket wake
redis.call('ZREM', key('pumps'), ARGV[1])
redis.call('DEL', key('claims:' .. ARGV[1]))
if redis.call('GET', key('waiting')) == ARGV[1] then
  redis.call('DEL', key('waiting'))
end
enroll_due_lanes()
local wanted = ARGV[2] == '1' or (ring_has_work() and call_is_near())
return wanted and ask_for_successor() and 1 or 0
