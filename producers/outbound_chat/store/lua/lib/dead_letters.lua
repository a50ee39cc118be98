-- dead_letters: how many failed and uncertain jobs there are; `dead` and `dead:<state>:<code>`, see `transitions`.
-- uses: retention
local dead_letters = {}

-- Return state, code, count of each pair of state and code.
function dead_letters.count()
  local found = {}
  -- The id of a record that has expired stays until the next job of its kind ends.
  local since_ms = digits(NOW - retention.record_ms())
  for _, name in ipairs(try('HKEYS', key('dead')) or {}) do
    local state, code = string.match(name, '^(%a+):(.*)$')
    local count = state and try('ZCOUNT', key('dead:' .. name), since_ms, '+inf') or 0
    if count > 0 then
      found[#found + 1], found[#found + 2], found[#found + 3] = state, code, count
    end
  end
  return found
end

return dead_letters
