-- maintain: does what time alone makes due in a budget, for a waker. It is long, since one call finds all of it.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] worker: its name
-- ARGV[2] version: version of the budget's settings that this worker was started with
-- ARGV[3] skew_ms: by how much the clock of its machine is ahead, if that is too much for it to work; 0: it is right
-- ARGV[4] posts: 1 if it posts webhooks, so that it may start a courier
-- ARGV[5] keys: names of the encryption keys that it has, separated by spaces; '': none
-- reply   {wakeup, next_ms, lost, expired, configured, now_ms, courier, action}; wakeup: nonce with which the caller
--         must start a pump, '': none; next_ms: time to the next due job, lease or expiry, -1: none; lost, expired: how
--         many leases and jobs ended; configured: 0 if the budget has no readable settings: without them nothing is
--         sent; courier: 1 if the caller must start a courier; action: 1 if it may go on with a bulk action
-- keeps   what a newer version wrote stays as it is; requests of final jobs are removed in time; a lost lease makes its
--         job `maybe_sent`; every job expires, held or not
-- uses: attempts cancel_sweep clock_step counts history holds listing paging pump_requests purge recipients records
-- uses: ring token_bucket transitions unblock webhook_delivery webhooks workers
local SOON_MS = 1000
local SWEEP_AGAIN_MS = 20

local function lose_lease(id)
  local head, request = records.load(id)
  if not head and request == 'newer' then
    return request
  elseif not head then
    redis.call('ZREM', key('leases'), id)
    transitions.quarantine(id, records.batch_in_id(id), 'leased')
    return
  end
  attempts.finish(id, head)
  if head[STATE] == 'sending' then
    if head[MAYBE_SENT] == 0 then
      head[MAYBE_SENT] = head[DUE]
    end
    recipients.settle(id, head, request, true)
    records.add_history(head, { head[DUE], 'retry', 'lease_lost', '', '', '' })
    transitions.requeue(id, head, request, NOW)
  end
end

local expired = 0

local function expire(id)
  local head, request = records.load(id)
  if head and head[STATE] == 'queued' then
    expired = expired + 1
    transitions.end_waiting(id, head, request, 'expired')
  elseif head and head[STATE] == 'sending' then
    redis.call('ZADD', key('expiry'), digits(NOW + SOON_MS), id)
  elseif head or request ~= 'newer' then
    redis.call('ZREM', key('expiry'), id)
  else
    return request
  end
end

-- Jobs that are left to newer versions are no reason to check again at once.
local function next_event(left)
  local soonest = -1
  for _, name in ipairs({ 'delayed', 'leases', 'expiry' }) do
    local first = redis.call('ZRANGE', key(name), 0, 0, 'WITHSCORES')
    if first[2] then
      local ms = math.max(0, tonumber(first[2]) - NOW)
      soonest = soonest < 0 and ms or math.min(soonest, ms)
    end
  end
  return left and math.max(soonest, SOON_MS) or soonest
end

local function lacks_pump()
  return ring.has_work() and pump_requests.live_pumps() == 0 and token_bucket.call_is_near()
end

workers.note_alive(ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[5])
local looked_ms = clock_step.repair()
local lost, leases_left = paging.each_due('leases', lose_lease)
local _, expiries_left = paging.each_due('expiry', expire)
local forgetting, sweeping, hurrying = purge.requests(), cancel_sweep.go_on(), recipients.sweep()
holds.tidy()
listing.forget_gone()
counts.write()
history.note(looked_ms)
attempts.open_changed_gates()
unblock.place_due_lanes()
local next_ms = (sweeping or forgetting or hurrying) and SWEEP_AGAIN_MS or next_event(leases_left or expiries_left)
return { lacks_pump() and pump_requests.ask_for_pump() or '', next_ms, lost, expired, token_bucket.load() and 1 or 0,
  NOW, webhook_delivery.lacks_courier() and ARGV[4] == '1' and webhooks.ask_for_courier() and 1 or 0,
  number_in(try('HGET', key('actions'), 'due_ms'), 0, NOW) and 1 or 0 }
