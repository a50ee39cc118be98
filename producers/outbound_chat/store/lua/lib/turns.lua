-- turns: whose jobs go next. Urgent goes before normal before bulk, but of ten jobs the tenth is of the lower ones, by
-- turns, so that none starves. Inside a priority, tenants take turns, then a tenant's lanes; one with weight 3 gets
-- three times as many jobs as one with 1: `weights` (hash tenant -> weight), and `weight` of a batch's book.
local SHARE = 10
local ORDERS = { urgent = { 1, 2, 3 }, bulk = { 3, 2, 1 }, normal = { 2, 3, 1 } }

-- In which order priorities have their turn after so many jobs, and how many jobs it stays so.
local function order_after(served)
  local left = SHARE - 1 - served % SHARE
  return left > 0 and ORDERS.urgent or (served % (2 * SHARE) < SHARE and ORDERS.bulk or ORDERS.normal), left
end

-- The lane whose turn it is after so many jobs, and how many jobs it may give before the turn passes on.
local function next_turn(most, served)
  local order, left = order_after(served)
  for _, priority in ipairs(order) do
    local ring = key('ring:' .. priority)
    local tenants = redis.call('ZRANGE', ring, 0, 1)
    if tenants[1] then
      local lanes = redis.call('ZRANGE', ring .. ':' .. tenants[1], 0, 1)
      return lanes[1], (tenants[2] or lanes[2]) and 1 or math.min(most, math.max(1, left))
    end
  end
end

local function pass_turn(lane, by)
  local _, _, tenant, batch = lane_parts(lane)
  local weight = within(read('HGET', key('weights'), tenant), 0.01, 100) or 1
  local own = batch ~= '' and within(read('HGET', key('b:' .. batch), 'weight'), 0.01, 100) or 1
  redis.call('ZINCRBY', ring_of(lane), by / weight, tenant)
  redis.call('ZINCRBY', ring_of(lane) .. ':' .. tenant, by / own, lane)
  enroll(lane)
end
