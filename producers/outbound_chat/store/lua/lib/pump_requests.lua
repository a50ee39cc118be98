-- pump_requests: gets a pump to the work. Two lists hold at most one element and expire: the pump that registered
-- itself in `waiting` reads `poke`, the wakers read `wake`. `pumps` (zset pump -> alive until ms) says who works.
-- `pump_asked` exists while a pump is on its way and holds the nonce of the request. The message that starts the pump
-- carries the nonce, so that of many messages that waited in a busy broker one starts a pump and the others end at
-- once.
-- uses: ring
local pump_requests = {}

local POKE_MS, WAKE_MS, ALIVE_MS, PUMPS_MS = 5000, 60000, 3000, 60000
-- Time until a request without an answer is repeated: at first, and at most. It doubles each time: `requests` (hash)
-- counts requests by kind since a pump came, and keeps the time of that in `answered_us`.
pump_requests.ASKED_MS = 2000
local MOST_ASKED_MS, MORE_MS, MOST_MORE_MS, REQUESTS_MS = 30000, 250, 8000, 600000

-- Return the time of the call in µs, as nonces contain it.
local function now_us()
  return digits(EXACT_NOW_MS * 1000)
end

function pump_requests.live_pumps()
  return redis.call('ZCOUNT', key('pumps'), NOW, '+inf')
end

function pump_requests.keep_alive(pump, for_ms)
  redis.call('ZADD', key('pumps'), digits(NOW + for_ms + ALIVE_MS), pump)
  redis.call('ZREMRANGEBYSCORE', key('pumps'), '-inf', NOW)
  redis.call('PEXPIRE', key('pumps'), PUMPS_MS)
end

local function ask(kind, first_ms, most_ms)
  local unanswered = redis.call('HINCRBY', key('requests'), kind, 1)
  redis.call('PEXPIRE', key('requests'), REQUESTS_MS)
  local nonce = kind .. now_us()
  redis.call('SET', key('pump_asked'), nonce, 'PX', digits(math.min(most_ms, first_ms * 2 ^ (unanswered - 1))))
  return nonce
end

-- Whether a pump was asked for because none works.
local function is_on_its_way()
  local nonce = redis.call('GET', key('pump_asked'))
  return nonce and not string.find(nonce, '^more')
end

-- Return the nonce with which the caller must start a new pump; '': one is on its way. A request for one more pump does
-- not count: processes that have a pump ignore its message.
function pump_requests.ask_for_pump()
  return is_on_its_way() and '' or ask('needed', pump_requests.ASKED_MS, MOST_ASKED_MS)
end

-- The same for a pump beside others, up to the most there may be. It is soon repeated: a process that has a pump
-- ignores the message, and the next process may take it.
function pump_requests.ask_for_one_more(max_pumps)
  if pump_requests.live_pumps() >= max_pumps or redis.call('EXISTS', key('pump_asked')) == 1 then
    return ''
  end
  return ask('more', MORE_MS, MOST_MORE_MS)
end

-- The same for the successor of the last pump: it is needed, whatever was asked for before.
function pump_requests.ask_for_successor()
  return pump_requests.live_pumps() > 0 and '' or ask('needed', pump_requests.ASKED_MS, MOST_ASKED_MS)
end

-- Whether the pump with this nonce is to work: it is the one that was asked for, or no pump works and none has come
-- since. A pump that works already repeats its first claim, since it got no answer.
function pump_requests.is_wanted(pump, nonce)
  if redis.call('ZSCORE', key('pumps'), pump) then
    return true
  end
  if redis.call('GET', key('pump_asked')) ~= nonce then
    local asked_us = tonumber(string.match(nonce, '%d+$') or math.huge)
    local answered_us = tonumber(redis.call('HGET', key('requests'), 'answered_us') or 0)
    if pump_requests.live_pumps() > 0 or asked_us <= answered_us then
      return false
    end
  end
  redis.call('DEL', key('pump_asked'), key('requests'))
  redis.call('HSET', key('requests'), 'answered_us', now_us())
  redis.call('PEXPIRE', key('requests'), REQUESTS_MS)
  return true
end

local function signal_once(list, word, lifetime_ms)
  redis.call('LPUSH', list, word)
  redis.call('LTRIM', list, 0, 0)
  redis.call('PEXPIRE', list, lifetime_ms)
end

-- Announce new work: wake the waiting pump, else let the wakers start one. A busy pump finds the work by itself.
-- `beside_other`: other due jobs were there already. A pump was asked for when they came, and the wakers look for one
-- each second, so only a waiting pump is looked for.
function pump_requests.signal_work(beside_other)
  -- Mostly pumps are busy or one is on its way, so this is found out first.
  if redis.call('EXISTS', key('waiting')) == 1 then
    if not budget_is_held() then
      redis.call('DEL', key('waiting'))
      signal_once(key('poke'), 1, POKE_MS)
    end
  elseif not beside_other and pump_requests.live_pumps() == 0 and not is_on_its_way() and not budget_is_held() then
    signal_once(key('wake'), pump_requests.ask_for_pump(), WAKE_MS)
  end
end

-- The same after a gate was opened: a pump that was told to wait for it would sleep on.
function pump_requests.signal_opened()
  if ring.has_work() then
    pump_requests.signal_work()
  end
end

return pump_requests
