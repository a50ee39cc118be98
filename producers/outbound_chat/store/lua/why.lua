-- why: what a waiting job waits for, by the rules that `claim` goes by.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: the job
-- reply   {now_ms, head, then name, value of each fact}, facts of a waiting job only; {now_ms}: no record to be read;
--         {now_ms, 'newer'}: a newer version wrote it
--         position: jobs of its lane that go before it; and estimates: in_ring, behind_gate: jobs of other lanes of its
--         priority that go before it, there and there; others: due jobs of other priorities, share: percent of the
--         calls that its own has beside them; waiting: jobs of the budget that wait;
--         scope, rule, until_ms: of the gate as `gate_of` says, 'probe' when a probe is due; owner, hold: who holds the
--         scope ('person', 'cancel', 'system'), and JSON; probing: 1 while a probe is on its way; budget_hold: JSON of a person's, '' for none;
--         limits: JSON of its sender, number_parts: what its number may send now; rate, ceiling, tokens: of the budget,
--         '' while nobody wrote its settings; workers, pumps: alive; asked: requests for a pump that nobody answered;
--         lacking: name of a key that it needs and no worker has, '' for none
-- keeps   nothing is written; it costs the same however many jobs wait
-- uses: base record lanes places events webhooks books gates bucket turns ahead wake workers seals
local id = ARGV[1]
local head, request = load_record(id)
if not head then
  return { NOW, request == 'newer' and request or nil }
end
local reply = { NOW, cjson.encode(head) }
if head[STATE] ~= 'queued' then
  return reply
end
local lane = head[LANE]
local _, name, _, batch = lane_parts(lane)

local function tell(facts)
  for fact, value in pairs(facts) do
    reply[#reply + 1], reply[#reply + 2] = fact, type(value) == 'number' and string.format('%.6f', value) or value
  end
end

local turns = place_in_lane(id, head) + 1
local kept = redis.call('HGET', key('kept'), lane)
local others, share = other_priorities(lane)
tell({ position = turns - 1, in_ring = jobs_before(ring_of(lane), lane, turns),
  behind_gate = kept and jobs_before(gate_ring(kept, lane), lane, turns) or 0, others = others, share = share,
  waiting = tonumber(redis.call('HGET', key('books'), 'waiting') or 0) })

local scope, until_ms, rule, _, probes = gate_of(lane)
local probe = probes and probes[1]
local owner, hold = holder_of(scope or probe or '')
tell({ scope = scope or probe or '', until_ms = until_ms or '', rule = rule or probe and 'probe' or '',
  owner = owner or '', hold = hold and cjson.encode(hold) or '',
  probing = hold and hold.probe and redis.call('ZSCORE', key('leases'), hold.probe) and 1 or 0,
  budget_hold = redis.call('HGET', key('holds'), 'person:budget') or '' })

local budget, limits = read_budget() or {}, limits_of(name)
tell({ rate = budget.rate or '', ceiling = budget.ceiling or '', tokens = budget.tokens or '',
  limits = cjson.encode(limits), number_parts = limits.number_rate and number_parts(limits) or '',
  workers = redis.call('ZCOUNT', key('workers'), NOW - WORKER_MS, '+inf'), pumps = live_pumps(),
  asked = tonumber(redis.call('HGET', key('requests'), 'needed') or 0), lacking = lacking_key(batch, request) })
return reply
