-- why: says what a waiting job waits for, by the rules that `claim` applies.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: the job
-- reply   {now_ms, head, then name, value of each fact}, facts of a waiting job only; {now_ms}: no record to be read;
--         {now_ms, 'newer'}: a newer version wrote it
--         position: jobs of its lane that go before it; and estimates: in_ring, behind_gate: jobs of other lanes of its
--         priority that go before it, there and there; others: due jobs of other priorities, share: percent of the
--         calls that its own has beside them; waiting: jobs of the budget that wait;
--         scope, rule, until_ms: of the gate as `gates.describe` says, 'probe' when a probe is due; owner, hold: who
--         holds the scope ('person', 'cancel', 'system'), and JSON; probing: 1 while a probe is on its way;
--         budget_hold: JSON of a person's, '' for none; limits: JSON of its sender, number_parts: what its number may
--         send now; rate, ceiling, tokens: of the budget, '' while nobody wrote its settings; workers, pumps: alive;
--         asked: requests for a pump that nobody answered; lacking: name of a key that it needs and no worker has, ''
--         for none
-- keeps   nothing is written; it costs the same however many jobs wait
-- uses: gates key_holders lanes pump_requests queue_position records ring token_bucket workers
local id = ARGV[1]
local head, request = records.load(id)
if not head then
  return { NOW, request == 'newer' and request or nil }
end
local reply = { NOW, cjson.encode(head) }
if head[STATE] ~= 'queued' then
  return reply
end
local lane = head[LANE]
local _, name, _, batch = lanes.parts(lane)

local function add_facts(facts)
  for fact, value in pairs(facts) do
    reply[#reply + 1], reply[#reply + 2] = fact, type(value) == 'number' and string.format('%.6f', value) or value
  end
end

local turns = queue_position.in_lane(id, head) + 1
local kept = redis.call('HGET', key('blocked'), lane)
local others, share = queue_position.other_priorities(lane)
add_facts({ position = turns - 1, in_ring = queue_position.jobs_before(ring.of(lane), lane, turns),
  behind_gate = kept and queue_position.jobs_before(ring.of_gate(kept, lane), lane, turns) or 0,
  others = others, share = share, waiting = tonumber(redis.call('HGET', key('counts'), 'waiting') or 0) })

local scope, rule, until_ms = gates.describe(lane)
local owner, hold = gates.holder_of(scope)
add_facts({ scope = scope, until_ms = until_ms, rule = rule,
  owner = owner or '', hold = hold and cjson.encode(hold) or '',
  probing = hold and hold.probe and redis.call('ZSCORE', key('leases'), hold.probe) and 1 or 0,
  budget_hold = redis.call('HGET', key('holds'), 'person:budget') or '' })

local budget, limits = token_bucket.load() or {}, gates.limits_of(name)
add_facts({ rate = budget.rate or '', ceiling = budget.ceiling or '', tokens = budget.tokens or '',
  limits = cjson.encode(limits), number_parts = limits.number_rate and gates.number_parts(limits) or '',
  workers = workers.count(), pumps = pump_requests.live_pumps(),
  asked = tonumber(redis.call('HGET', key('requests'), 'needed') or 0),
  lacking = key_holders.lacking_key(batch, request) })
return reply
