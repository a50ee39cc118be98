-- clock: puts right what a backward step of the server's clock leaves in the future: leases, pumps, gates and numbers
-- would stand still for as long as the step. What is due stays due at the time that was asked for.
local STEP_MS = 1000

local function move_back(index, by_ms)
  local members = redis.call('ZRANGE', key(index), 0, -1, 'WITHSCORES')
  for i = 1, #members, 2 do
    redis.call('ZADD', key(index), digits(tonumber(members[i + 1]) - by_ms), members[i])
  end
end

local function mend_after_step()
  local last = within(read('HGET', key('bucket'), 'looked_ms'), 0, 1e15) or 0
  write('HSET', key('bucket'), 'looked_ms', digits(NOW))
  local step = last - NOW
  if step < STEP_MS then
    return
  end
  move_back('leases', step)
  move_back('pumps', step)
  -- Only gates: a lane waits for a time that somebody chose.
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key('later'), NOW, '+inf', 'LIMIT', 0, 1000)) do
    if string.sub(member, 1, 1) == '@' then
      redis.call('ZADD', key('later'), digits(NOW), member)
    end
  end
  local numbers = redis.call('HGETALL', key('numbers'))
  for i = 1, #numbers, 2 do
    local parts = string.match(numbers[i + 1], '^%S+') or '0'
    redis.call('HSET', key('numbers'), numbers[i], string.format('%s %.3f', parts, EXACT_NOW_MS))
  end
end
