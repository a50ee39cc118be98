-- instance_chats: what is known of the open chats of an instance: `chats:<instance>` (zset contact -> assumed end),
-- `lifetimes:<instance>` (list of seconds, the newest first) of chats whose end was reported, and when the last event
-- came, in `contact_events` (hash).
local instance_chats = {}

-- Chats that end early are reported first, so a few lifetimes say too little.
local FEWEST, MOST = 20, 200
-- While chats are open, events come at least once in this time and in this many mean lifetimes.
local SILENCE_MS, SILENT_LIFETIMES = 3600000, 3

function instance_chats.open(instance)
  return try('ZCOUNT', key('chats:' .. instance), '(' .. digits(NOW), '+inf') or 0
end

-- Return when the last event of the instance came, or another time that is noted beside it; 0: never.
function instance_chats.time_of(what, instance)
  return number_in(try('HGET', key('contact_events'), what .. ':' .. instance), 0, 1e15) or 0
end

-- Return how many seconds its chats lasted on average; nil: too few, or no events come now.
function instance_chats.lasted(instance)
  local sum, seen = 0, 0
  for _, seconds in ipairs(try('LRANGE', key('lifetimes:' .. instance), 0, MOST - 1) or {}) do
    local lasted = number_in(seconds, 0, 1e6)
    sum, seen = sum + (lasted or 0), seen + (lasted and 1 or 0)
  end
  if seen < FEWEST then
    return nil
  end
  local mean, silent_ms = sum / seen, NOW - instance_chats.time_of('last', instance)
  if silent_ms > math.max(SILENCE_MS, SILENT_LIFETIMES * mean * 1000) and instance_chats.open(instance) > 0 then
    return nil
  end
  return mean
end

return instance_chats
