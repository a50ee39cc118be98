-- ring: where a lane is. The ring is stride scheduling (Waldspurger & Weihl 1995): the lowest pass is served first.
-- https://en.wikipedia.org/wiki/Stride_scheduling
-- A lane with a due job is in the ring. While its next job lies ahead, it is in `delayed` (zset lane -> due ms). While
-- a rule allows its jobs no call, it is behind a gate. So a claim costs the same however many lanes wait.
-- The ring rotates over tenants, then over the lanes of a tenant: `ring:<priority>` (zset tenant -> pass) and
-- `ring:<priority>:<tenant>` (zset lane -> pass). Behind a gate, lanes keep their passes in a ring of that gate,
-- `blocked:<scope>:<priority>`; `blocked` (hash lane -> scope) names the gate. A member `@<scope>` of `delayed` gives
-- the time to try the gate again; a gate without one is opened by an event. `lanes:<tenant>` (set) has all lanes of a
-- tenant.
-- uses: lanes
local ring = {}

-- `pass`: the pass of the member in another ring; it may be a turn ahead or behind, no more. A new member is put just
-- under a turn behind the one whose turn it is: it goes before those that had theirs, so it waits for one turn of each,
-- and gains nothing by leaving and joining again.
local function join(name, member, pass)
  local first = tonumber(redis.call('ZRANGE', name, 0, 0, 'WITHSCORES')[2])
  if pass and first then
    pass = math.min(math.max(pass, first - 1), first + 1)
  end
  pass = pass or (first and first + 0.999 or 0)
  redis.call('ZADD', name, 'NX', string.format('%.3f', pass), member)
end

-- Take the lane out of a ring. Return the passes of its tenant and its own; nil: it was not there.
function ring.leave(name, lane)
  local tenant = lanes.tenant_of(lane)
  local own = name .. ':' .. tenant
  local tenants_pass, pass = redis.call('ZSCORE', name, tenant), redis.call('ZSCORE', own, lane)
  if pass then
    redis.call('ZREM', own, lane)
    if redis.call('EXISTS', own) == 0 then
      redis.call('ZREM', name, tenant)
    end
    return tonumber(tenants_pass), tonumber(pass)
  end
end

function ring.of(lane)
  return key('ring:' .. string.sub(lane, 1, 1))
end

function ring.of_gate(scope, lane)
  return key('blocked:' .. scope .. ':' .. string.sub(lane, 1, 1))
end

-- Put a lane behind a gate. `try_at`: when the gate may open by itself; nil: it does not.
function ring.block(lane, scope, try_at)
  local tenant = lanes.tenant_of(lane)
  local tenants_pass, pass = ring.leave(ring.of(lane), lane)
  local gate = ring.of_gate(scope, lane)
  redis.call('HSET', key('blocked'), lane, scope)
  redis.call('ZADD', gate, tenants_pass, tenant)
  redis.call('ZADD', gate .. ':' .. tenant, pass, lane)
  if try_at then
    redis.call('ZADD', key('delayed'), 'LT', digits(math.ceil(try_at)), '@' .. scope)
  end
end

-- Move a lane from behind its gate into the ring. The lanes of its tenant that stay there have had a turn.
function ring.unblock(lane, scope)
  local tenant = lanes.tenant_of(lane)
  local gate = ring.of_gate(scope, lane)
  local tenants_pass, pass = ring.leave(gate, lane)
  redis.call('HDEL', key('blocked'), lane)
  redis.call('ZADD', gate, 'XX', 'INCR', 1, tenant)
  join(ring.of(lane) .. ':' .. tenant, lane, pass)
  join(ring.of(lane), tenant, tenants_pass)
end

-- Put the lane where it belongs after its jobs changed. A gate keeps its lanes as long as they have jobs. Return
-- whether the lane is behind one, and whether it is known to have been in the ring. `known_due`: when its next job is
-- due, if the caller knows.
function ring.place(lane, known_due)
  local tenant, name = lanes.tenant_of(lane), ring.of(lane)
  local own = name .. ':' .. tenant
  -- Its tenant is there too, then; `reconcile` repairs it where somebody edited keys.
  if known_due and redis.call('ZSCORE', own, lane) then
    return false, true
  end
  local scope = redis.call('HGET', key('blocked'), lane)
  local due = known_due or lanes.next_due(lane)
  if tenant ~= '' then
    redis.call(due and 'SADD' or 'SREM', key('lanes:' .. tenant), lane)
  end
  if scope then
    if not due then
      ring.leave(ring.of_gate(scope, lane), lane)
      redis.call('HDEL', key('blocked'), lane)
    end
  elseif due and due <= NOW then
    -- If it is in the ring, it is there only where somebody edited keys; the wakers would look at it again and again.
    redis.call('ZREM', key('delayed'), lane)
    if known_due or not (redis.call('ZSCORE', own, lane) and redis.call('ZSCORE', name, tenant)) then
      join(own, lane)
      join(name, tenant)
    end
  else
    ring.leave(name, lane)
    if due then
      redis.call('ZADD', key('delayed'), digits(due), lane)
    else
      redis.call('ZREM', key('delayed'), lane)
    end
  end
  return scope ~= false
end

function ring.has_work()
  return redis.call('EXISTS', key('ring:1'), key('ring:2'), key('ring:3')) > 0
end

-- Return the lanes whose turn is next: of each priority up to 4 lanes of each of 8 tenants.
function ring.in_front()
  local found = {}
  for priority = 1, 3 do
    local name = key('ring:' .. priority)
    for _, tenant in ipairs(try('ZRANGE', name, 0, 7) or {}) do
      for _, lane in ipairs(try('ZRANGE', name .. ':' .. tenant, 0, 3) or {}) do
        found[#found + 1] = lane
      end
    end
  end
  return found
end

return ring
