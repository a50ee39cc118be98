-- leave: removes a pump, and returns whether another must replace it.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] pump: its name
-- ARGV[2] warm: 1 if a job arrived a moment ago, so that the next job is likely to need a pump
-- ARGV[3] unanswered: the pump's last claim, if it got no reply to it; '': it got one
-- reply   nonce with which the caller must start a successor; '': none is needed
-- keeps   due work has a pump, or a request for one; jobs that the pump never received wait again, as if they had not
--         been claimed
-- uses: attempts counts holds pump_requests recipients records ring token_bucket transitions unblock
local pump, unanswered = ARGV[1], ARGV[3]
local memory = key('claims:' .. pump)
local LATE_MS = 60000

local function give_back_jobs()
  local claim, ids = unpack(json_table(try('GET', memory)) or {})
  if claim ~= unanswered or type(ids) ~= 'table' then
    return
  end
  local refund = 0
  for _, id in ipairs(ids) do
    local head, request = records.load(id)
    if head and head[STATE] == 'sending' and head[CLAIM] == claim then
      attempts.finish(id, head)
      recipients.settle(id, head, request, head[MAYBE_SENT] > 0)
      holds.settle_probe(id, head[LANE], 'not_called')
      attempts.return_parts(head)
      head[ATTEMPTS] = head[ATTEMPTS] - 1
      transitions.requeue(id, head, request, NOW)
      refund = refund + 1
    end
  end
  local budget = refund > 0 and token_bucket.load()
  if budget then
    budget.tokens = math.min(budget.most, budget.tokens + refund)
    token_bucket.save(budget)
  end
  counts.write()
  attempts.open_changed_gates()
end

redis.call('ZREM', key('pumps'), pump)
if unanswered ~= '' then
  give_back_jobs()
  -- If the claim reaches Redis only after this, it counts as a repeat and gets no job.
  redis.call('SET', memory, cjson.encode({ unanswered, {}, 0, '' }), 'PX', LATE_MS)
else
  redis.call('DEL', memory)
end
if redis.call('GET', key('waiting')) == pump then
  redis.call('DEL', key('waiting'))
end
unblock.place_due_lanes()
local wanted = ARGV[2] == '1' or (ring.has_work() and token_bucket.call_is_near())
return wanted and pump_requests.ask_for_successor() or ''
