-- read_scopes: reads whether a budget still has jobs or lists of senders or instances that moved to another budget.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV    1 for each scope: scope ('sender:<name>' or 'instance:<id>')
-- reply   2 for each scope: open, listed; open: 1 if jobs of it wait or are being called, or may be among those that
--         were not read; listed: numbers on the suppression lists of a sender
-- keeps   nothing is written; the cost does not grow with the number of lanes
-- uses: gates lanes records suppression_lists
local PAGES, PAGE, MOST_CALLS = 20, 500, 500
local open = {}

local function note(lane)
  for _, scope in ipairs(lanes.parts(lane) and gates.scopes_of(lane) or {}) do
    open[scope] = true
  end
end

-- Return whether all waiting lanes were seen.
local function look_at_lanes()
  local cursor = '0'
  for _ = 1, PAGES do
    local page = try('HSCAN', key('lanes'), cursor, 'COUNT', PAGE)
    if not page then
      return true
    end
    for i = 1, #page[2], 2 do
      note(page[2][i])
    end
    cursor = page[1]
    if cursor == '0' then
      return true
    end
  end
  return false
end

local function look_at_calls()
  local ids = try('ZRANGE', key('leases'), 0, MOST_CALLS - 1) or {}
  for _, id in ipairs(ids) do
    local head = records.load(id)
    if head then
      note(head[LANE])
    end
  end
  return #ids < MOST_CALLS
end

local function listed(scope)
  local sender = string.match(scope, '^sender:(.*)$')
  return sender and suppression_lists.count(sender) or 0
end

local lanes_seen, calls_seen = look_at_lanes(), look_at_calls()
local reply = {}
for _, scope in ipairs(ARGV) do
  reply[#reply + 1] = (open[scope] or not lanes_seen or not calls_seen) and 1 or 0
  reply[#reply + 1] = listed(scope)
end
return reply
