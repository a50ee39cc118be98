-- webhook_delivery: keeps the state of webhooks that are being posted. After several posts in a row without an answer,
-- a host is not tried for a while, longer each time.
-- uses: records retention webhooks
local webhook_delivery = {}

webhook_delivery.FAILURES = 5
local FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 2000, 300000
local HOOK_HOST_MS = 86400000

-- Return how many posts in a row failed, and until when the host is not tried.
function webhook_delivery.host_state(host)
  local failures, until_ms = unpack(try('HMGET', key('hook_host:' .. host), 'failures', 'until_ms') or {})
  return number_in(failures, 0, 1e9) or 0, number_in(until_ms, 0, 1e15) or 0
end

-- Note when there is something to do for a host. `most`: how many posts it may have at a time.
function webhook_delivery.place_host(host, most)
  local due = redis.call('ZRANGE', key('hooks:' .. host), 0, 0, 'WITHSCORES')[2]
  local ends = redis.call('ZRANGE', key('hooks_leased:' .. host), 0, 0, 'WITHSCORES')[2]
  local failures, until_ms = webhook_delivery.host_state(host)
  if failures >= webhook_delivery.FAILURES then
    most = 1
  end
  if redis.call('ZCARD', key('hooks_leased:' .. host)) >= most then
    due = nil
  end
  local next_ms = math.min(tonumber(due) or math.huge, tonumber(ends) or math.huge)
  if next_ms == math.huge then
    redis.call('ZREM', key('hooks'), host)
  else
    redis.call('ZADD', key('hooks'), digits(math.max(next_ms, until_ms)), host)
  end
end

-- Note a post without an answer; after several of them the host is paused.
function webhook_delivery.note_failure(host)
  local state = key('hook_host:' .. host)
  local failures = redis.call('HINCRBY', state, 'failures', 1)
  if failures >= webhook_delivery.FAILURES then
    local pause_ms = math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ^ math.min(failures - webhook_delivery.FAILURES, 20))
    redis.call('HSET', state, 'until_ms', digits(NOW + pause_ms))
  end
  redis.call('PEXPIRE', state, HOOK_HOST_MS)
end

-- Pause a host that answered and asked for it.
function webhook_delivery.pause_host(host, ms)
  local state = key('hook_host:' .. host)
  redis.call('HSET', state, 'until_ms', digits(NOW + math.min(ms, LONGEST_PAUSE_MS)))
  redis.call('PEXPIRE', state, HOOK_HOST_MS)
end

-- Return the result of a webhook's posts so far: attempts, first_ms, last_ms, code, host.
function webhook_delivery.tries_of(webhook)
  local tries = json_table(try('HGET', key('hook_tries'), webhook) or '')
  return tries and number_in(tries[1], 0, 1e9) and number_in(tries[2], 0, 1e15) and tries or nil
end

function webhook_delivery.note_tries(webhook, tries)
  redis.call('HSET', key('hook_tries'), webhook, cjson.encode(tries))
  redis.call('PEXPIRE', key('hook_tries'), digits(retention.record_ms() + HOOK_HOST_MS))
end

-- Note the state of the webhook in the job's record, if the webhook is about the job's present state. The record has no
-- place for webhooks about the contact and the delivery, whose names have another form.
function webhook_delivery.note_in_record(webhook, text)
  local id, state = string.match(webhook, '^([^.]+)%.(%a+)$')
  local head, request = records.load(id or '')
  if head and head[STATE] == state then
    webhooks.mark(head, text)
    records.save(id, head, request, 'KEEPTTL')
  end
end

-- Give a webhook up; it is listed as long as results are kept.
function webhook_delivery.bury(webhook, code)
  local keep = retention.record_ms()
  local old = redis.call('ZRANGEBYSCORE', key('hooks_dead'), '-inf', NOW - keep, 'LIMIT', 0, 100)
  if #old > 0 then
    redis.call('ZREM', key('hooks_dead'), unpack(old))
    redis.call('HDEL', key('hook_tries'), unpack(old))
  end
  redis.call('ZADD', key('hooks_dead'), digits(NOW), webhook)
  redis.call('PEXPIRE', key('hooks_dead'), digits(keep))
  webhook_delivery.note_in_record(webhook, 'dead:' .. digits(NOW) .. ':' .. code)
end

-- Let webhooks of a lost courier wait again.
function webhook_delivery.return_lost(host)
  local out = key('hooks_leased:' .. host)
  for _, webhook in ipairs(redis.call('ZRANGEBYSCORE', out, '-inf', NOW, 'LIMIT', 0, 100)) do
    redis.call('ZREM', out, webhook)
    redis.call('ZADD', key('hooks:' .. host), digits(NOW), webhook)
  end
end

-- Give up webhooks that waited too long for a paused host.
function webhook_delivery.give_up(host, give_up_ms)
  local waiting = key('hooks:' .. host)
  for _, webhook in ipairs(redis.call('ZRANGEBYSCORE', waiting, '-inf', NOW - give_up_ms, 'LIMIT', 0, 100)) do
    redis.call('ZREM', waiting, webhook)
    local tries = webhook_delivery.tries_of(webhook) or { 0, NOW, NOW, '', host }
    local made, first_ms, last_ms, _, last_host = unpack(tries)
    webhook_delivery.note_tries(webhook, { made, first_ms, last_ms, 'host_down', last_host })
    webhook_delivery.bury(webhook, 'host_down')
  end
end

-- Whether there is something to post. A webhook that nobody posted while results were kept has nothing left to report.
function webhook_delivery.lacks_courier()
  local hosts = try('ZRANGEBYSCORE', key('hooks'), '-inf', NOW, 'LIMIT', 0, 10) or {}
  for _, host in ipairs(hosts) do
    try('ZREMRANGEBYSCORE', key('hooks:' .. host), '-inf', NOW - retention.record_ms())
    if redis.call('EXISTS', key('hooks:' .. host), key('hooks_leased:' .. host)) == 0 then
      redis.call('ZREM', key('hooks'), host)
    end
  end
  return #hosts > 0
end

return webhook_delivery
