-- bucket: the budget's token bucket, one for all workers, by the server's clock: `bucket` (hash tokens, at_ms).
local function read_bucket(rate, burst)
  local kept = redis.call('HMGET', key('bucket'), 'tokens', 'at_ms')
  local tokens, at = tonumber(kept[1] or burst), tonumber(kept[2] or EXACT_NOW_MS)
  if at > EXACT_NOW_MS then
    -- The clock stepped back: nothing is added, and counting goes on from now, also where nothing is taken.
    redis.call('HSET', key('bucket'), 'at_ms', string.format('%.3f', EXACT_NOW_MS))
    at = EXACT_NOW_MS
  end
  return math.min(burst, tokens + (EXACT_NOW_MS - at) * rate / 1000)
end

local function write_bucket(tokens)
  redis.call('HSET', key('bucket'), 'tokens', string.format('%.6f', tokens), 'at_ms', string.format('%.3f', EXACT_NOW_MS))
end

-- milliseconds until one token is there; 0: it is there
local function until_token(tokens, rate)
  -- A sum of many small refills may end a hair below 1; without the allowance a pump would ask again at once.
  return tokens >= 1 - 1e-6 and 0 or math.ceil((1 - tokens) * 1000 / rate)
end

-- rate and burst of the budget; nil while no worker has written them
local function read_allowance()
  local kept = redis.call('HMGET', key('settings'), 'rate', 'burst', 'max_pumps')
  return tonumber(kept[1]), tonumber(kept[2]), tonumber(kept[3])
end

-- Whether a call may go out within a second: only then is a pump worth its place.
local function call_is_near()
  local rate, burst = read_allowance()
  return rate and not budget_is_held() and until_token(read_bucket(rate, burst), rate) <= 1000
end
