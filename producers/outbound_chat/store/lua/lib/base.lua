-- base: what every script uses. All keys of a budget begin with KEYS[1], `oc:{budget}:`, and so share a slot.
-- (KEYS[2] is never used: `Keys.declared` says why there are two.)
local BASE
-- The server's time in milliseconds, and the same with three decimals. The clock of a worker is never used.
local NOW, EXACT_NOW_MS

-- A library is loaded once and serves many calls, so it must reset the state of one call before the next.
local starts = {}
local function before_each_call(library, start)
  starts[library] = start
end

local function key(name)
  return BASE .. name
end

-- `own_starts`: those of the libraries that the script uses; all by default.
local function begin_call(KEYS, own_starts)
  BASE = KEYS[1]
  local t = redis.call('TIME')
  EXACT_NOW_MS = t[1] * 1000 + t[2] / 1000
  NOW = math.floor(EXACT_NOW_MS)
  for _, start in (own_starts and ipairs or pairs)(own_starts or starts) do
    start()
  end
end

-- Format a number as plain digits for Redis: Lua would write large ones as 1.7e+12.
local function digits(number)
  -- For a float, C would take twice the time.
  return string.format('%d', number % 1 == 0 and number or math.floor(number + 0.5))
end

-- What servers answer when a key has another type or content than ours: another program wrote it.
local NOT_OURS = { 'WRONGTYPE', 'not an integer', 'would overflow', 'equal or smaller than the target stream',
  'INVALIDOBJ' }

-- Run a command and return its answer (false for nothing), or nil if another program wrote its key; a write has then
-- changed nothing. Every other error is raised.
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) ~= 'table' or not answer.err then
    return answer
  end
  for _, words in ipairs(NOT_OURS) do
    if string.find(answer.err, words, 1, true) then
      return nil
    end
  end
  error(answer.err)
end

-- Return the table in the JSON, or nil if there is no valid one.
local function json_table(json)
  local readable, value = pcall(cjson.decode, json or '')
  return readable and type(value) == 'table' and value or nil
end

-- Return the number in a text or reply if it lies within the bounds (NaN and infinity do not), else nil.
local function number_in(value, least, most)
  local number = tonumber(value)
  return number and number >= least and number <= most and number or nil
end

-- Whether a person holds the whole budget. Unreadable holds stop it too, since one of them may do so.
local function budget_is_held()
  return try('HEXISTS', key('holds'), 'person:budget') ~= 0
end

-- Whether the hold is of a batch that no longer exists. When a batch becomes final, its hold ends with it.
local function is_lost_hold(name)
  local batch = string.match(name, '^%a+:batch:(.*)$')
  return batch and redis.call('EXISTS', key('b:' .. batch)) == 0
end
