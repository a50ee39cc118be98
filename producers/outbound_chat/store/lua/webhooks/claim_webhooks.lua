-- claim_webhooks: gives a courier webhooks to post, and renews the leases of those it is posting.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] courier: its name
-- ARGV[2] wanted: how many at most (0 to 500)
-- ARGV[3] lease_ms: time until another may claim them
-- ARGV[4] per_host: posts that one host may have at a time
-- ARGV[5] give_up_ms: how long a webhook may wait for a host that does not answer; then it is dead
-- ARGV[6] leaving: 1 if the courier ends unless it gets a webhook
-- then 2 for each webhook: host, webhook (those that it is posting)
-- reply   {'claimed', now_ms, next_ms, then webhook, host, url ('': that of its sender), tries (JSON, '': none),
--         head ('' for a batch, or if the record is gone) of each}; next_ms: time to the next, -1: none is known
--         {'dismissed'}: another courier works
-- keeps   one courier at a time; a webhook waits, is leased, or is dead
-- uses: records webhook_delivery webhooks
local courier, wanted, lease_ms, per_host = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local give_up_ms, leaving = tonumber(ARGV[5]), ARGV[6] == '1'
local FIRST, WIDTH, COURIER_MS, MOST_HOSTS, NEWER_MS = 7, 2, 5000, 100, 5000

local working = try('GET', key('courier'))
if working and working ~= courier then
  return { 'dismissed' }
end
redis.call('SET', key('courier'), courier, 'PX', COURIER_MS)
redis.call('DEL', key('hook_asked'))
for i = FIRST, #ARGV, WIDTH do
  redis.call('ZADD', key('hooks_leased:' .. ARGV[i]), 'XX', digits(NOW + lease_ms), ARGV[i + 1])
end

local reply = { 'claimed', NOW, -1 }

-- Return false if a newer version wrote the record, so that a courier of that version must post it.
local function add_to_reply(host, webhook)
  local id = string.match(webhook, '^[^.]+') or ''
  local head, url, why
  if string.sub(webhook, -9) == '.finished' then
    url = webhooks.batch_url(id)
  else
    head, why = records.load(id)
    if not head and why == 'newer' then
      return false
    end
    url = head and webhooks.callback_of(head[LANE], head[CALLBACK]) or ''
  end
  for _, part in ipairs({ webhook, host, url, try('HGET', key('hook_tries'), webhook) or '',
    head and cjson.encode(head) or '' }) do
    reply[#reply + 1] = part
  end
  return true
end

local function claim_for(host)
  webhook_delivery.return_lost(host)
  local failures = webhook_delivery.host_state(host)
  local most = failures >= webhook_delivery.FAILURES and 1 or per_host
  if failures >= webhook_delivery.FAILURES then
    webhook_delivery.give_up(host, give_up_ms)
  end
  local waiting, out = key('hooks:' .. host), key('hooks_leased:' .. host)
  local room = math.min(wanted, most - redis.call('ZCARD', out))
  if room > 0 then
    for _, webhook in ipairs(redis.call('ZRANGEBYSCORE', waiting, '-inf', NOW, 'LIMIT', 0, room)) do
      if add_to_reply(host, webhook) then
        redis.call('ZREM', waiting, webhook)
        redis.call('ZADD', out, digits(NOW + lease_ms), webhook)
        wanted = wanted - 1
      else
        redis.call('ZADD', waiting, digits(NOW + NEWER_MS), webhook)
      end
    end
  end
  webhook_delivery.place_host(host, per_host)
end

if wanted > 0 then
  for _, host in ipairs(redis.call('ZRANGEBYSCORE', key('hooks'), '-inf', NOW, 'LIMIT', 0, MOST_HOSTS)) do
    if wanted > 0 then
      claim_for(host)
    end
  end
end
local first = redis.call('ZRANGE', key('hooks'), 0, 0, 'WITHSCORES')
if first[2] then
  reply[3] = math.max(0, tonumber(first[2]) - NOW)
end
if leaving and #reply == 3 then
  redis.call('DEL', key('courier'))
end
return reply
