-- gates: the rules besides the budget's rate that block due jobs: holds, calls at a time, open chats, parts a second.
-- `senders` (hash name -> JSON) has the limits of a sender; `holds` (hash `<owner>:<scope>` -> JSON) what is held;
-- `calls:<sender>` (zset id -> end of lease) the running calls of a sender with a limit; `chats:<instance>` (zset
-- contact -> assumed end) the open chats; `numbers` (hash number -> parts, at_ms) the buckets of the numbers.
-- uses: counts lanes
local gates = {}

local RETRY_MS = 1000
-- Owners that hold a scope without a probe: a person, or an order to cancel its jobs while that takes.
local PEOPLE = { 'person', 'cancel' }
local OWNERS = { 'person', 'cancel', 'system' }
local known_senders
-- Unreadable limits block all jobs until a worker has written them again, which `claim` asks for.
gates.CLOSED = { concurrency = 0 }

local function is_limits(limits)
  local function is(name, kind)
    return limits[name] == nil or type(limits[name]) == kind
  end
  for _, name in ipairs(is('peers', 'table') and limits.peers or {}) do
    if type(name) ~= 'string' then
      return false
    end
  end
  for _, cap in ipairs(is('per_recipient', 'table') and limits.per_recipient or {}) do
    if type(cap) ~= 'table' or not number_in(cap[1], 1, 1e6) or not number_in(cap[2], 1, 1e13) then
      return false
    end
  end
  return type(limits.instance) == 'string' and is('per_recipient', 'table') and is('other_forms', 'table')
    and (limits.per_recipient == nil or (limits.per_recipient[1] and type(limits.mark_form) == 'string'))
    and is('number', 'string') and is('peers', 'table')
    and is('concurrency', 'number') and is('max_chats', 'number') and (limits.peers or not limits.max_chats)
    and (limits.number_rate == nil or (number_in(limits.number_rate, 1e-9, 1e9) and limits.number))
end

local function limits_from(json)
  local limits = json_table(json)
  return limits and is_limits(limits) and limits or gates.CLOSED
end

before_each_call('gates', function()
  known_senders = {}
end)

function gates.limits_of(name)
  if not known_senders[name] then
    local kept = try('HGET', key('senders'), name)
    known_senders[name] = kept == false and {} or limits_from(kept)
  end
  return known_senders[name]
end

function gates.limits_of_lane(lane)
  local name = lanes.sender_of(lane)
  return gates.limits_of(name), name
end

-- Return the scopes below the budget whose hold stops this lane.
function gates.scopes_of(lane)
  local _, name, tenant, batch = lanes.parts(lane)
  local scopes, instance = { 'sender:' .. name }, gates.limits_of(name).instance
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

-- Whether a hold of the scope stops the lane. A worker with other settings may name a scope that the lane does not
-- have.
function gates.is_scope_of(lane, scope)
  for _, own in ipairs(gates.scopes_of(lane)) do
    if own == scope then
      return true
    end
  end
  return false
end

-- Return the hold; nil: there is none. An unreadable one still counts: a person's until it is released, one of the
-- system until a probe is sent.
function gates.read_hold(owner, scope)
  local kept = try('HGET', key('holds'), owner .. ':' .. scope)
  if kept == false then
    return nil
  end
  local hold = json_table(kept)
  local times = hold and (owner ~= 'system' or (number_in(hold.until_ms, 0, 1e15) and number_in(hold.wait_ms, 0, 1e15)))
  if times and type(hold.reason) == 'string' and number_in(hold.since_ms, 0, 1e15) then
    return hold
  end
  local system = owner == 'system'
  return { reason = 'this hold is unreadable in Redis', since_ms = NOW, code = system and 'unreadable' or nil,
    until_ms = system and NOW or nil, wait_ms = system and RETRY_MS or nil }
end

-- Return nil if another program wrote the key.
function gates.write_hold(owner, scope, hold)
  return try('HSET', key('holds'), owner .. ':' .. scope, cjson.encode(hold))
end

-- Return who holds the scope, people before the system, and the hold; nil: nobody does.
function gates.holder_of(scope)
  for _, owner in ipairs(OWNERS) do
    local hold = gates.read_hold(owner, scope)
    if hold then
      return owner, hold
    end
  end
end

