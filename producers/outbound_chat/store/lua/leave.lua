-- leave: signs a pump off, and says whether another must take its place.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] pump: who leaves
-- ARGV[2] warm: 1 when a job came in a moment ago, so that the next would find nobody
-- ARGV[3] unanswered: the pump's last claim, if it got no answer to it; '': it got one
-- reply   nonce with which the caller is to bring a successor; '': none is needed
-- keeps   due work has a pump, or one that was asked for; jobs that the pump never heard of wait again, as if they had
--         not been claimed
-- uses: base record lanes books final bucket wake
local pump, unanswered = ARGV[1], ARGV[3]
local memory = key('claims:' .. pump)
local LATE_MS = 60000

local function hand_back()
  local known = redis.call('GET', memory)
  local claim, ids = unpack(known and cjson.decode(known) or {})
  if claim ~= unanswered then
    return
  end
  local refund = 0
  for _, id in ipairs(ids) do
    local head, request = load_record(id)
    if head and head[STATE] == 'sending' and head[CLAIM] == claim then
      redis.call('ZREM', key('leases'), id)
      head[ATTEMPTS] = head[ATTEMPTS] - 1
      requeue(id, head, request, NOW)
      refund = refund + 1
    end
  end
  local rate, burst = read_allowance()
  if rate and refund > 0 then
    write_bucket(math.min(burst, read_bucket(rate, burst) + refund))
  end
  write_books()
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
local wanted = ARGV[2] == '1' or (ring_has_work() and token_is_near())
return wanted and ask_for_successor() or ''
