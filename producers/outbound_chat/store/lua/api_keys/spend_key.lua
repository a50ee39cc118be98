-- spend_key: counts requests of an API key, by the server's clock, for all processes of the HTTP service.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: of the key
-- ARGV[2] most: requests that may pass at once; 0: they are not limited
-- ARGV[3] window_ms: time in which that many become possible again
-- ARGV[4] requests: how many came
-- reply   {wait_ms, left, full_ms, passed}: time until one more may pass, 0: all of them may; requests possible now;
--         time until all are possible; how many of them may pass
-- keeps   in any time t at most most * (1 + t / window_ms) pass; a backward step of the clock adds none
local most, window_ms, requests = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('HSET', key('api_keys_used'), ARGV[1], digits(NOW))
if most == 0 then
  return { 0, 0, 0, requests }
end
local name = key('api_keys_spent:' .. ARGV[1])
local last_left, at = unpack(redis.call('HMGET', name, 'left', 'at'))
local passed_ms = math.max(0, math.min(EXACT_NOW_MS - (tonumber(at) or EXACT_NOW_MS), window_ms))
local left = math.min(most, (tonumber(last_left) or most) + passed_ms * most / window_ms)
local passed = math.min(requests, math.floor(left))
left = left - passed
local wait_ms = passed < requests and math.ceil((1 - left) * window_ms / most) or 0
redis.call('HSET', name, 'left', string.format('%.6f', left), 'at', string.format('%.3f', EXACT_NOW_MS))
redis.call('PEXPIRE', name, digits(window_ms))
return { wait_ms, math.floor(left), math.ceil((most - left) * window_ms / most), passed }
