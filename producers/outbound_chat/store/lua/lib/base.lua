-- base: what every script stands on. All keys of a budget begin with KEYS[1], `oc:{budget}:`, and so share a slot.
local BASE = KEYS[1]

local function key(name)
  return BASE .. name
end

-- The server's clock, in milliseconds with three decimals; a worker's clock is never asked.
local function clock_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000
end

local EXACT_NOW_MS = clock_ms()
local NOW = math.floor(EXACT_NOW_MS)

-- Numbers reach Redis as plain digits: Lua would write large ones as 1.7e+12.
local function digits(number)
  return string.format('%.0f', number)
end

-- Whether a person stopped the whole budget.
local function budget_is_held()
  return redis.call('HEXISTS', key('holds'), 'person:budget') == 1
end
