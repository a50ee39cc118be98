-- read_budget: reads the state of a budget.
-- KEYS[1] base: first part of all keys of the budget
-- reply   {now_ms, rate, ceiling, burst, workers, pumps, skewed, due, oldest_due_ms, listed, counts, calls, waits,
--         dead, chats, faults, of webhooks: waiting, posting, dead}
--         rate, ceiling: calls a second now and at most, '' until something was sent; burst: '' until a worker has run;
--         due, oldest_due_ms: how many of the jobs whose turn is next are due, and since when, '' if none is. Only the
--         lanes in front are read, so that the cost does not grow with the number of lanes; listed: single jobs in the
--         list; counts, calls, waits: fields and numbers of these hashes; dead: state:code, jobs; chats: instance,
--         open chats, limit (0 for none) of each; faults: their names; waiting, posting: for the first 500 hosts
-- keeps   nothing is written
-- uses: instance_chats lanes retention ring workers
local MOST_HOSTS = 500

-- `unit`: ms in one unit of the score.
local function first_due(name, unit)
  local first = tonumber((try('ZRANGE', key(name), 0, 0, 'WITHSCORES') or {})[2])
  return number_in(first and first * unit, 0, NOW) or math.huge
end

local function due_in_turn()
  local due, oldest = 0, math.huge
  for _, lane in ipairs(ring.in_front()) do
    due = due + lanes.count_due(lane)
    oldest = math.min(oldest, first_due('lane:' .. lane, 0.001), first_due('timed:' .. lane, 1),
      first_due('retry:' .. lane, 1))
  end
  return due, oldest < math.huge and digits(oldest) or ''
end

local function chats()
  local limits, found = {}, {}
  local senders = try('HGETALL', key('senders')) or {}
  for i = 2, #senders, 2 do
    local sender = json_table(senders[i]) or {}
    if type(sender.instance) == 'string' then
      limits[sender.instance] = number_in(sender.max_chats, 0, 1e9) or limits[sender.instance] or 0
    end
  end
  for instance, most in pairs(limits) do
    found[#found + 1], found[#found + 2], found[#found + 3] = instance, instance_chats.open(instance), most
  end
  return found
end

local function dead_letters()
  local found = {}
  -- The id of a record that has expired stays until the next job of its kind ends.
  local since_ms = digits(NOW - retention.record_ms())
  for _, name in ipairs(try('HKEYS', key('dead')) or {}) do
    local count = try('ZCOUNT', key('dead:' .. name), since_ms, '+inf') or 0
    if count > 0 then
      found[#found + 1], found[#found + 2] = name, digits(count)
    end
  end
  return found
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
local due, oldest = due_in_turn()
return { NOW, number_in(rate, 0, 1e6) and rate or '', number_in(ceiling, 0, 1e6) and ceiling or '',
  number_in(try('HGET', key('settings'), 'burst'), 0, 1e9) or '',
  workers.count(), try('ZCOUNT', key('pumps'), NOW, '+inf') or 0, try('ZCARD', key('skewed')) or 0, due, oldest,
  try('LLEN', key('listed')) or 0, try('HGETALL', key('counts')) or {}, try('HGETALL', key('calls')) or {},
  try('HGETALL', key('waits')) or {}, dead_letters(), chats(), try('HKEYS', key('faults')) or {},
  count_webhooks() }
