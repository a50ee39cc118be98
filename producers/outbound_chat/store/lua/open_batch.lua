-- open_batch: begins a batch, to which `submit` adds jobs until `close_batch`.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] batch: its id
-- ARGV[2] lane: priority:sender:tenant:batch, the lane of all its jobs
-- ARGV[3] name: what its producer calls it
-- ARGV[4] shared: the part of the request that all its jobs share
-- ARGV[5] weight: how many turns it gets where others get one ('': 1)
-- ARGV[6] concurrency: calls of it that may run at the same time ('': as many as may be)
-- ARGV[7] callback: URL for webhooks of it and of its jobs ('': none)
-- reply   'ok'
-- keeps   twice changes nothing
-- uses: base record lanes events webhooks books
local book = key('b:' .. ARGV[1])
if redis.call('HSETNX', book, 'created_at', digits(NOW)) == 1 then
  redis.call('HSET', book, 'lane', ARGV[2], 'name', ARGV[3], 'shared', ARGV[4])
  for i, field in ipairs({ 'weight', 'concurrency', 'callback' }) do
    if ARGV[4 + i] ~= '' then
      redis.call('HSET', book, field, ARGV[4 + i])
    end
  end
  settle_batch(ARGV[1])
end
return 'ok'
