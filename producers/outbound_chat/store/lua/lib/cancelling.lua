-- cancelling: stops all waiting jobs of a batch or tenant, some with each script. An order to do so is kept in `holds`
-- as `cancel:<scope>` until it is done, so that none of them is called meanwhile and a waker can go on with it.
local SWEPT = 200

local function lanes_of_scope(scope)
  local kind, name = string.match(scope, '^(%a+):(.*)$')
  if kind == 'tenant' then
    return redis.call('SMEMBERS', key('lanes:' .. name))
  end
  local lane = read('HGET', key('b:' .. name), 'lane')
  return { lane and lane_parts(lane) and lane or nil }
end

local function cancel_lane(lane, most)
  local _, _, _, batch = lane_parts(lane)
  local ids = {}
  for _, part in ipairs(IN_ORDER) do
    local members = most > #ids and redis.call('ZRANGE', key(part .. lane), 0, most - #ids - 1) or {}
    if #members > 0 then
      count_in_lane(lane, -redis.call('ZREM', key(part .. lane), unpack(members)))
    end
    for _, member in ipairs(members) do
      ids[#ids + 1] = id_of(batch, member)
    end
  end
  for _, id in ipairs(ids) do
    local head, request = load_record(id)
    if head then
      conclude(id, head, request, 'waiting', 'cancelled')
    else
      set_aside(id, batch, 'waiting')
    end
  end
  enroll(lane)
  return #ids
end

-- Cancels up to SWEPT waiting jobs of the scope, and ends the order with the last; how many, and whether it was the last.
local function sweep(scope)
  local swept = 0
  for _, lane in ipairs(lanes_of_scope(scope)) do
    swept = swept + cancel_lane(lane, SWEPT - swept)
    if swept >= SWEPT then
      return swept, false
    end
  end
  redis.pcall('HDEL', key('holds'), 'cancel:' .. scope)
  return swept, true
end

-- One sweep of an order whose giver did not see it through; whether there is one.
local function sweep_on()
  for _, name in ipairs(read('HKEYS', key('holds')) or {}) do
    local scope = string.match(name, '^cancel:(.*)$')
    if scope then
      sweep(scope)
      return true
    end
  end
  return false
end
