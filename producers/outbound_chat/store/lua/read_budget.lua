-- read_budget: how a budget is doing.
-- KEYS[1] base: first part of all keys of the budget
-- reply   {now_ms, rate, ceiling, burst, workers, pumps, oldest_due_ms, then field, count of its books}
--         rate, ceiling: calls a second now and at most, '' while nothing was sent; burst: '' while no worker ever ran;
--         oldest_due_ms: when the first of the jobs whose turn is next was due, '' when none is due. Of many lanes only
--         those in front are looked at, so that it costs the same however many there are
-- keeps   nothing is written
-- uses: base lanes
local TENANTS, LANES, WORKER_MS = 8, 4, 10000

local function oldest_due()
  local oldest
  for priority = 1, 3 do
    local ring = key('ring:' .. priority)
    for _, tenant in ipairs(redis.call('ZRANGE', ring, 0, TENANTS - 1)) do
      for _, lane in ipairs(redis.call('ZRANGE', ring .. ':' .. tenant, 0, LANES - 1)) do
        oldest = math.min(oldest or math.huge, next_due(lane) or math.huge)
      end
    end
  end
  return oldest and oldest <= END_OF_NOW and digits(oldest) or ''
end

local pace = redis.call('HMGET', key('bucket'), 'rate', 'ceiling')
local reply = { NOW, pace[1] or '', pace[2] or '', redis.call('HGET', key('settings'), 'burst') or '',
  redis.call('ZCOUNT', key('workers'), NOW - WORKER_MS, '+inf'), redis.call('ZCOUNT', key('pumps'), NOW, '+inf'),
  oldest_due() }
for _, part in ipairs(redis.call('HGETALL', key('books'))) do
  reply[#reply + 1] = part
end
return reply
