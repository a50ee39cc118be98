-- cancelling: stops all waiting jobs of a batch or tenant, some with each script. An order to do so is kept in `holds`
-- as `cancel:<scope>` until it is done, so that none of them is called meanwhile and a waker can go on with it.
local SWEPT = 200

-- Lanes of the scope, and whether there are more: of a tenant with many some, since each has a job or goes when it is
-- looked at, and a sweep must cost the same however many there are.
local function lanes_of_scope(scope)
  local kind, name = string.match(scope, '^(%a+):(.*)$')
  if kind == 'tenant' then
    local lanes = redis.call('SRANDMEMBER', key('lanes:' .. name), SWEPT + 1)
    return lanes, #lanes > SWEPT
  end
  local lane = read('HGET', key('b:' .. name), 'lane')
  return { lane and lane_parts(lane) and lane or nil }, false
end

-- Ends up to `most` jobs; how many it ended, and how many a newer version wrote, which are left to its wakers.
local function cancel_lane(lane, most)
  local _, _, _, batch = lane_parts(lane)
  local ended, left = 0, 0
  for _, part in ipairs(PARTS_OF_LANE) do
    local members = most > ended + left and redis.call('ZRANGE', key(part .. lane), 0, most - ended - left - 1) or {}
    for _, member in ipairs(members) do
      local id = id_of(batch, member, part)
      local head, request = load_record(id)
      if not head and request == 'newer' then
        left = left + 1
      else
        count_in_lane(lane, -redis.call('ZREM', key(part .. lane), member))
        ended = ended + 1
      end
      if head then
        conclude(id, head, request, 'waiting', 'cancelled')
      elseif request ~= 'newer' then
        set_aside(id, batch, 'waiting')
      end
    end
  end
  enroll(lane)
  return ended, left
end

-- Cancels up to SWEPT waiting jobs of the scope; how many, and whether there are no more for this version. The order
-- ends with the last job; with some of a newer version it stands, and keeps them from being called, until its wakers end
-- it.
local function sweep(scope)
  local swept, left = 0, 0
  local lanes, more = lanes_of_scope(scope)
  for _, lane in ipairs(lanes) do
    local ended, newer = cancel_lane(lane, SWEPT - swept)
    swept, left = swept + ended, left + newer
    if swept + left >= SWEPT then
      return swept, swept == 0
    end
  end
  if left == 0 and not more then
    write('HDEL', key('holds'), 'cancel:' .. scope)
  end
  return swept, not more
end

-- One sweep of an order whose giver did not see it through; whether there is more to do.
local function sweep_on()
  for _, name in ipairs(read('HKEYS', key('holds')) or {}) do
    local scope = string.match(name, '^cancel:(.*)$')
    local swept, last = 0, true
    if scope then
      swept, last = sweep(scope)
    end
    if swept > 0 or not last then
      return true
    end
  end
  return false
end
