-- history: what a budget did in each minute of the last three days: `history` (list), the newest first. A record is the
-- minute since 1970, then the counters accepted, calls, sent, failed, throttled and expired as they were when it began.
local history = {}

-- Three days, and the minute in which they began.
local MOST = 4321

local function count_of(value)
  return number_in(value, 0, 1e15) or 0
end

-- Write the record of this minute, unless a waker has looked in it before: at `looked_ms`.
function history.note(looked_ms)
  local minute = math.floor(NOW / 60000)
  if math.floor(looked_ms / 60000) == minute then
    return
  end
  local accepted, sent, failed, expired = unpack(
    try('HMGET', key('counts'), 'accepted', 'sent', 'failed', 'expired') or {})
  local calls, throttled, others = count_of(sent), 0, try('HGETALL', key('calls')) or {}
  for i = 1, #others, 2 do
    calls = calls + count_of(others[i + 1])
    throttled = throttled + (string.find(others[i], ':throttled$') and count_of(others[i + 1]) or 0)
  end
  local record = digits(minute)
  for _, number in ipairs({ accepted or 0, calls, sent or 0, failed or 0, throttled, expired or 0 }) do
    record = record .. ' ' .. digits(count_of(number))
  end
  if try('LPUSH', key('history'), record) then
    redis.call('LTRIM', key('history'), 0, MOST - 1)
  end
end

return history
