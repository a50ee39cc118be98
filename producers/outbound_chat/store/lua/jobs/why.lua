-- why: reads what a waiting job waits for, by the rules that `claim` applies.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: the job, or a batch, of which the next job is meant
-- ARGV[2] of_batch: 1 for a batch
-- reply   {now_ms, head, id of the job, then name, value of each fact}, facts of a waiting job only; {now_ms}: no
--         readable record, or no job of the batch waits; {now_ms, 'newer'}: a newer version wrote it
--         position: jobs of its lane that go before it; and estimates: in_ring, behind_gate: jobs of other lanes of its
--         priority that go before it, in the ring and behind a gate; others: due jobs of other priorities, share:
--         percentage of the calls that its priority gets while there are others; waiting: waiting jobs of the budget;
--         scope, rule, until_ms: of the gate as `gates.describe` says, 'probe' if a probe is due; owner, hold: who
--         holds the scope ('person', 'cancel', 'system'), and JSON of the hold; probing: 1 while a probe runs;
--         budget_hold: JSON of a person's, '' for none; limits: JSON of its sender, number_parts: what its number may
--         send now; rate, ceiling, tokens: of the budget, '' while it has no settings; workers, pumps: how many are
--         alive; asked: requests for a pump without an answer; lacking: name of a key that it needs and no worker has,
--         '' for none; capped: 1 if it waits for a place of its recipient; lasted: how many seconds chats of its
--         instance lasted on average, '' if not known
-- keeps   nothing is written; the cost does not grow with the number of waiting jobs
-- uses: gates instance_chats key_holders lanes pump_requests queue_position recipients records ring
-- uses: token_bucket workers
local STALLED_MS = 10000

-- Return the next job of a batch; if nothing of it was sent lately, rather one that was called, which has the error.
local function next_of_batch(batch)
  local lane, last = unpack(try('HMGET', key('b:' .. batch), 'lane', 'last_ms') or {})
  if lane and lanes.parts(lane) then
    return lanes.next_job(lane, NOW - (number_in(last, 0, 1e15) or 0) > STALLED_MS)
  end
end

local id = ARGV[1]
if ARGV[2] == '1' then
  id = next_of_batch(id)
end
local head, request
if id then
  head, request = records.load(id)
end
if not head then
  return { NOW, request == 'newer' and request or nil }
end
local reply = { NOW, cjson.encode(head), id }
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
  lacking = key_holders.lacking_key(batch, request), capped = recipients.is_capped(id, head, request) and 1 or 0,
  lasted = rule == 'chats' and instance_chats.lasted(limits.instance) or '' })
return reply
