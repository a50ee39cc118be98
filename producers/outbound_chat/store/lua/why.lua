-- why: what a waiting job waits for, by the rules that `claim` goes by.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: the job
-- reply   {now_ms, head, then name, value of each fact}, facts of a waiting job only; {now_ms}: no record to be read
--         position: jobs of its lane that go before it; place: 'ring', 'kept' or 'later'; tenants, lanes: how many take
--         turns with it in the ring, kept_tenants, kept_lanes: behind its gate; share: percent of the calls that its
--         priority has now; waiting: jobs of the budget that wait;
--         scope, rule, until_ms: of the gate as `gate_of` says, 'probe' when a probe is due; owner, hold: who holds the
--         scope, and JSON; probing: 1 while a probe is on its way; budget_hold: JSON of a person's, '' for none;
--         limits: JSON of its sender, number_parts: what its number may send now; rate, ceiling, tokens: of the budget,
--         '' while nobody wrote its settings; workers, pumps: alive; asked: requests for a pump that nobody answered
-- keeps   nothing is written; it costs the same however many jobs wait
-- uses: base record lanes places books gates bucket turns wake
local id = ARGV[1]
local WORKER_MS = 10000
local raw = redis.call('GET', key('j:' .. id))
local head = read_record(raw)
if not head then
  return { NOW }
end
local reply = { NOW, string.sub(raw, 1, string.find(raw, '\n', 1, true) - 1) }
if head[STATE] ~= 'queued' then
  return reply
end
local lane = head[LANE]
local priority, name, tenant, batch = lane_parts(lane)

local function tell(facts)
  for fact, value in pairs(facts) do
    reply[#reply + 1], reply[#reply + 2] = fact, type(value) == 'number' and string.format('%.6f', value) or value
  end
end

local function position()
  local member = member_of(batch, id)
  local again = redis.call('ZRANK', key('again:' .. lane), member)
  local due = redis.call('ZCOUNT', key('again:' .. lane), '-inf', END_OF_NOW)
  return again or due + (redis.call('ZRANK', key('lane:' .. lane), member) or 0)
end

-- How many tenants take turns there, and how many lanes of this one's.
local function takers(ring)
  return redis.call('ZCARD', ring), redis.call('ZCARD', ring .. ':' .. tenant)
end

local function percent_of_calls()
  local own, calls, busy = tonumber(priority), 0, {}
  for other = 1, 3 do
    busy[other] = other == own or redis.call('EXISTS', key('ring:' .. other)) == 1
  end
  for served = 0, 2 * SHARE - 1 do
    local order = order_after(served)
    local first = busy[order[1]] and order[1] or busy[order[2]] and order[2] or order[3]
    calls = calls + (first == own and 1 or 0)
  end
  return 100 * calls / (2 * SHARE)
end

local kept = redis.call('HGET', key('kept'), lane)
local tenants, lanes = takers(ring_of(lane))
local kept_tenants, kept_lanes = takers(gate_ring(kept or '', lane))
tell({ position = position(), tenants = tenants, lanes = lanes, kept_tenants = kept_tenants, kept_lanes = kept_lanes,
  place = kept and 'kept' or redis.call('ZSCORE', ring_of(lane) .. ':' .. tenant, lane) and 'ring' or 'later',
  share = percent_of_calls(), waiting = tonumber(redis.call('HGET', key('books'), 'waiting') or 0) })

local scope, until_ms, rule, _, probe = gate_of(lane)
local hold = read_hold('person', scope or '') or read_hold('system', scope or probe or '')
tell({ scope = scope or probe or '', until_ms = until_ms or '', rule = rule or probe and 'probe' or '',
  owner = hold and (hold.until_ms and 'system' or 'person') or '', hold = hold and cjson.encode(hold) or '',
  probing = hold and hold.probe and redis.call('ZSCORE', key('leases'), hold.probe) and 1 or 0,
  budget_hold = redis.call('HGET', key('holds'), 'person:budget') or '' })

local budget, limits = read_budget() or {}, limits_of(name)
tell({ rate = budget.rate or '', ceiling = budget.ceiling or '', tokens = budget.tokens or '',
  limits = cjson.encode(limits), number_parts = limits.number_rate and number_parts(limits) or '',
  workers = redis.call('ZCOUNT', key('workers'), NOW - WORKER_MS, '+inf'), pumps = live_pumps(),
  asked = tonumber(redis.call('HGET', key('requests'), 'needed') or 0) })
return reply
