-- mending: puts jobs and lanes back where they belong, and notes what can only be told: `faults` (hash `kind:of` ->
-- number). A count that is off is told once, and again when it grows. What was put right is counted in `books`.
local MOST_TOLD, MOST_FAULTS = 5, 100
-- Of these a walk over all jobs names which they are.
local WALKS = { leases = true, lanes = true, lane = true }
local found, mends, walk_anew = {}, 0, false

local function tell(word, kind, of, number)
  add_event(word, of, '', kind)
  found[#found + 1], found[#found + 2], found[#found + 3], found[#found + 4] = word, kind, of, digits(number)
end

local function mended(kind, of)
  mends = mends + 1
  if mends <= MOST_TOLD then
    tell('mended', kind, of, 1)
  end
end

-- Notes what is off, or is no more. Jobs that are missing somewhere are looked for.
local function check(kind, of)
  local name, now = kind .. ':' .. of, difference(kind, of)
  local known = tonumber(redis.call('HGET', key('faults'), name) or 0)
  if now == known then
    return
  elseif now == 0 then
    redis.call('HDEL', key('faults'), name)
    tell('cleared', kind, of, 0)
  elseif known ~= 0 or redis.call('HLEN', key('faults')) < MOST_FAULTS then
    redis.call('HSET', key('faults'), name, digits(now))
    if math.abs(now) > math.abs(known) then
      tell('fault', kind, of, now)
      walk_anew = walk_anew or (now > 0 and WALKS[kind])
    end
  end
end

local function check_again()
  for _, name in ipairs(redis.call('HKEYS', key('faults'))) do
    check(string.match(name, '^(%l+):(.*)$'))
  end
end

-- Back to the place that its record tells.
local function give_place(id, head)
  local part, member, score = place_of(id, head)
  -- Past `put_in_lane`: the lane's count has it still.
  redis.call('ZADD', key(part .. head[LANE]), digits(score), member)
  enroll(head[LANE])
end

-- A lease as if it were claimed now: a worker that still calls the job renews it, and of one that died it runs out.
local function give_lease(id, head, lease_ms)
  local limits, name = limits_of_lane(head[LANE])
  redis.call('ZADD', key('leases'), digits(NOW + lease_ms), id)
  if counts_calls(limits) then
    redis.call('ZADD', key('calls:' .. name), digits(NOW + lease_ms), id)
    redis.call('PEXPIRE', key('calls:' .. name), digits(CALLS_KEPT_MS))
  end
end

local function mend_job(id, kind, lease_ms)
  local head = load_record(id)
  if kind == 'ended' then
    redis.call('ZREM', key('expiry'), id)
  elseif not head then
    return check('job', id)
  elseif kind == 'no_place' then
    give_place(id, head)
  else
    give_lease(id, head, lease_ms)
  end
  mended(kind, id)
end

-- Takes a lane out from behind a gate whose rings lack a part.
local function leave_gate(lane, scope)
  local _, _, tenant = lane_parts(lane)
  local ring = gate_ring(scope, lane)
  redis.call('HDEL', key('kept'), lane)
  leave_ring(ring, lane)
  if redis.call('EXISTS', ring .. ':' .. tenant) == 0 then
    redis.call('ZREM', ring, tenant)
  end
end

local function mend_lane(lane, kind)
  local scope = redis.call('HGET', key('kept'), lane)
  if kind == 'gate' then
    open_gate(scope)
  else
    if scope then
      leave_gate(lane, scope)
    end
    enroll(lane)
  end
  mended(kind, lane)
end

-- A tenant whose lanes were deleted would stop the ring when its turn comes.
local function mend_rings()
  for priority = 1, 3 do
    local ring = key('ring:' .. priority)
    local first = redis.call('ZRANGE', ring, 0, 0)[1]
    if first and redis.call('EXISTS', ring .. ':' .. first) == 0 then
      redis.call('ZREM', ring, first)
      mended('no_lanes', first)
    end
  end
end

-- Running calls without a lease, which would take the place of others.
local function mend_calls()
  for _, name in ipairs(redis.call('HRANDFIELD', key('senders'), 5)) do
    for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', key('calls:' .. name), '+inf', NOW, 'LIMIT', 0, 50)) do
      local state = not redis.call('ZSCORE', key('leases'), id) and peek(id, redis.call('GET', key('j:' .. id)))
      if state ~= false and state ~= 'sending' and state ~= 'newer' then
        redis.call('ZREM', key('calls:' .. name), id)
        for _, scope in ipairs({ 'sender:' .. name, 'instance:' .. (limits_of(name).instance or '') }) do
          changed[scope] = true
        end
        mended('call', id)
      end
    end
  end
end

-- A lane that holds more than was counted lost its count: nothing is missing.
local function count_anew(lane, jobs)
  redis.call('HSET', key('lanes'), lane, jobs)
  mended('count', lane)
end
