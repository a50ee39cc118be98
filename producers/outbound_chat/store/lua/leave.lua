-- leave: signs a pump off, and says whether another must take its place.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] pump: who leaves
-- ARGV[2] warm: 1 when a job came in a moment ago, so that the next would find nobody
-- ARGV[3] unanswered: the pump's last claim, if it got no answer to it; '': it got one
-- reply   nonce with which the caller is to bring a successor; '': none is needed
-- keeps   due work has a pump, or one that was asked for; jobs that the pump never heard of wait again, as if they had
--         not been claimed
-- uses: base record lanes places events webhooks books gates opening wake calling holds final bucket
local pump, unanswered = ARGV[1], ARGV[3]
local memory = key('claims:' .. pump)
local LATE_MS = 60000

local function hand_back()
  local claim, ids = unpack(decoded(read('GET', memory)) or {})
  if claim ~= unanswered or type(ids) ~= 'table' then
    return
  end
  local refund = 0
  for _, id in ipairs(ids) do
    local head, request = load_record(id)
    if head and head[STATE] == 'sending' and head[CLAIM] == claim then
      end_call(id, head)
      settle_probe(id, head[LANE], 'not_called')
      give_parts_back(head)
      head[ATTEMPTS] = head[ATTEMPTS] - 1
      requeue(id, head, request, NOW)
      refund = refund + 1
    end
  end
  local budget = refund > 0 and read_budget()
  if budget then
    budget.tokens = math.min(budget.most, budget.tokens + refund)
    write_budget(budget)
  end
  write_books()
  open_changed_gates()
end

redis.call('ZREM', key('pumps'), pump)
if unanswered ~= '' then
  hand_back()
  -- Should the claim reach Redis only now, it is taken for one that is repeated, and gets no job.
  redis.call('SET', memory, cjson.encode({ unanswered, {}, 0, '' }), 'PX', LATE_MS)
else
  redis.call('DEL', memory)
end
if redis.call('GET', key('waiting')) == pump then
  redis.call('DEL', key('waiting'))
end
enroll_due_lanes()
local wanted = ARGV[2] == '1' or (ring_has_work() and call_is_near())
return wanted and ask_for_successor() or ''
