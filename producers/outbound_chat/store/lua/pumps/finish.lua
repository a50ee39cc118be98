-- finish: records the results of attempts. It is long, since one step updates the jobs, the rules and the pace.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV    15 for each result:
--   id, claim, outcome ('sent', 'retry', 'snooze', 'hold', 'not_called', 'failed'), delay_ms (until the next attempt),
--   maybe (1: the call may have reached Connect), contact ('' unless sent), code, aws_code, message, request_id,
--   pause_ms (how long the provider asks all callers to wait), scope (of a hold, which first lasts delay_ms),
--   chat_ms (assumed lifetime of the chat that a contact opens), not_before_ms (earliest time of the next attempt, 0:
--   none), called (0: no call was made, its token is given back)
-- reply   a word for each result: the state the job is in now, 'stale' (another claim has the job: nothing changed)
--         'gone' (no record) or 'newer' (a newer version wrote it: nothing changed, and its lease runs out)
-- keeps   only the claim that has the lease moves a job, but a ContactId is recorded whenever it comes; a job that may
--         have been sent ends `sent` or `uncertain`; a repeat changes nothing
-- uses: attempts contact_facts counts gates holds lanes recipients records token_bucket transitions
local WIDTH = 15
-- The position of each value of a result after its id.
local CLAIM_ID, OUTCOME, DELAY_MS, MAYBE, CONTACT_ID, CODE, AWS_CODE, MESSAGE = 1, 2, 3, 4, 5, 6, 7, 8
local REQUEST_ID, PAUSE_MS, SCOPE, CHAT_MS, NOT_BEFORE_MS, CALLED = 9, 10, 11, 12, 13, 14
local COSTS_NO_ATTEMPT = { snooze = true, hold = true, not_called = true }
-- Results that say nothing about the provider's limit, since the call may not have reached it.
local NOT_ABOUT_RATE = { throttled = true, unreachable = true, no_answer = true }
local reply, refund, pause_ms = {}, 0, 0
local budget
-- When the calls that passed the provider's limit, and those that did not, were claimed.
local passed, throttled = {}, {}

local function load_budget()
  if budget == nil then
    budget = token_bucket.load() or false
  end
  return budget
end

-- End the job with the contact that its call has started, which may have ended already, or gone on as another one.
local function end_sent(id, head, contact, chat_ms, finalize)
  head[CONTACT] = contact
  local facts = load_budget() and budget.records_contacts and contact_facts.begin(id, head)
  if not (facts and facts.legs[contact]) then
    attempts.open_chat(head, contact, chat_ms)
  end
  for leg, about in pairs(facts and facts.legs or {}) do
    if about[1] == 0 then
      attempts.open_chat(head, leg, chat_ms)
    end
  end
  local word = finalize()
  if facts and head[FACTS] then
    contact_facts.announce(id, head, { legs = {} }, facts)
  end
  return word
end

-- Record the ContactId of a call whose lease was lost, or whose job had ended `uncertain`.
local function record_late(id, head, request, contact, chat_ms)
  local from = head[STATE]
  if head[CONTACT] ~= '' and head[CONTACT] ~= contact then
    counts.add(lanes.batch_of(head[LANE]), 'doubled', 1)
  end
  if from == 'sent' then
    return from
  end
  recipients.settle(id, head, request, true)
  return end_sent(id, head, contact, chat_ms, function()
    if from == 'queued' then
      return transitions.end_waiting(id, head, request, 'sent')
    elseif from == 'sending' then
      attempts.finish(id, head)
      from = 'leased'
    end
    return transitions.finalize(id, head, request, from, 'sent')
  end)
end

-- Whether the job's last two calls were throttled too: if other calls pass, the reason is this job and not the rate.
local function is_throttled_again(head)
  local history = head[HISTORY]
  local entries = type(history) == 'table' and #history or 0
  return entries > 1 and history[entries][3] == 'throttled' and history[entries - 1][3] == 'throttled'
