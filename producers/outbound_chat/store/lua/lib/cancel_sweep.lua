-- cancel_sweep: cancels all waiting jobs of a batch, tenant or sender, some with each script. The order is kept in
-- `holds` as `cancel:<scope>` until it is done, so that none of the jobs is called meanwhile and a waker can continue.
-- uses: gates lanes records ring transitions
local cancel_sweep = {}

local SWEPT = 200

-- Return lanes of a sender among one page of all lanes, and where the next page begins; false: this is the last. The
-- order has the place of its page.
local function lanes_of_sender(scope, name)
  local order = gates.read_hold('cancel', scope) or {}
  local page = try('HSCAN', key('lanes'), order.cursor or '0', 'COUNT', SWEPT) or { '0', {} }
  local found = {}
  for i = 1, #page[2], 2 do
    if lanes.sender_of(page[2][i]) == name then
      found[#found + 1] = page[2][i]
    end
  end
  return found, page[1] ~= '0' and page[1]
end

-- Return lanes of the scope, and whether there are more. A tenant may have many lanes, so this returns a random part of
-- them, to bound the cost. Each has a job, or is removed when it is read.
local function lanes_of_scope(scope)
  local kind, name = string.match(scope, '^(%a+):(.*)$')
  if kind == 'sender' then
    return lanes_of_sender(scope, name)
  end
  if kind == 'tenant' then
    local some = redis.call('SRANDMEMBER', key('lanes:' .. name), SWEPT + 1)
    return some, #some > SWEPT
  end
  local lane = try('HGET', key('b:' .. name), 'lane')
  return { lane and lanes.parts(lane) and lane or nil }, false
end

-- End up to `most` jobs. Return how many ended, and how many a newer version wrote, which are left to its wakers.
local function cancel_lane(lane, most)
  local batch = lanes.batch_of(lane)
  local ended, left = 0, 0
  for _, part in ipairs(lanes.PARTS) do
    local members = most > ended + left and redis.call('ZRANGE', key(part .. lane), 0, most - ended - left - 1) or {}
    for _, member in ipairs(members) do
      local id = lanes.id_of(batch, member, part)
      local head, request = records.load(id)
      if not head and request == 'newer' then
        left = left + 1
      else
        lanes.count(lane, -redis.call('ZREM', key(part .. lane), member))
        ended = ended + 1
      end
      if head then
        transitions.finalize(id, head, request, 'waiting', 'cancelled')
      elseif request ~= 'newer' then
        transitions.quarantine(id, batch, 'waiting')
      end
    end
  end
  ring.place(lane)
  return ended, left
end

-- Cancel up to SWEPT waiting jobs of the scope. Return how many, and whether this version can cancel no more. The order
-- ends with the last job. If jobs of a newer version are left, the order stays and keeps them from being called until
-- the wakers of that version end them.
function cancel_sweep.start(scope)
  local swept, left = 0, 0
  local some, more = lanes_of_scope(scope)
  for _, lane in ipairs(some) do
    local ended, newer = cancel_lane(lane, SWEPT - swept)
    swept, left = swept + ended, left + newer
    if swept + left >= SWEPT then
      return swept, swept == 0
    end
  end
  if left == 0 and not more then
    try('HDEL', key('holds'), 'cancel:' .. scope)
  elseif type(more) == 'string' then
    gates.write_hold('cancel', scope, { reason = 'being cancelled', since_ms = NOW, cursor = more })
  end
  return swept, not more
end

-- Continue one order that its giver did not finish. Return whether there is more to do.
function cancel_sweep.go_on()
  for _, name in ipairs(try('HKEYS', key('holds')) or {}) do
    local scope = string.match(name, '^cancel:(.*)$')
    local swept, last = 0, true
    if scope then
      swept, last = cancel_sweep.start(scope)
    end
    if swept > 0 or not last then
      return true
    end
  end
  return false
end

return cancel_sweep
