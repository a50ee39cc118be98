-- replay_webhooks: lets dead webhooks be posted again, under their old ids.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV    names of webhooks (at most 500)
-- reply   'ok' or 'not_dead' for each
-- keeps   a webhook waits, is leased, or is dead
-- uses: webhook_delivery webhooks
local reply = {}
for i, webhook in ipairs(ARGV) do
  local _, _, _, _, host = unpack(webhook_delivery.tries_of(webhook) or {})
  reply[i] = 'not_dead'
  if redis.call('ZREM', key('hooks_dead'), webhook) == 1 and type(host) == 'string' then
    redis.call('HDEL', key('hook_tries'), webhook)
    webhook_delivery.note_in_record(webhook, 'pending')
    -- A replay means that the host was repaired.
    redis.call('DEL', key('hook_host:' .. host))
    webhooks.put(host, webhook)
    redis.call('ZADD', key('hooks'), 'LT', digits(NOW), host)
    reply[i] = 'ok'
  end
end
return reply
