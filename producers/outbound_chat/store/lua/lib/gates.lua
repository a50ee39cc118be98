-- gates: the rules below the budget that keep due jobs back: holds, calls at a time, open chats, parts a second.
-- `senders` (hash name -> JSON) has the limits of a sender; `holds` (hash `<owner>:<scope>` -> JSON) who is stopped;
-- `calls:<sender>` (zset id -> end of lease) the calls that run, kept of senders with a limit; `chats:<instance>` (zset
-- contact -> assumed end) its open chats; `numbers` (hash number -> parts, at_ms) the buckets of the numbers.
local RETRY_MS = 1000
-- Who stops a scope without a probe: a person, or an order to cancel its jobs for as long as that takes.
local PEOPLE = { 'person', 'cancel' }
local OWNERS = { 'person', 'cancel', 'system' }
local known_senders = {}
-- Limits that can't be read let nothing out, until a worker has written them again: `claim` asks for it.
local CLOSED = { concurrency = 0 }

local function is_limits(limits)
  local function is(name, kind)
    return limits[name] == nil or type(limits[name]) == kind
  end
  for _, name in ipairs(is('peers', 'table') and limits.peers or {}) do
    if type(name) ~= 'string' then
      return false
    end
  end
  return type(limits.instance) == 'string' and is('number', 'string') and is('peers', 'table')
    and is('concurrency', 'number') and is('max_chats', 'number') and (limits.peers or not limits.max_chats)
    and (limits.number_rate == nil or (within(limits.number_rate, 1e-9, 1e9) and limits.number))
end

local function limits_from(json)
  local limits = decoded(json)
  return limits and is_limits(limits) and limits or CLOSED
end

local function limits_of(name)
  if not known_senders[name] then
    local kept = read('HGET', key('senders'), name)
    known_senders[name] = kept == false and {} or limits_from(kept)
  end
  return known_senders[name]
end

local function limits_of_lane(lane)
  local _, name = lane_parts(lane)
  return limits_of(name), name
end

