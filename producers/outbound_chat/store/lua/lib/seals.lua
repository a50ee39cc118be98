-- seals: with which keys requests are encrypted, and which of them workers have: `openers` (zset "worker key" -> seen ms).
-- Only the names of keys are known here: what is encrypted begins with `sealed:<key>:`.
local openers

local function live_openers()
  local found = {}
  for _, member in ipairs(read('ZRANGE', key('openers'), NOW - WORKER_MS, '+inf', 'BYSCORE') or {}) do
    found[string.match(member, '%S*$')] = true
  end
  return found
end

-- A key that the job needs and no live worker has, for its own request or for what the rows of its batch share; '': none,
-- or no worker runs at all.
local function lacking_key(batch, request)
  local shared = batch ~= '' and read('HGET', key('b:' .. batch), 'shared') or ''
  for _, text in ipairs({ request, shared }) do
    local name = string.match(text, '^sealed:([^:]*):')
    openers = openers or name and live_openers()
    if name and not openers[name] then
      return (read('ZCOUNT', key('workers'), NOW - WORKER_MS, '+inf') or 0) > 0 and name or ''
    end
  end
  return ''
end
