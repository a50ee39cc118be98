-- read_batch: reads the live counts of a batch, and what its end is predicted from.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] batch: its id
-- ARGV[2] with_pace: 1 to predict its end; a caller that waits for the end reads often, and needs no prediction
-- reply   {now_ms, scheduled, stop, pace, then field, value of its record, without the shared request}
--         {now_ms}: no such batch; {now_ms, 'unreadable'}: another program wrote its record
--         scheduled: how many of the waiting jobs were never called and are not due yet; stop: as in `read_batches`,
--         '' if no prediction was asked for
--         pace: JSON, as `lib/forecast.lua` makes it; '' if no job waits, or it was not asked for
-- keeps   nothing is written
-- uses: batches forecast
local found, why_not = batches.read(ARGV[1])
if not found then
  return { NOW, why_not }
end
local lane = batches.lane_of(found)
local reply = { NOW, batches.count_scheduled(lane), '', '' }
if ARGV[2] == '1' then
  reply[3] = forecast.stop_json(found)
  reply[4] = batches.waiting_of(found) > 0 and forecast.pace_of(lane) or ''
end
batches.add_to_reply(reply, found)
return reply
