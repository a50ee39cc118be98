-- key_holders: knows which keys encrypt requests, and which of them workers have: `openers` (zset "worker key" -> seen
-- ms). It knows only the names of keys: encrypted text begins with `encrypted:<key>:`.
-- uses: workers
local key_holders = {}

local openers

before_each_call('key_holders', function()
  openers = nil
end)

-- Return a key that the job needs and no live worker has, for its own request or for what the rows of its batch share;
-- '': there is none, or no worker runs at all.
function key_holders.lacking_key(batch, request)
  local shared = batch ~= '' and try('HGET', key('b:' .. batch), 'shared') or ''
  for _, text in ipairs({ request, shared }) do
    local name = string.match(text, '^encrypted:([^:]*):')
    openers = openers or name and workers.key_names()
    if name and not openers[name] then
      return workers.count() > 0 and name or ''
    end
  end
  return ''
end

return key_holders
