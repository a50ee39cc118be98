-- read_request: reads a job with its request, and what its batch shares. Personal data: only for replays.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: the job
-- reply   {head, request, shared, now_ms, token, lost}; {'gone'}, {'newer'}: no readable record; lost: 1 if its batch
--         was removed, and with it what its rows shared
-- keeps   nothing is written
-- uses: lanes records
local head, request = records.load(ARGV[1])
if not head then
  return { request }
end
local batch = lanes.batch_of(head[LANE])
local shared = batch ~= '' and try('HGET', key('b:' .. batch), 'shared')
return { cjson.encode(head), request, shared or '', NOW, head[TOKEN], batch ~= '' and not shared and 1 or 0 }
