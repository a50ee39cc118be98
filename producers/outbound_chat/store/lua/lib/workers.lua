-- workers: knows which workers are alive. `workers` (zset "worker version" -> seen ms); `skewed` (zset "worker ms" ->
-- seen ms) has those that claim nothing, since the clock of their machine is wrong; `openers` (zset "worker key" ->
-- seen ms) says which worker has which keys.
local workers = {}

local LIVE_MS = 10000

local function note_seen(index, member)
  redis.call('ZADD', key(index), digits(NOW), member)
  redis.call('ZREMRANGEBYSCORE', key(index), '-inf', NOW - LIVE_MS)
  redis.call('PEXPIRE', key(index), LIVE_MS)
end

function workers.note_alive(worker, version, skew_ms, key_names)
  note_seen('workers', worker .. ' ' .. version)
  if skew_ms ~= 0 then
    note_seen('skewed', worker .. ' ' .. digits(skew_ms))
  end
  for name in string.gmatch(key_names, '%S+') do
    note_seen('openers', worker .. ' ' .. name)
  end
end

-- Return the members of an index that were seen lately, the last one last.
function workers.live(index, ...)
  return try('ZRANGE', key(index), NOW - LIVE_MS, '+inf', 'BYSCORE', ...) or {}
end

-- Count the live workers.
function workers.count()
  return try('ZCOUNT', key('workers'), NOW - LIVE_MS, '+inf') or 0
end

-- Return the names of the keys that live workers have, as a set.
function workers.key_names()
  local names = {}
  for _, member in ipairs(workers.live('openers')) do
    names[string.match(member, '%S*$')] = true
  end
  return names
end

return workers
