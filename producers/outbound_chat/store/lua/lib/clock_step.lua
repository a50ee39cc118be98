-- clock_step: repairs what a backward step of the server's clock leaves in the future. Leases, pumps, gates, numbers
-- and webhooks would wait as long as the step, and workers that ended would seem alive. Jobs stay due at the time that
-- was asked for; without one they are due at any time. For holds of the system see `holds.tidy`.
-- uses: recipients records
local clock_step = {}

local STEP_MS, MOST_MOVED = 1000, 500

-- Move members of the index back by so much whose time had not come when a waker last looked: earlier times were
-- written after the step.
local function move_back(index, by_ms, is_wanted, ...)
  local ahead = try('ZRANGEBYSCORE', key(index), NOW + by_ms, '+inf', 'WITHSCORES', ...) or {}
  for i = 1, #ahead, 2 do
    if not is_wanted or is_wanted(ahead[i]) then
      redis.call('ZADD', key(index), digits(tonumber(ahead[i + 1]) - by_ms), ahead[i])
    end
  end
end

-- A lease of a claim after the step ends when it should, and may be longer than the step.
local function is_claimed_ahead(id)
  local head = records.load(id)
  return not head or head[DUE] > NOW
end

-- Move the webhooks of a host back: nobody asked for the time at which they are due or their leases end.
local function move_webhooks_back(by_ms)
  for _, host in ipairs(try('ZRANGEBYSCORE', key('hooks'), NOW, '+inf', 'LIMIT', 0, MOST_MOVED) or {}) do
    move_back('hooks:' .. host, by_ms, nil, 'LIMIT', 0, MOST_MOVED)
    move_back('hooks_leased:' .. host, by_ms, nil, 'LIMIT', 0, MOST_MOVED)
    local until_ms = number_in(try('HGET', key('hook_host:' .. host), 'until_ms'), NOW, 1e15)
    if until_ms then
      redis.call('HSET', key('hook_host:' .. host), 'until_ms', digits(until_ms - by_ms))
    end
    redis.call('ZADD', key('hooks'), digits(NOW), host)
  end
end

-- Return when a waker last looked, by the clock as it was then; 0: never.
function clock_step.repair()
  local last = number_in(try('HGET', key('bucket'), 'looked_ms'), 0, 1e15) or 0
  try('HSET', key('bucket'), 'looked_ms', digits(NOW))
  local step = last - NOW
  if step < STEP_MS then
    return last
  end
  move_back('leases', step, is_claimed_ahead)
  move_back('pumps', step)
  for _, index in ipairs({ 'workers', 'skewed' }) do
    redis.call('ZREMRANGEBYSCORE', key(index), '(' .. digits(NOW), '+inf')
  end
  move_webhooks_back(step)
  recipients.look_again()
  -- Only gates: a lane waits for a time that somebody chose.
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key('delayed'), NOW, '+inf', 'LIMIT', 0, 1000)) do
    if string.sub(member, 1, 1) == '@' then
      redis.call('ZADD', key('delayed'), digits(NOW), member)
    end
  end
  local numbers = redis.call('HGETALL', key('numbers'))
  for i = 1, #numbers, 2 do
    local parts = string.match(numbers[i + 1], '^%S+') or '0'
    redis.call('HSET', key('numbers'), numbers[i], string.format('%s %.3f', parts, EXACT_NOW_MS))
  end
  return last
end

return clock_step
