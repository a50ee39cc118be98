-- base: what every script stands on. All keys of a budget begin with KEYS[1], `oc:{budget}:`, and so share a slot.
-- (KEYS[2] is never used: `Keys.declared` says why there are two.)
local BASE
-- The server's clock, in milliseconds, and the same with three decimals; a worker's clock is never asked.
local NOW, EXACT_NOW_MS

-- Libraries are loaded once and serve many calls: what one keeps of a call it begins again with the next.
local starts = {}
local function before_each_call(start)
  starts[#starts + 1] = start
end

local function key(name)
  return BASE .. name
end

local function begin_call(KEYS)
  BASE = KEYS[1]
  local t = redis.call('TIME')
  EXACT_NOW_MS = tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000
  NOW = math.floor(EXACT_NOW_MS)
  for _, start in ipairs(starts) do
    start()
  end
end

-- Numbers reach Redis as plain digits: Lua would write large ones as 1.7e+12.
local function digits(number)
  return string.format('%.0f', number)
end

-- What servers say where a key, or what it holds, is not what we left there: another program wrote it.
local NOT_OURS = { 'WRONGTYPE', 'not an integer', 'would overflow', 'equal or smaller than the target stream' }

-- What a command answers, false for nothing; nil where what it is for is not ours. A writing command has then changed
-- nothing. Every other error is raised.
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

-- A table from JSON; nil where it is none.
local function json_table(json)
  local readable, value = pcall(cjson.decode, json or '')
  return readable and type(value) == 'table' and value or nil
end

-- The number in a text or reply, if it lies within these bounds, as neither NaN nor infinity does; else nil.
local function number_in(value, least, most)
  local number = tonumber(value)
  return number and number >= least and number <= most and number or nil
end

-- Whether a person stopped the whole budget. Holds that can't be read stop it too: one may be among them.
local function budget_is_held()
  return try('HEXISTS', key('holds'), 'person:budget') ~= 0
end

-- Whether a hold is of a batch that is forgotten; of one that became final it ended with the batch.
local function is_lost_hold(name)
  local batch = string.match(name, '^%a+:batch:(.*)$')
  return batch and redis.call('EXISTS', key('b:' .. batch)) == 0
end
