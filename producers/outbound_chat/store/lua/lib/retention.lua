-- retention: knows how long the record of a job, and the request in it, are kept.
local retention = {}
local DEFAULT_KEEP_MS = 7 * 86400000

function retention.record_ms()
  return number_in(try('HGET', key('settings'), 'keep_ms'), 1, 1e13) or DEFAULT_KEEP_MS
end

-- Return how long the request of a job that may be replayed is kept after its end; nil: as long as the record.
function retention.request_ms()
  local ms = number_in(try('HGET', key('settings'), 'keep_requests_ms'), 0, 1e13) or DEFAULT_KEEP_MS
  return ms < retention.record_ms() and ms or nil
end

-- Schedule the removal of what is kept for replays of a job (`j:<id>`) or batch (`b:<batch>`), whose record stays
-- longer: `forget` (zset name -> ms). What another program wrote there is deleted: the end of a job must never fail
-- because of it.
function retention.purge_later(name, in_ms)
  if try('ZADD', key('forget'), digits(NOW + in_ms), name) == nil then
    redis.call('DEL', key('forget'))
    redis.call('ZADD', key('forget'), digits(NOW + in_ms), name)
  end
end

return retention
