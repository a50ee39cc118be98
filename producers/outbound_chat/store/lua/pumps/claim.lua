-- claim: gives a pump the jobs it may send now, each with a lease. It checks all rules in one step, so it is long.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] pump: its name
-- ARGV[2] claim: id of this claim, never used again; it fences `finish` and `renew`
-- ARGV[3] wanted: how many jobs at most (1 to 500)
-- ARGV[4] lease_ms: time until another may claim them
-- ARGV[5] linger_ms: how long the pump waits for work if there is none; 0: it leaves
-- ARGV[6] nonce: of the request that started the pump, until its first claim is answered; '': there was none
-- reply   {'claimed', now_ms, pace_ms, wakeup, newer, waiting, until_ms, then id, head, request, look of each job};
--         pace_ms: time to the next token, 0: there were enough; wakeup: nonce with which the caller must start one
--         more pump, '': none; newer: due jobs of a newer version that were left to its workers; waiting: 1 if these
--         were all and the pump was registered, as after 'empty'; until_ms: as there; look: 1 if the caller must check
--         whether the number is on a suppression list, since this script can't read it; 2 more if it must `recount` the
--         job's recipient and return the job
--         {'empty', now_ms, waiting, until_ms, rule, newer}; waiting: 1 if the pump was registered and must wait on
--         `poke`; until_ms: time to the next due job, or until a rule may open, -1: neither is known; rule: the rule
--         that blocks due jobs and its scope, such as 'hold sender:sms', '' if there is none
--         {'paced', now_ms, pace_ms, pumps}: the budget has no token yet; pumps: how many work for the budget
--         {'held', now_ms, reason}: a person holds the budget
--         {'dismissed'}: another pump answered the request; this one ends
--         {'unconfigured'}: the budget has no settings
-- keeps   a job is in its lane or leased, never both; a repeat gives the same jobs and takes no token again; it never
--         returns a job whose number is on its sender's suppression list, or has been contacted as often as allowed
-- uses: attempts counts fair_share gates holds lanes pump_requests recipients records ring suppression token_bucket
-- uses: transitions unblock waits
local pump, claim, wanted, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local MOST = 500
local CLAIM_MEMORY_MS = 60000
local PUT_OFF_MS, PUT_OFF_MANY_MS = 1000, 100

local reply, newer = { 'claimed', NOW, 0, '', 0, 0, -1 }, 0