-- Scopes below the budget that a hold of this lane may have.
local function scopes_of(lane)
  local _, name, tenant, batch = lane_parts(lane)
  local scopes, instance = { 'sender:' .. name }, limits_of(name).instance
  if instance then
    scopes[#scopes + 1] = 'instance:' .. instance
  end
  if tenant ~= '' then
    scopes[#scopes + 1] = 'tenant:' .. tenant
  end
  if batch ~= '' then
    scopes[#scopes + 1] = 'batch:' .. batch
  end
  return scopes
end

-- Whether a hold of the scope keeps the lane back. A worker with other settings may name one that it does not have.
local function is_scope_of(lane, scope)
  for _, own in ipairs(scopes_of(lane)) do
    if own == scope then
      return true
    end
  end
  return false
end

-- A hold; nil: there is none. One that can't be read stays one: a person's until it is released, that of the system
-- until a probe is sent.
local function read_hold(owner, scope)
  local kept = read('HGET', key('holds'), owner .. ':' .. scope)
  if kept == false then
    return nil
  end
  local hold = decoded(kept)
  local times = hold and (owner ~= 'system' or (within(hold.until_ms, 0, 1e15) and within(hold.wait_ms, 0, 1e15)))
  if times and type(hold.reason) == 'string' and within(hold.since_ms, 0, 1e15) then
    return hold
  end
  local system = owner == 'system'
  local reason = 'what Redis keeps of this hold can\'t be read'
  return { reason = reason, since_ms = NOW, code = system and 'unreadable' or nil,
    until_ms = system and NOW or nil, wait_ms = system and RETRY_MS or nil }
end

-- nil: another program wrote the key over.
local function write_hold(owner, scope, hold)
  return write('HSET', key('holds'), owner .. ':' .. scope, cjson.encode(hold))
end

-- Who holds the scope, people before the system, and the hold; nil: nobody does.
local function holder_of(scope)
  for _, owner in ipairs(OWNERS) do
    local hold = read_hold(owner, scope)
    if hold then
      return owner, hold
    end
  end
end

-- The hold that stops the lane: its scope, and when a probe may be tried; or the scopes of all holds that a probe is
-- due for: one call is the probe of each, or a hold that several senders share would let one call of each sender out.
local function hold_of(lane)
  if redis.call('EXISTS', key('holds')) == 0 then
    return nil
  end
  local scopes = scopes_of(lane)
  for _, scope in ipairs(scopes) do
    for _, owner in ipairs(PEOPLE) do
      if read('HEXISTS', key('holds'), owner .. ':' .. scope) ~= 0 then
        return scope
      end
    end
  end
  local probes
  for _, scope in ipairs(scopes) do
    local hold = read_hold('system', scope)
    if hold and hold.until_ms > NOW then
      return scope, hold.until_ms
    elseif hold and hold.probe and redis.call('ZSCORE', key('leases'), hold.probe) then
      return scope, NOW + RETRY_MS
    end
    if hold then
      probes = probes or {}
      probes[#probes + 1] = scope
    end
  end
  return nil, nil, probes
end

local function calls_of(name)
  return redis.call('ZCOUNT', key('calls:' .. name), NOW, '+inf')
end

local function batch_calls(batch)
  local pending = moves[batch] and moves[batch].leased or 0
  local kept = read('HMGET', key('b:' .. batch), 'concurrency', 'leased') or {}
  return tonumber(kept[1]), (tonumber(kept[2]) or 0) + pending
end

-- How many more chats the instance has room for, and when the next one ends. Those that ended go with the next contact.
local function chats_left(limits)
  local chats, still_open = key('chats:' .. limits.instance), '(' .. digits(NOW)
  local left = limits.max_chats - redis.call('ZCOUNT', chats, still_open, '+inf')
  for _, name in ipairs(limits.peers) do
    left = left - calls_of(name)
  end
  local first = redis.call('ZRANGEBYSCORE', chats, still_open, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return left, tonumber(first[2])
end

local function number_parts(limits)
  local kept = read('HGET', key('numbers'), limits.number)
  local parts, at = string.match(kept or '', '^(%S+) (%S+)$')
  local most = math.max(1, limits.number_rate)
  local elapsed = math.max(0, EXACT_NOW_MS - (within(at, 0, 1e15) or 0))
  return math.min(most, (within(parts, -1e9, most) or most) + elapsed * limits.number_rate / 1000)
end

local function spend_parts(limits, parts)
  if limits.number_rate then
    local left = number_parts(limits) - parts
    redis.call('HSET', key('numbers'), limits.number, string.format('%.6f %.3f', left, EXACT_NOW_MS))
  end
end

-- What keeps the lane's due jobs back, for `claim` and for those who ask why; writes nothing. Scope of the gate, when
-- to try it again (nil: an event opens it), and the rule.
-- No scope: they may go, at most so many of them (fourth), the first as the probe of holds (fifth); and at most so many
-- (sixth) of all lanes that share the rules of the sender, its instance and its number.
local function gate_of(lane)
  local held, try_at, probes = hold_of(lane)
  if held then
    return held, try_at, 'hold'
  end
  local room, own = probes and 1 or math.huge, math.huge
  local limits, name = limits_of_lane(lane)
  local _, _, _, batch = lane_parts(lane)
  if limits.concurrency then
    room = math.min(room, limits.concurrency - calls_of(name))
    if room < 1 then
      return 'sender:' .. name, NOW + RETRY_MS, 'concurrency'
    end
  end
  if batch ~= '' then
    local most, running = batch_calls(batch)
    own = most and most - running or own
    if own < 1 then
      return 'batch:' .. batch, NOW + RETRY_MS, 'concurrency'
    end
  end
  if limits.max_chats then
    local left, next_end = chats_left(limits)
    room = math.min(room, left)
    if room < 1 then
      return 'instance:' .. limits.instance, next_end or NOW + RETRY_MS, 'chats'
    end
  end
  if limits.number_rate then
    local parts = number_parts(limits)
    if parts < 1 - 1e-6 then
      return 'number:' .. limits.number, NOW + (1 - parts) * 1000 / limits.number_rate, 'number'
    end
    -- How many parts the next job has is seen only when it is taken: seven go into a debt that the next ones wait for.
    room, own = math.min(room, math.max(1, math.floor(parts))), 1
  end
  return nil, nil, nil, math.min(room, own), probes, room
end