end

local function record(id, head, request, i)
  local outcome, code = ARGV[i + OUTCOME], ARGV[i + CODE]
  local called_at, scope = head[DUE], ARGV[i + SCOPE]
  local called = outcome ~= 'not_called' and ARGV[i + CALLED] == '1'
  attempts.finish(id, head)
  recipients.settle(id, head, request, outcome == 'sent' or ARGV[i + MAYBE] == '1' or head[MAYBE_SENT] > 0)
  holds.settle_probe(id, head[LANE], called and outcome or 'not_called', scope)
  if code == 'throttled' then
    if not is_throttled_again(head) then
      throttled[#throttled + 1] = called_at
    end
  elseif called and not NOT_ABOUT_RATE[code] then
    passed[#passed + 1] = called_at
  end
  if called and outcome ~= 'sent' then
    try('HINCRBY', key('calls'), outcome .. ':' .. code, 1)
  end
  if outcome == 'sent' then
    return end_sent(id, head, ARGV[i + CONTACT_ID], tonumber(ARGV[i + CHAT_MS]), function()
      return transitions.finalize(id, head, request, 'leased', 'sent')
    end)
  end
  if ARGV[i + MAYBE] == '1' and head[MAYBE_SENT] == 0 then
    head[MAYBE_SENT] = called_at
  end
  if COSTS_NO_ATTEMPT[outcome] or not called then
    head[ATTEMPTS] = head[ATTEMPTS] - 1
  end
  if not called then
    refund = refund + 1
    attempts.return_parts(head)
  end
  if outcome ~= 'not_called' then
    pause_ms = math.max(pause_ms, tonumber(ARGV[i + PAUSE_MS]))
    local word = outcome == 'failed' and head[MAYBE_SENT] > 0 and 'uncertain' or outcome
    records.add_history(head, { called_at, word, code, ARGV[i + AWS_CODE], ARGV[i + MESSAGE],
      ARGV[i + REQUEST_ID] })
  end
  if outcome == 'failed' then
    return transitions.finalize(id, head, request, 'leased', 'failed')
  end
  local delay_ms = tonumber(ARGV[i + DELAY_MS])
  if outcome == 'hold' then
    holds.hold_by_system(id, scope, delay_ms, code, ARGV[i + MESSAGE])
    if gates.is_scope_of(head[LANE], scope) then
      -- The hold blocks the job, so its wait ends with the hold.
      delay_ms = 0
    end
  end
  return transitions.requeue(id, head, request, math.max(NOW + delay_ms, tonumber(ARGV[i + NOT_BEFORE_MS])))
end

for i = 1, #ARGV, WIDTH do
  local id = ARGV[i]
  local head, request = records.load(id)
  local word = 'stale'
  if not head then
    word = request
  elseif head[STATE] == 'sending' and head[CLAIM] == ARGV[i + CLAIM_ID] then
    word = record(id, head, request, i)
  elseif ARGV[i + OUTCOME] == 'sent' then
    word = record_late(id, head, request, ARGV[i + CONTACT_ID], tonumber(ARGV[i + CHAT_MS]))
  end
  reply[#reply + 1] = word
end

local function settle_budget()
  for _, claimed_ms in ipairs(passed) do
    token_bucket.note_passed(budget, claimed_ms)
  end
  for _, claimed_ms in ipairs(throttled) do
    token_bucket.note_throttled(budget, claimed_ms)
  end
  budget.tokens = math.min(budget.most, budget.tokens + refund)
  if pause_ms > 0 then
    -- A debt that is paid after the time that the provider asks all callers to wait.
    budget.tokens = math.min(budget.tokens, 1 - pause_ms * budget.rate / 1000)
  end
  token_bucket.save(budget)
end

if #passed + #throttled + refund > 0 and load_budget() then
  settle_budget()
end
counts.write()
attempts.open_changed_gates()
return reply