local function add_to_reply(id, head, request, look)
  reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = id, cjson.encode(head), request
  reply[#reply + 1] = (look and 1 or 0) + (recipients.must_recount(head, request) and 2 or 0)
end

-- Return the reply to the pump's last claim; nil: there is none, or it is unreadable and that claim's leases run out.
local function last_answer()
  local kept = json_table(try('GET', key('claims:' .. pump)))
  return kept and kept[1] == claim and type(kept[2]) == 'table' and type(kept[4]) == 'string' and kept or nil
end

local function repeat_answer(ids, pace_ms, wakeup)
  for _, id in ipairs(ids) do
    local head, request = records.load(id)
    if head and head[CLAIM] == claim then
      local listed, look = suppression.is_listed(head, request)
      -- If the number has been listed since the first reply, the caller finds it on the list.
      add_to_reply(id, head, request, listed or look)
    end
  end
  reply[3], reply[4] = pace_ms, wakeup
  return reply
end

local function start_attempt(id, head, request, look)
  waits.note(head[LANE], head[DUE] > 0 and head[DUE] or head[CREATED])
  head[STATE], head[CLAIM], head[DUE] = 'sending', claim, NOW
  head[ATTEMPTS] = head[ATTEMPTS] + 1
  records.save(id, head, request)
  attempts.start(id, head, lease_ms)
  counts.move(lanes.batch_of(head[LANE]), 'waiting', 'leased')
  add_to_reply(id, head, request, look)
end

-- Leave a job to workers of a newer version: it is due again soon, behind the others of its lane.
local function put_off(job, lane, batch)
  newer = newer + 1
  local member = job.member or lanes.numbered_member(batch, job.id, job.order)
  lanes.count(lane, redis.call('ZADD', key(job.part .. lane), digits(NOW + PUT_OFF_MS), member))
end

-- Take the job out of waiting. Return true when the pump may call it.
local function admit(job, lane, batch)
  local id = job.id
  local head, request = records.load(id)
  if not head and request == 'newer' then
    put_off(job, lane, batch)
  elseif not head then
    transitions.quarantine(id, batch, 'waiting')
  elseif head[STATE] ~= 'queued' then
    -- A restored or edited key put a job back that is no longer waiting.
    return
  elseif head[EXPIRES] <= NOW then
    transitions.finalize(id, head, request, 'waiting', 'expired')
  elseif head[MAYBE_SENT] > 0 and NOW > head[MAYBE_SENT] + transitions.HORIZON_MS then
    transitions.finalize(id, head, request, 'waiting', 'uncertain')
  else
    local listed, look = suppression.is_listed(head, request)
    local admitted, reason = false, suppression.LISTED
    if not listed then
      admitted, reason = recipients.admit(id, head, request)
    end
    if reason then
      suppression.suppress(id, head, request, reason)
    end
    if not admitted then
      return false
    end
    start_attempt(id, head, request, look)
    return true
  end
end

-- Take up to `most` jobs of the lane and add their ids. Return how many were looked at, at least one.
local function take_turn(lane, most, probes, ids)
  local batch = lanes.batch_of(lane)
  -- A job that failed may be the only one that can't be sent, so another job probes, if there is one.
  local due = lanes.take_due(lane, most, probes)
  for _, job in ipairs(due) do
    if admit(job, lane, batch) then
      ids[#ids + 1] = job.id
      if probes then
        holds.begin_probe(job.id, probes)
      end
    end
  end
  fair_share.charge(lane, math.max(1, #due))
  return math.max(1, #due)
end

-- Take at most so many jobs. Return their ids, and whether more may be due.
local function take_jobs(budget, allowed)
  local ids, handled, more = {}, 0, true
  while #ids < allowed and handled < MOST do
    local lane, most = fair_share.next_turn(allowed - #ids, budget.served + #ids)
    if not lane then
      more = false
      break
    end
    local gate = gates.of(lane)
    if gate.scope then
      if gates.limits_of_lane(lane) == gates.CLOSED then
        -- A budget without readable settings gets all of them written again.
        redis.call('DEL', key('settings'))
      end
      ring.block(lane, gate.scope, gate.try_at)
      handled = handled + 1
    else
      handled = handled + take_turn(lane, math.min(most, gate.room), gate.probes, ids)
    end
  end
  budget.served = (budget.served + #ids) % (2 * fair_share.SHARE)
  return ids, more and ring.has_work()
end

-- Return the rule that blocks due jobs, and its scope; '' when none does.
local function blocking_rule()
  local lane = redis.call('HRANDFIELD', key('blocked'))
  if not lane then
    return ''
  end
  local gate = gates.of(lane)
  return gate.scope and gate.rule .. ' ' .. gate.scope or ''
end

-- Return the time to the next due job, or until a rule may open; -1: neither is known.
local function next_ms()
  local later = redis.call('ZRANGE', key('delayed'), 0, 0, 'WITHSCORES')
  return later[2] and math.max(0, tonumber(later[2]) - NOW) or -1
end

-- Register the pump as waiting if it would and no other waits. Return 1 if it must wait.
local function register()
  if tonumber(ARGV[5]) > 0 and redis.call('SET', key('waiting'), pump, 'NX', 'PX', ARGV[5] + 500) then
    pump_requests.keep_alive(pump, tonumber(ARGV[5]))
    return 1
  end
  return 0
end

local function empty()
  local until_ms = next_ms()
  local rule = blocking_rule()
  if ring.has_work() then
    -- All jobs that this claim read have ended or wait for their recipients, and more are due; or a newer version wrote
    -- them, and more of its jobs may be due.
    until_ms = newer > 0 and PUT_OFF_MANY_MS or 0
  end
  return { 'empty', NOW, register(), until_ms, rule, newer }
end

local earlier = last_answer()
if earlier then
  return repeat_answer(earlier[2], tonumber(earlier[3]) or 0, earlier[4])
end
local budget = token_bucket.load()
if not budget then
  return { 'unconfigured' }
end
if ARGV[6] ~= '' and not pump_requests.is_wanted(pump, ARGV[6]) then
  return { 'dismissed' }
end
local hold = gates.read_hold('person', 'budget')
if hold then
  return { 'held', NOW, hold.reason }
end
pump_requests.keep_alive(pump, 0)
if redis.call('GET', key('waiting')) == pump then
  redis.call('DEL', key('waiting'))
end
unblock.place_due_lanes(wanted)
if not ring.has_work() then
  return empty()
end
local pace_ms = token_bucket.until_token(budget)
if pace_ms > 0 then
  token_bucket.note_limited(budget)
  token_bucket.save(budget)
  return { 'paced', NOW, pace_ms, pump_requests.live_pumps() }
end
local ids, more = take_jobs(budget, math.min(wanted, math.floor(budget.tokens + 1e-6)))
budget.tokens = budget.tokens - #ids
if #ids < wanted and more then
  token_bucket.note_limited(budget)
end
token_bucket.save(budget)
counts.write()
waits.write()
if #ids == 0 then
  return empty()
end
reply[3], reply[5] = token_bucket.until_token(budget), newer
if #ids == wanted and reply[3] == 0 and more then
  reply[4] = pump_requests.ask_for_one_more(budget.max_pumps)
elseif #ids < wanted and not more then
  -- The pump waits for work while it calls these, without another claim that would find nothing.
  reply[6], reply[7] = register(), next_ms()
end
redis.call('SET', key('claims:' .. pump), cjson.encode({ claim, ids, reply[3], reply[4] }), 'PX', CLAIM_MEMORY_MS)
return reply