-- Return the scope of the hold that stops the lane, and when a probe may be tried; or the scopes of all holds that are
-- due for a probe. One call probes all of them; else a hold that several senders share would allow one call of each.
function gates.hold_of(lane)
  if redis.call('EXISTS', key('holds')) == 0 then
    return nil
  end
  local scopes = gates.scopes_of(lane)
  for _, scope in ipairs(scopes) do
    for _, owner in ipairs(PEOPLE) do
      if try('HEXISTS', key('holds'), owner .. ':' .. scope) ~= 0 then
        return scope
      end
    end
  end
  local probes
  for _, scope in ipairs(scopes) do
    local hold = gates.read_hold('system', scope)
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
  local concurrency, leased = unpack(try('HMGET', key('b:' .. batch), 'concurrency', 'leased') or {})
  return tonumber(concurrency), (tonumber(leased) or 0) + counts.unwritten(batch, 'leased')
end

-- Return how many more chats the instance has room for, and when the next one ends. The next contact removes those that
-- have ended.
local function chats_left(limits)
  local chats, still_open = key('chats:' .. limits.instance), '(' .. digits(NOW)
  local left = limits.max_chats - redis.call('ZCOUNT', chats, still_open, '+inf')
  for _, name in ipairs(limits.peers) do
    left = left - calls_of(name)
  end
  local first = redis.call('ZRANGEBYSCORE', chats, still_open, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return left, tonumber(first[2])
end

function gates.number_parts(limits)
  local kept = try('HGET', key('numbers'), limits.number)
  local parts, at = string.match(kept or '', '^(%S+) (%S+)$')
  local most = math.max(1, limits.number_rate)
  local elapsed = math.max(0, EXACT_NOW_MS - (number_in(at, 0, 1e15) or 0))
  return math.min(most, (number_in(parts, -1e9, most) or most) + elapsed * limits.number_rate / 1000)
end

function gates.spend_parts(limits, parts)
  if limits.number_rate then
    local left = gates.number_parts(limits) - parts
    redis.call('HSET', key('numbers'), limits.number, string.format('%.6f %.3f', left, EXACT_NOW_MS))
  end
end

-- Return the gate of a lane: whether its due jobs may go, for `claim` and `why`. It writes nothing.
-- A closed gate has `scope`, `rule`, and `try_at`, when to try it again (nil: an event opens it).
-- An open one has `room`, how many jobs of the lane may go; `shared_room`, how many of all lanes that share the rules
-- of the sender, its instance and its number; and `probes`, the scopes of holds that the first job probes (nil: none).
function gates.of(lane)
  local held, try_at, probes = gates.hold_of(lane)
  if held then
    return { scope = held, rule = 'hold', try_at = try_at }
  end
  local room, own = probes and 1 or math.huge, math.huge
  local limits, name = gates.limits_of_lane(lane)
  local batch = lanes.batch_of(lane)
  if limits.concurrency then
    room = math.min(room, limits.concurrency - calls_of(name))
    if room < 1 then
      return { scope = 'sender:' .. name, rule = 'concurrency', try_at = NOW + RETRY_MS }
    end
  end
  if batch ~= '' then
    local most, running = batch_calls(batch)
    own = most and most - running or own
    if own < 1 then
      return { scope = 'batch:' .. batch, rule = 'concurrency', try_at = NOW + RETRY_MS }
    end
  end
  if limits.max_chats then
    local left, next_end = chats_left(limits)
    room = math.min(room, left)
    if room < 1 then
      return { scope = 'instance:' .. limits.instance, rule = 'chats', try_at = next_end or NOW + RETRY_MS }
    end
  end
  if limits.number_rate then
    local parts = gates.number_parts(limits)
    if parts < 1 - 1e-6 then
      return { scope = 'number:' .. limits.number, rule = 'number',
        try_at = NOW + (1 - parts) * 1000 / limits.number_rate }
    end
    -- The parts of a job are known only when it is taken, so a job may run into a debt for which the next ones wait.
    room, own = math.min(room, math.max(1, math.floor(parts))), 1
  end
  return { room = math.min(room, own), shared_room = room, probes = probes }
end

-- Return the gate for readers: its scope, or that of the first hold due for a probe; the rule; and when it is tried. ''
-- means that there is none.
function gates.describe(lane)
  local gate = gates.of(lane)
  local probe = gate.probes and gate.probes[1]
  return gate.scope or probe or '', gate.rule or probe and 'probe' or '', gate.try_at or ''
end

return gates
