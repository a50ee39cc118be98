-- wake: brings a pump to the work. Two lists of at most one element, both with a lifetime: `poke` is read by the pump
-- that registered itself in `waiting`, `wake` by the wakers. `pumps` (zset pump -> alive until ms) tells who works;
-- `asked` stands while a pump is on its way.
local POKE_MS, WAKE_MS, ASKED_MS, MORE_MS, ALIVE_MS, PUMPS_MS = 5000, 60000, 2000, 250, 3000, 60000

local function live_pumps()
  return redis.call('ZCOUNT', key('pumps'), NOW, '+inf')
end

local function pump_is_alive(pump, for_ms)
  redis.call('ZADD', key('pumps'), digits(NOW + for_ms + ALIVE_MS), pump)
  redis.call('ZREMRANGEBYSCORE', key('pumps'), '-inf', NOW)
  redis.call('PEXPIRE', key('pumps'), PUMPS_MS)
end

-- true: the caller must bring a new pump; false: one is on its way already
local function ask_for_pump()
  return redis.call('SET', key('asked'), 1, 'NX', 'PX', ASKED_MS) and true or false
end

-- The same for a pump beside others, up to the most there may be. Asked again soon: a process that has a pump lets the
-- message go by, and the next may take it; nor may such a message stand in the way of one that is needed.
local function ask_for_one_more(max_pumps)
  return live_pumps() < max_pumps and redis.call('SET', key('asked'), 1, 'NX', 'PX', MORE_MS) and true or false
end

-- The same for the successor of the last pump: needed, whatever was asked for before.
local function ask_for_successor()
  if live_pumps() > 0 then
    return false
  end
  redis.call('SET', key('asked'), 1, 'PX', ASKED_MS)
  return true
end

local function signal_once(list, lifetime_ms)
  redis.call('LPUSH', list, 1)
  redis.call('LTRIM', list, 0, 0)
  redis.call('PEXPIRE', list, lifetime_ms)
end

-- There is new work: poke the waiting pump, else have the wakers bring one. A busy pump finds the work by itself.
local function signal_work()
  if budget_is_held() then
    return
  end
  if redis.call('DEL', key('waiting')) == 1 then
    signal_once(key('poke'), POKE_MS)
  elseif live_pumps() == 0 and ask_for_pump() then
    signal_once(key('wake'), WAKE_MS)
  end
end
