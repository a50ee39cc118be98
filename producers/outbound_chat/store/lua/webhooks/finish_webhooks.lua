-- finish_webhooks: records what came of posts.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] per_host: posts that one host may have at a time
-- then 7 for each webhook:
--   webhook, host, outcome ('delivered', 'retry', 'dead', 'back': it was not posted), delay_ms (until the next post),
--   code, host_is ('up': it answered, 'down': it did not, '': nobody asked it), pause_ms (how long it asks to be left
--   alone, 0: it does not)
-- reply   a word for each: what it is now, 'waiting', 'delivered' or 'dead'; or 'stale' (somebody else settled it)
-- keeps   a webhook waits, is leased, or is dead; a stale result brings none back
-- uses: webhook_delivery
local FIRST, WIDTH = 2, 7
local per_host = tonumber(ARGV[1])
local reply, hosts = {}, {}

local function attempt(webhook, host, code)
  local tries = webhook_delivery.tries_of(webhook) or { 0, NOW }
  tries[1], tries[3], tries[4], tries[5] = tries[1] + 1, NOW, code, host
  webhook_delivery.note_tries(webhook, tries)
end

local function settle(i)
  local webhook, host, outcome = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('ZREM', key('hooks_leased:' .. host), webhook) == 0 then
    return 'stale'
  elseif outcome == 'delivered' then
    redis.call('HDEL', key('hook_tries'), webhook)
    webhook_delivery.note_in_record(webhook, 'delivered:' .. digits(NOW))
    return 'delivered'
  elseif outcome ~= 'back' then
    attempt(webhook, host, ARGV[i + 4])
  end
  if outcome == 'dead' then
    webhook_delivery.bury(webhook, ARGV[i + 4])
    return 'dead'
  end
  redis.call('ZADD', key('hooks:' .. host), digits(NOW + tonumber(ARGV[i + 3])), webhook)
  return 'waiting'
end

for i = FIRST, #ARGV, WIDTH do
  local host, pause_ms = ARGV[i + 1], tonumber(ARGV[i + 6])
  reply[#reply + 1] = settle(i)
  hosts[host] = true
  if ARGV[i + 5] == 'up' then
    redis.call('DEL', key('hook_host:' .. host))
  elseif ARGV[i + 5] == 'down' then
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
