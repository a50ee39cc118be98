-- tend: the waker's look after a budget: lost leases, expired jobs, due work that has no pump.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] worker: who looks
-- ARGV[2] version: version of the budget's settings that this worker was started with
-- reply   {bring, next_ms, lost, expired, configured}; bring: nonce with which the caller is to bring a pump, '': none;
--         next_ms: time to the next due job, lease or expiry, -1: none; lost, expired: how many leases and jobs ended;
--         configured: 0 when nobody wrote the budget's settings, without which nothing is sent
-- keeps   requests of final jobs go in time; a lost lease makes its job `maybe_sent`; every job expires, held or not
-- uses: base record lanes places events books gates opening wake calling final forgetting cancelling clock bucket
local MOST = 100
local WORKER_MS = 10000
local SOON_MS = 1000
local SWEEP_AGAIN_MS = 20

redis.call('ZADD', key('workers'), digits(NOW), ARGV[1] .. ' ' .. ARGV[2])
redis.call('ZREMRANGEBYSCORE', key('workers'), '-inf', NOW - WORKER_MS)
redis.call('PEXPIRE', key('workers'), WORKER_MS)

local function lose_leases()
  local ids = redis.call('ZRANGEBYSCORE', key('leases'), '-inf', NOW, 'LIMIT', 0, MOST)
  for _, id in ipairs(ids) do
    local head, request = load_record(id)
    if not head then
      redis.call('ZREM', key('leases'), id)
      set_aside(id, batch_in_id(id), 'leased')
    else
      end_call(id, head)
    end
    if head and head[STATE] == 'sending' then
      if head[MAYBE_SENT] == 0 then
        head[MAYBE_SENT] = head[DUE]
      end
      add_history(head, { head[DUE], 'retry', 'lease_lost', '', '', '' })
      requeue(id, head, request, NOW)
    end
  end
  return #ids
end

local function expire_jobs()
  local ids = redis.call('ZRANGEBYSCORE', key('expiry'), '-inf', NOW, 'LIMIT', 0, MOST)
  local ended = 0
  for _, id in ipairs(ids) do
    local head, request = load_record(id)
    if head and head[STATE] == 'queued' then
      ended = ended + 1
      take_from_lane(id, head[LANE])
      enroll(head[LANE])
      conclude(id, head, request, 'waiting', 'expired')
    elseif head and head[STATE] == 'sending' then
      redis.call('ZADD', key('expiry'), digits(NOW + SOON_MS), id)
    else
      redis.call('ZREM', key('expiry'), id)
    end
  end
  return ended
end

local function next_event()
  local soonest = -1
  for _, name in ipairs({ 'later', 'leases', 'expiry' }) do
    local first = redis.call('ZRANGE', key(name), 0, 0, 'WITHSCORES')
    if first[2] then
      local ms = math.max(0, tonumber(first[2]) - NOW)
      soonest = soonest < 0 and ms or math.min(soonest, ms)
    end
  end
  return soonest
end

local function lacks_pump()
  return ring_has_work() and live_pumps() == 0 and call_is_near()
end

mend_after_step()
local lost, expired = lose_leases(), expire_jobs()
local forgetting, sweeping = forget_requests(), sweep_on()
write_books()
open_changed_gates()
enroll_due_lanes()
return { lacks_pump() and ask_for_pump() or '', (sweeping or forgetting) and SWEEP_AGAIN_MS or next_event(), lost, expired, redis.call('EXISTS', key('settings')) }
