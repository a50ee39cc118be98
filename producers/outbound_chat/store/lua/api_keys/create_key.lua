-- create_key: stores an API key of the HTTP service.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: of the key
-- ARGV[2] lives_ms: its lifetime; 0: see until_ms
-- ARGV[3] until_ms: when it expires; 0: never
-- ARGV[4] record: JSON of its hash and of what it allows
-- reply   {now_ms, what is stored: 'created_ms expires_ms revoked_ms', newline, record}
-- keeps   a key that exists stays as it is, so that a repeat changes nothing
local lives_ms = tonumber(ARGV[2])
local expires = lives_ms > 0 and digits(NOW + lives_ms) or ARGV[3]
redis.call('HSETNX', key('api_keys'), ARGV[1], digits(NOW) .. ' ' .. expires .. ' 0\n' .. ARGV[4])
return { NOW, redis.call('HGET', key('api_keys'), ARGV[1]) }
