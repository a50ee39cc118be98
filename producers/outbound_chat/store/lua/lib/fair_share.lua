-- fair_share: decides whose jobs go next. Shares follow stride scheduling (Waldspurger & Weihl 1995); `ring` keeps the
-- passes.
-- https://en.wikipedia.org/wiki/Stride_scheduling
-- Urgent goes before normal before bulk, but every tenth job is one of the lower two, in alternation, so that neither
-- starves. Inside a priority, tenants take turns, then the lanes of a tenant. A weight of 3 gets three times as many
-- jobs as a weight of 1: `weights` (hash tenant -> weight), and `weight` in the record of a batch.
-- uses: lanes ring
local fair_share = {}

fair_share.SHARE = 10
local ORDERS = { urgent = { 1, 2, 3 }, bulk = { 3, 2, 1 }, normal = { 2, 3, 1 } }

-- Return the order of priorities after so many jobs, and for how many jobs it stays.
function fair_share.order_after(served)
  local left = fair_share.SHARE - 1 - served % fair_share.SHARE
  local tenth = served % (2 * fair_share.SHARE) < fair_share.SHARE and ORDERS.bulk or ORDERS.normal
  return left > 0 and ORDERS.urgent or tenth, left
end

-- Return the lane whose turn it is after so many jobs, and how many jobs it may give before the turn passes on.
function fair_share.next_turn(most, served)
  local order, left = fair_share.order_after(served)
  for _, priority in ipairs(order) do
    local name = key('ring:' .. priority)
    local tenants = redis.call('ZRANGE', name, 0, 1)
    if tenants[1] then
      local own = redis.call('ZRANGE', name .. ':' .. tenants[1], 0, 1)
      return own[1], (tenants[2] or own[2]) and 1 or math.min(most, math.max(1, left))
    end
  end
end

function fair_share.charge(lane, by)
  local _, _, tenant, batch = lanes.parts(lane)
  local weight = number_in(try('HGET', key('weights'), tenant), 0.01, 100) or 1
  local own = batch ~= '' and number_in(try('HGET', key('b:' .. batch), 'weight'), 0.01, 100) or 1
  redis.call('ZINCRBY', ring.of(lane), by / weight, tenant)
  redis.call('ZINCRBY', ring.of(lane) .. ':' .. tenant, by / own, lane)
  ring.place(lane)
end

return fair_share
