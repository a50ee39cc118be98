-- history: what a budget did in each minute of the last three days: `history` (string), a ring of SLOTS records. That
-- of a minute is at minute % SLOTS: the minute since 1970, then the counters accepted, calls, sent, failed, throttled
-- and expired as they were when the minute began. Each number is 8 hexadecimal digits, modulo 2^32, since clients read
-- replies as text.
local history = {}

history.SLOTS, history.WIDTH = 4320, 56

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
  local record = ''
  for _, number in ipairs({ minute, accepted or 0, calls, sent or 0, failed or 0, throttled, expired or 0 }) do
    record = record .. string.format('%08x', count_of(number) % 4294967296)
  end
  try('SETRANGE', key('history'), minute % history.SLOTS * history.WIDTH, record)
end

return history
