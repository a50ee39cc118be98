-- read_batch: the live counts of a batch, and what its end is predicted by.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] batch: its id
-- ARGV[2] with_pace: 1 where its end is to be predicted; who waits for the end of a batch looks often, and need not
-- reply   {now_ms, scheduled, pace, then field, value of its book, without the shared request}; {now_ms}: no such batch;
--         {now_ms, 'unreadable'}: another program wrote its book
--         scheduled: how many of the waiting jobs were never called and are not due yet
--         pace: JSON, as `lib/pace.lua` makes it; '' when nothing waits, or it was not asked for
-- keeps   nothing is written
-- uses: base record lanes events webhooks books gates bucket pace
local FIELDS = { 'name', 'lane', 'created_at', 'closed_at', 'final_at', 'accepted', 'rejected', 'waiting', 'leased',
  'sent', 'failed', 'expired', 'cancelled', 'uncertain', 'unreadable', 'mark_ms', 'mark_done', 'last_ms' }
local found = read('HMGET', key('b:' .. ARGV[1]), unpack(FIELDS))
if found and not found[3] then
  return { NOW }
elseif not found or not found[2] or not lane_parts(found[2]) then
  return { NOW, 'unreadable' }
end
local reply = { NOW, redis.call('ZCOUNT', key('lane:' .. found[2]), NOW + 1, '+inf'), '' }
if ARGV[2] == '1' and (tonumber(found[8]) or 0) > 0 then
  reply[3] = pace_of(found[2])
end
for i, field in ipairs(FIELDS) do
  reply[#reply + 1], reply[#reply + 2] = field, found[i] or ''
end
return reply
