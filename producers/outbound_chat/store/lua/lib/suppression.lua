-- suppression: numbers that a sender must not contact: `suppressed:<sender>` (hash number -> `ms reason`).
local LISTED = 'the number is on the suppression list of the sender'
local lists = {}

-- Name of the sender's list; false: it has none, so that jobs without one cost a claim no look into their requests.
local function list_of(sender)
  if lists[sender] == nil then
    local name = key('suppressed:' .. sender)
    lists[sender] = redis.call('EXISTS', name) == 1 and name
  end
  return lists[sender]
end

-- The number of a stored request; nil when it can't be read, which the worker tells of.
local function number_of(request)
  local readable, body = pcall(cjson.decode, request)
  if not readable or type(body) ~= 'table' then
    return nil
  end
  local endpoint = body.DestinationEndpoint
  local number = body.to or type(endpoint) == 'table' and endpoint.Address
  return type(number) == 'string' and number or nil
end

local function is_suppressed(head, request)
  local _, sender = lane_parts(head[LANE])
  local list = list_of(sender)
  local number = list and number_of(request)
  return number and redis.call('HEXISTS', list, number) == 1
end

-- Ends a waiting job whose number is on the list.
local function suppress(id, head, request)
  local outcome = head[MAYBE_SENT] > 0 and 'uncertain'
  add_history(head, { NOW, outcome or 'failed', 'suppressed', '', LISTED, '' })
  conclude(id, head, request, 'waiting', 'failed')
end
