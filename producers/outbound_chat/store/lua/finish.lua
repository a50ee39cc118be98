-- finish: records what attempts led to.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV    13 for each result:
--   id, claim, outcome ('sent', 'retry', 'snooze', 'hold', 'not_called', 'failed'), delay_ms (until the next attempt),
--   maybe (1: the call may have reached Connect), contact ('' but for sent), code, aws_code, message, request_id,
--   pause_ms (how long the provider asks everybody to wait), scope (that a hold stops, first for delay_ms),
--   chat_ms (assumed life of the chat that a contact opens)
-- reply   a word for each result: the state the job is in now, 'stale' (another claim has the job: nothing changed)
--         or 'gone' (no record)
-- keeps   only the claim that holds the lease moves a job, but a ContactId is recorded whenever it comes;
--         a job that may have been sent ends `sent` or `uncertain`; twice changes nothing
-- uses: base record lanes places books gates opening calling holds final bucket
local WIDTH = 13
local COSTS_NO_ATTEMPT = { snooze = true, hold = true, not_called = true }
local reply, refund, throttled, pause_ms = {}, 0, false, 0

-- The ContactId of a call whose lease was lost, or that had ended `uncertain`.
local function record_late(id, head, request, contact, chat_ms)
  local from = head[STATE]
  if head[CONTACT] ~= '' and head[CONTACT] ~= contact then
    count(batch_of(head), 'doubled', 1)
  end
  if from == 'sent' then
    return from
  end
  head[CONTACT] = contact
  open_chat(head, contact, chat_ms)
  if from == 'queued' then
    take_from_lane(id, head[LANE])
    enroll(head[LANE])
    from = 'waiting'
  elseif from == 'sending' then
    end_call(id, head)
    from = 'leased'
  end
  return conclude(id, head, request, from, 'sent')
end

local function record(id, head, request, i)
  local outcome, code = ARGV[i + 2], ARGV[i + 6]
  local called_at, scope = head[DUE], ARGV[i + 11]
  end_call(id, head)
  settle_probe(id, head[LANE], outcome, scope)
  if outcome == 'sent' then
    head[CONTACT] = ARGV[i + 5]
    open_chat(head, head[CONTACT], tonumber(ARGV[i + 12]))
    return conclude(id, head, request, 'leased', 'sent')
  end
  if ARGV[i + 4] == '1' and head[MAYBE_SENT] == 0 then
    head[MAYBE_SENT] = called_at
  end
  if COSTS_NO_ATTEMPT[outcome] then
    head[ATTEMPTS] = head[ATTEMPTS] - 1
  end
  if outcome == 'not_called' then
    refund = refund + 1
    spend_parts(limits_of_lane(head[LANE]), -head[PARTS])
  else
    throttled = throttled or code == 'throttled'
    pause_ms = math.max(pause_ms, tonumber(ARGV[i + 10]))
    local word = outcome == 'failed' and head[MAYBE_SENT] > 0 and 'uncertain' or outcome
    add_history(head, { called_at, word, code, ARGV[i + 7], ARGV[i + 8], ARGV[i + 9] })
  end
  if outcome == 'failed' then
    return conclude(id, head, request, 'leased', 'failed')
  end
  local delay_ms = tonumber(ARGV[i + 3])
  if outcome == 'hold' then
    -- Another job goes first as the probe, if there is one: this one may be the only one that can't be sent.
    return requeue(id, head, request, hold_by_system(id, scope, delay_ms, code, ARGV[i + 8]) + 1)
  end
  return requeue(id, head, request, NOW + delay_ms)
end

for i = 1, #ARGV, WIDTH do
  local id = ARGV[i]
  local head, request = load_record(id)
  local word = 'stale'
  if not head then
    word = 'gone'
  elseif head[STATE] == 'sending' and head[CLAIM] == ARGV[i + 1] then
    word = record(id, head, request, i)
  elseif ARGV[i + 2] == 'sent' then
    word = record_late(id, head, request, ARGV[i + 5], tonumber(ARGV[i + 12]))
  end
  reply[#reply + 1] = word
end
if refund > 0 or throttled then
  local rate, burst = read_allowance()
  if rate then
    local tokens = math.min(burst, read_bucket(rate, burst) + refund)
    -- The provider says that nothing is left: whatever our count was, it starts again from none, or from a debt that
    -- takes the rate as long to pay as the provider asks everybody to wait.
    write_bucket(throttled and math.min(tokens, -pause_ms * rate / 1000) or tokens)
  end
end
write_books()
open_changed_gates()
return reply
