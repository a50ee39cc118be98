-- read_lanes: reads the lanes with the most waiting jobs, and what stops each.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] count: how many at most (1 to 50)
-- reply   {now_ms, lanes, looked, budget_hold, then 8 for each: lane, waiting, due, next_due_ms, rule, scope, until_ms,
--         stop}; lanes: how many there are; looked: how many of them were read; budget_hold: JSON of a person's hold,
--         '' for none; rule, scope, until_ms: of the gate as `gates.describe` says, '' for none; stop: JSON of owner,
--         scope, code and reason of the hold that is the gate, '' for none
-- keeps   nothing is written; of more than 500 lanes, those whose turn is next and a random sample are read, so that
--         the cost does not grow with the number of lanes
-- uses: gates lanes ring
local MOST_LOOKED = 500
local waiting, looked = {}, {}

local function look(lane, jobs)
  local held = number_in(jobs, 1, 1e9)
  if held and not waiting[lane] and lanes.parts(lane) then
    waiting[lane], looked[#looked + 1] = held, lane
  end
end

local all = try('HLEN', key('lanes')) or 0
local some = all <= MOST_LOOKED and try('HGETALL', key('lanes'))
  or try('HRANDFIELD', key('lanes'), MOST_LOOKED, 'WITHVALUES') or {}
for i = 1, #some, 2 do
  look(some[i], some[i + 1])
end
if all > MOST_LOOKED then
  for _, lane in ipairs(ring.in_front()) do
    look(lane, try('HGET', key('lanes'), lane))
  end
end
table.sort(looked, function(a, b)
  return waiting[a] > waiting[b] or (waiting[a] == waiting[b] and a < b)
end)

local function stop_json(scope)
  local owner, hold = gates.holder_of(scope)
  return owner and cjson.encode({ owner, scope, hold.code or '', hold.reason }) or ''
end

local reply = { NOW, all, #looked, try('HGET', key('holds'), 'person:budget') or '' }
for i = 1, math.min(#looked, tonumber(ARGV[1])) do
  local lane = looked[i]
  local due, next_at = lanes.count_due(lane), lanes.next_due(lane)
  local scope, rule, until_ms = gates.describe(lane)
  local row = { lane, waiting[lane], due, next_at and digits(next_at) or '', rule, scope,
    until_ms ~= '' and digits(until_ms) or '', (rule == 'hold' or rule == 'probe') and stop_json(scope) or '' }
  for _, value in ipairs(row) do
    reply[#reply + 1] = value
  end
end
return reply
