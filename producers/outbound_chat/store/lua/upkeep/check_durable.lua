-- check_durable: checks that accepted jobs are still there, and writes a marker on this connection.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] batch: its id, '' for none
-- ARGV[2] accepted: how many jobs the batch must have accepted by now
-- ARGV    ids of jobs that must have a record
-- reply   'ok' or 'lost' (a restart or failover lost jobs), replicas online (-1: the server does not say)
-- keeps   no job is touched. WAITAOF and WAIT report on the last write of their own connection, and so on all that any
--         connection wrote before the marker; without it they would return at once if the connection wrote nothing
local MARK_MS = 60000

local function is_there()
  if ARGV[1] ~= '' and tonumber(redis.call('HGET', key('b:' .. ARGV[1]), 'accepted') or 0) < tonumber(ARGV[2]) then
    return false
  end
  for i = 3, #ARGV do
    if redis.call('EXISTS', key('j:' .. ARGV[i])) == 0 then
      return false
    end
  end
  return true
end

local function replicas()
  local info = redis.pcall('INFO', 'replication')
  if type(info) ~= 'string' then
    return -1
  end
  local _, online = string.gsub(info, 'slave%d+:[^\r\n]*state=online', '')
  return online
end

redis.call('SET', key('confirmed'), digits(NOW), 'PX', MARK_MS)
return { is_there() and 'ok' or 'lost', replicas() }
