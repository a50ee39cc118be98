-- calling: what a call holds while it runs: its lease, its place among the sender's calls, its parts of the number's
-- pace, and, once it led to a contact, a chat on the instance.
local CALLS_KEPT_MS = 86400000
-- No chat lasts longer than 7 days.
-- https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html
local CHATS_KEPT_MS = 8 * 86400000

-- Scopes whose gates may have opened.
local changed = {}

local function open_changed_gates()
  if redis.call('EXISTS', key('kept')) == 1 then
    for scope in pairs(changed) do
      open_gate(scope)
    end
    signal_opened()
  end
end

local function counts_calls(limits)
  return limits.concurrency or limits.max_chats
end

local function begin_call(id, head, lease_ms)
  redis.call('ZADD', key('leases'), digits(NOW + lease_ms), id)
  local limits, name = limits_of_lane(head[LANE])
  if counts_calls(limits) then
    redis.call('ZADD', key('calls:' .. name), digits(NOW + lease_ms), id)
    redis.call('PEXPIRE', key('calls:' .. name), digits(CALLS_KEPT_MS))
  end
  spend_parts(limits, head[PARTS])
end

local function renew_call(id, head, lease_ms)
  redis.call('ZADD', key('leases'), 'XX', digits(NOW + lease_ms), id)
  local limits, name = limits_of_lane(head[LANE])
  if counts_calls(limits) then
    redis.call('ZADD', key('calls:' .. name), 'XX', digits(NOW + lease_ms), id)
  end
end

local function end_call(id, head)
  redis.call('ZREM', key('leases'), id)
  local limits, name = limits_of_lane(head[LANE])
  if counts_calls(limits) then
    redis.call('ZREM', key('calls:' .. name), id)
  end
  for _, scope in ipairs(scopes_of(head[LANE])) do
    changed[scope] = true
  end
end

-- The parts of a call that was not made: the number may let another go at once.
local function give_parts_back(head)
  local limits = limits_of_lane(head[LANE])
  spend_parts(limits, -head[PARTS])
  if limits.number_rate then
    changed['number:' .. limits.number] = true
  end
end

-- The chat of a new contact, for as long as it is assumed to live.
local function open_chat(head, contact, chat_ms)
  local limits = limits_of_lane(head[LANE])
  if limits.max_chats and chat_ms > 0 then
    local chats = key('chats:' .. limits.instance)
    redis.call('ZREMRANGEBYSCORE', chats, '-inf', NOW)
    redis.call('ZADD', chats, digits(NOW + chat_ms), contact)
    redis.call('PEXPIRE', chats, digits(CHATS_KEPT_MS))
  end
end
