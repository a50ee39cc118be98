-- workers: who lives. `workers` (zset "worker version" -> seen ms), and `skewed` (zset "worker ms" -> seen ms) those that
-- claim nothing, since the clock of their machine is wrong; `openers` (zset "worker key" -> seen ms) who has which keys.
local WORKER_MS = 10000

local function note_seen(index, member)
  redis.call('ZADD', key(index), digits(NOW), member)
  redis.call('ZREMRANGEBYSCORE', key(index), '-inf', NOW - WORKER_MS)
  redis.call('PEXPIRE', key(index), WORKER_MS)
end

local function worker_is_alive(worker, version, skew_ms, key_names)
  note_seen('workers', worker .. ' ' .. version)
  if skew_ms ~= 0 then
    note_seen('skewed', worker .. ' ' .. digits(skew_ms))
  end
  for name in string.gmatch(key_names, '%S+') do
    note_seen('openers', worker .. ' ' .. name)
  end
end
