-- finish_webhooks: records the results of posts.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] per_host: posts that one host may have at a time
-- then 7 for each webhook:
--   webhook, host, outcome ('delivered', 'retry', 'dead', 'back': it was not posted), delay_ms (until the next post),
--   code, host_is ('up': it answered, 'down': it did not, '': it was not asked), pause_ms (how long it asks not to be
--   tried, 0: it does not ask)
-- reply   a word for each: its state now, 'waiting', 'delivered' or 'dead'; or 'stale' (it was finished before)
-- keeps   a webhook waits, is leased, or is dead; a stale result changes no webhook
-- uses: webhook_delivery
local FIRST, WIDTH = 2, 7
-- The position of each value of a result after the webhook.
local HOST, OUTCOME, DELAY_MS, CODE, HOST_IS, PAUSE_MS = 1, 2, 3, 4, 5, 6
local per_host = tonumber(ARGV[1])
local reply, hosts = {}, {}

local function attempt(webhook, host, code)
  local made, first_ms = unpack(webhook_delivery.tries_of(webhook) or { 0, NOW })
  webhook_delivery.note_tries(webhook, { made + 1, first_ms, NOW, code, host })
end

local function settle(i)
  local webhook, host, outcome = ARGV[i], ARGV[i + HOST], ARGV[i + OUTCOME]
  if redis.call('ZREM', key('hooks_leased:' .. host), webhook) == 0 then
    return 'stale'
  elseif outcome == 'delivered' then
    redis.call('HDEL', key('hook_tries'), webhook)
    webhook_delivery.note_in_record(webhook, 'delivered:' .. digits(NOW))
    return 'delivered'
  elseif outcome ~= 'back' then
    attempt(webhook, host, ARGV[i + CODE])
  end
  if outcome == 'dead' then
    webhook_delivery.bury(webhook, ARGV[i + CODE])
    return 'dead'
  end
  redis.call('ZADD', key('hooks:' .. host), digits(NOW + tonumber(ARGV[i + DELAY_MS])), webhook)
  return 'waiting'
end

for i = FIRST, #ARGV, WIDTH do
  local host, pause_ms = ARGV[i + HOST], tonumber(ARGV[i + PAUSE_MS])
  reply[#reply + 1] = settle(i)
  hosts[host] = true
  if ARGV[i + HOST_IS] == 'up' then
    redis.call('DEL', key('hook_host:' .. host))
  elseif ARGV[i + HOST_IS] == 'down' then
    webhook_delivery.note_failure(host)
  end
  if pause_ms > 0 then
    webhook_delivery.pause_host(host, pause_ms)
  end
end
for host in pairs(hosts) do
  webhook_delivery.place_host(host, per_host)
end
return reply
