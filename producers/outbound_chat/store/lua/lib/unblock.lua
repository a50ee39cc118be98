-- unblock: moves lanes from behind a gate into the ring, and handles what time has made due.
-- uses: gates ring
local unblock = {}

-- How many tenants an opening gate serves in each round, per priority: it may have room for only one job.
local OPENING = 10
-- How many lanes that time has made due one script handles.
local DUE_LANES = 100

local function try_later(scope, at)
  redis.call('ZADD', key('delayed'), digits(math.ceil(at)), '@' .. scope)
end

-- Move a lane out of its gate. Return how many jobs the rules that it shares with others have room for; nil:
-- the gate is still closed.
local function leave_gate(lane, scope)
  local gate = gates.of(lane)
  if gate.scope == scope then
    if gate.try_at then
      try_later(scope, gate.try_at)
    end
    return nil
  end
  ring.unblock(lane, scope)
  if gate.scope then
    ring.block(lane, gate.scope, gate.try_at)
  else
    ring.place(lane)
  end
  return gate.shared_room or math.huge
end

-- Move lanes out of an open gate, lowest passes first: one of each tenant in turn, while there is room and
-- fewer than `most` are out. Return false if it is still closed.
local function open_first(scope, priority, most)
  local gate, moved = key('blocked:' .. scope .. ':' .. priority), 0
  repeat
    local tenants = redis.call('ZRANGE', gate, 0, OPENING - 1)
    for _, tenant in ipairs(tenants) do
      local lane = redis.call('ZRANGE', gate .. ':' .. tenant, 0, 0)[1]
      local room = lane and leave_gate(lane, scope)
      if not lane then
        -- Somebody deleted the tenant's part; `reconcile` finds its lanes.
        redis.call('ZREM', gate, tenant)
      elseif not room then
        return false
      else
        moved, most = moved + 1, math.min(most, room)
      end
    end
  until #tenants == 0 or moved >= most
  return true
end

-- Try a gate after something changed: the rest of its lanes follow with the next scripts. `most`: how many lanes are
-- useful now, since a claim that wants hundreds of jobs may need as many; nil: those of one round.
function unblock.open_gate(scope, most)
  redis.call('ZREM', key('delayed'), '@' .. scope)
  local rest = false
  for priority = 1, 3 do
    if not open_first(scope, priority, most or 1) then
      return
    end
    rest = rest or redis.call('EXISTS', key('blocked:' .. scope .. ':' .. priority)) == 1
  end
  if rest then
    try_later(scope, NOW)
  end
end

-- Handle what time alone has made due. `most`: as in `open_gate`.
function unblock.place_due_lanes(most)
  local limit = math.max(DUE_LANES, most or 1)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key('delayed'), '-inf', NOW, 'LIMIT', 0, limit)) do
    if string.sub(member, 1, 1) == '@' then
      unblock.open_gate(string.sub(member, 2), most)
    else
      ring.place(member)
    end
  end
end

return unblock
