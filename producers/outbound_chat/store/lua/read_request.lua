-- read_request: a job with its request, and what its batch shares. Personal: for replays alone.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: the job
-- reply   {head, request, shared, now_ms, token}; {}: no such job
-- keeps   nothing is written
-- uses: base record lanes
local head, request = load_record(ARGV[1])
if not head then
  return {}
end
local batch = batch_of(head)
local shared = batch ~= '' and redis.call('HGET', key('b:' .. batch), 'shared') or ''
return { cjson.encode(head), request, shared, NOW, head[TOKEN] }
