-- opening: lets lanes out from behind a gate, and brings in what time has made due.

-- Lanes that one opening brings back, of each priority: it may have room for one job only.
local OPENING = 10

local function try_later(scope, at)
  redis.call('ZADD', key('later'), digits(math.ceil(at)), '@' .. scope)
end

-- Lets a lane out from behind its gate; false: that is still closed.
local function let_out(lane, scope)
  local closed, try_at = gate_of(lane)
  if closed == scope then
    if try_at then
      try_later(scope, try_at)
    end
    return false
  end
  bring_back(lane, scope)
  if closed then
    keep_back(lane, closed, try_at)
  else
    enroll(lane)
  end
  return true
end

-- Lets lanes out whose gate has opened, those with the lowest passes first; false: it is still closed.
local function open_first(scope, priority)
  local ring = key('kept:' .. scope .. ':' .. priority)
  for _, tenant in ipairs(redis.call('ZRANGE', ring, 0, OPENING - 1)) do
    local lane = redis.call('ZRANGE', ring .. ':' .. tenant, 0, 0)[1]
    if not lane then
      -- Somebody deleted the tenant's part; `reconcile` finds its lanes.
      redis.call('ZREM', ring, tenant)
    elseif not let_out(lane, scope) then
      return false
    end
  end
  return true
end

-- Tries a gate after something changed: the rest of its lanes follow with the next scripts.
local function open_gate(scope)
  redis.call('ZREM', key('later'), '@' .. scope)
  local rest = false
  for priority = 1, 3 do
    if not open_first(scope, priority) then
      return
    end
    rest = rest or redis.call('EXISTS', key('kept:' .. scope .. ':' .. priority)) == 1
  end
  if rest then
    try_later(scope, NOW)
  end
end

-- Brings in what time alone has made due.
local function enroll_due_lanes()
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key('later'), '-inf', NOW, 'LIMIT', 0, 100)) do
    if string.sub(member, 1, 1) == '@' then
      open_gate(string.sub(member, 2))
    else
      enroll(member)
    end
  end
end
