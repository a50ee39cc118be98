-- revoke_key: ends an API key of the HTTP service for good.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: of the key
-- reply   'ok', or 'unknown'
-- keeps   the key stays in the list, so that a service whose keys are all revoked gives nobody access; a repeat changes
--         nothing, and an unreadable key, which gives no access either, stays as it is
local kept = redis.call('HGET', key('api_keys'), ARGV[1])
if not kept then
  return 'unknown'
end
local created, expires, revoked, record = string.match(kept, '^(%d+) (%d+) (%d+)\n(.*)$')
if revoked == '0' then
  redis.call('HSET', key('api_keys'), ARGV[1], created .. ' ' .. expires .. ' ' .. digits(NOW) .. '\n' .. record)
end
return 'ok'
