-- attempts: what a call takes while it runs: its lease, its slot among the sender's calls, and its parts of the
-- number's rate. Once it has led to a contact, it also takes a chat of the instance.
-- uses: gates pump_requests unblock
local attempts = {}

local CALLS_KEPT_MS = 86400000
-- No chat lasts longer than 7 days.
-- https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
local CHATS_KEPT_MS = 8 * 86400000

-- Scopes whose gates may have opened during this call of the script.
local changed

before_each_call('attempts', function()
  changed = {}
end)

-- Note a change that may open the gate of the scope.
function attempts.note_change(scope)
  changed[scope] = true
end

function attempts.open_changed_gates()
  if redis.call('EXISTS', key('blocked')) == 1 then
    for scope in pairs(changed) do
      unblock.open_gate(scope)
    end
    pump_requests.signal_opened()
  end
end

local function are_counted(limits)
  return limits.concurrency or limits.max_chats
end

-- Give the job a lease and a slot. Return the limits of its sender.
function attempts.lease(id, head, lease_ms)
  redis.call('ZADD', key('leases'), digits(NOW + lease_ms), id)
  local limits, name = gates.limits_of_lane(head[LANE])
  if are_counted(limits) then
    redis.call('ZADD', key('calls:' .. name), digits(NOW + lease_ms), id)
    redis.call('PEXPIRE', key('calls:' .. name), digits(CALLS_KEPT_MS))
  end
  return limits
end

function attempts.start(id, head, lease_ms)
  gates.spend_parts(attempts.lease(id, head, lease_ms), head[PARTS])
end

function attempts.renew(id, head, lease_ms)
  redis.call('ZADD', key('leases'), 'XX', digits(NOW + lease_ms), id)
  local limits, name = gates.limits_of_lane(head[LANE])
  if are_counted(limits) then
    redis.call('ZADD', key('calls:' .. name), 'XX', digits(NOW + lease_ms), id)
  end
end

function attempts.finish(id, head)
  redis.call('ZREM', key('leases'), id)
  local limits, name = gates.limits_of_lane(head[LANE])
  if are_counted(limits) then
    redis.call('ZREM', key('calls:' .. name), id)
  end
  for _, scope in ipairs(gates.scopes_of(head[LANE])) do
    changed[scope] = true
  end
end

-- Give back the parts of a call that was not made, so that the number may send another at once.
function attempts.return_parts(head)
  local limits = gates.limits_of_lane(head[LANE])
  gates.spend_parts(limits, -head[PARTS])
  if limits.number_rate then
    changed['number:' .. limits.number] = true
  end
end

-- Count a chat until it is assumed to end, unless that is over. Return whether it did not count before.
function attempts.open_until(chats, contact, until_ms)
  try('ZREMRANGEBYSCORE', chats, '-inf', NOW)
  local added = until_ms > NOW and try('ZADD', chats, 'NX', digits(until_ms), contact) == 1
  redis.call('PEXPIRE', chats, digits(CHATS_KEPT_MS))
  return added
end

-- Count the chat of a new contact for as long as it is assumed to live.
function attempts.open_chat(head, contact, chat_ms)
  local limits = gates.limits_of_lane(head[LANE])
  if limits.max_chats and chat_ms > 0 then
    attempts.open_until(key('chats:' .. limits.instance), contact, NOW + chat_ms)
  end
end

return attempts
