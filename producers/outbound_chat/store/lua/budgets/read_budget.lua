-- read_budget: reads the state of a budget.
-- KEYS[1] base: first part of all keys of the budget
-- reply   {now_ms, rate, ceiling, burst, workers, pumps, oldest_due_ms, listed, of webhooks: waiting, posting, dead;
--         then field, number of its counts}
--         rate, ceiling: calls a second now and at most, '' until something was sent; burst: '' until a worker has run;
--         oldest_due_ms: when the first of the jobs whose turn is next was due, '' if none is due. Only the lanes in
--         front are read, so that the cost does not grow with the number of lanes; listed: single jobs in the list;
--         waiting, posting: for the first 500 hosts
-- keeps   nothing is written
-- uses: retention workers
local TENANTS, LANES, MOST_HOSTS = 8, 4, 500

-- `unit`: ms in one unit of the score.
local function first_due(name, unit)
  local first = tonumber((try('ZRANGE', key(name), 0, 0, 'WITHSCORES') or {})[2])
  return number_in(first and first * unit, 0, NOW) or math.huge
end

local function oldest_due()
  local oldest = math.huge
  for priority = 1, 3 do
    local ring = key('ring:' .. priority)
    for _, tenant in ipairs(try('ZRANGE', ring, 0, TENANTS - 1) or {}) do
      for _, lane in ipairs(try('ZRANGE', ring .. ':' .. tenant, 0, LANES - 1) or {}) do
        oldest = math.min(oldest, first_due('lane:' .. lane, 0.001), first_due('timed:' .. lane, 1),
          first_due('retry:' .. lane, 1))
      end
    end
  end
  return oldest < math.huge and digits(oldest) or ''
end

-- Count the webhooks that wait, are being posted, and are dead.
local function count_webhooks()
  local waiting, posting = 0, 0
  for _, host in ipairs(try('ZRANGE', key('hooks'), 0, MOST_HOSTS - 1) or {}) do
    waiting = waiting + (try('ZCARD', key('hooks:' .. host)) or 0)
    posting = posting + (try('ZCARD', key('hooks_leased:' .. host)) or 0)
  end
  return waiting, posting, try('ZCOUNT', key('hooks_dead'), digits(NOW - retention.record_ms()), '+inf') or 0
end

local rate, ceiling = unpack(try('HMGET', key('bucket'), 'rate', 'ceiling') or {})
local reply = { NOW, number_in(rate, 0, 1e6) and rate or '', number_in(ceiling, 0, 1e6) and ceiling or '',
  number_in(try('HGET', key('settings'), 'burst'), 0, 1e9) or '',
  workers.count(), try('ZCOUNT', key('pumps'), NOW, '+inf') or 0,
  oldest_due(), try('LLEN', key('listed')) or 0, count_webhooks() }
for _, part in ipairs(try('HGETALL', key('counts')) or {}) do
  reply[#reply + 1] = part
end
return reply
