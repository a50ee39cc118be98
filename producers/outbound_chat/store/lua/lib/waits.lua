-- waits: how long jobs had been due when they were claimed: `waits` (hash). `<priority>:<seconds>` counts those that
-- had been due at most so long, and longer than the bound before; `<priority>:ms` is the sum.
local waits = {}

local PRIORITIES = { ['1'] = 'urgent:', ['2'] = 'normal:', ['3'] = 'bulk:' }
local BOUNDS = { 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 21600 }
-- Field -> by how much this call of the script has changed it.
local changes

before_each_call('waits', function()
  changes = {}
end)

function waits.note(lane, due_ms)
  local priority, ms, i = PRIORITIES[string.sub(lane, 1, 1)], math.max(0, NOW - due_ms), 1
  while BOUNDS[i] and ms > BOUNDS[i] * 1000 do
    i = i + 1
  end
  for field, by in pairs({ [priority .. (BOUNDS[i] or '+Inf')] = 1, [priority .. 'ms'] = ms }) do
    changes[field] = (changes[field] or 0) + by
  end
end

function waits.write()
  for field, by in pairs(changes) do
    try('HINCRBY', key('waits'), field, digits(by))
  end
end

return waits
