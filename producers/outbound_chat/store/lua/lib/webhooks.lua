-- webhooks: who is to be told of an end, and when. A webhook is named `<job>.<state>` or `<batch>.finished`. The URL of
-- a job is in its record, that of a batch in its book; of a sender that has one, `senders` tells the host. `hooks`
-- (zset host -> ms) says when there is something to do for a host, `hooks:<host>` (zset webhook -> due ms) what,
-- `hooks_out:<host>` (zset webhook -> end of lease) what is being posted, `hook_host:<host>` (hash) how the host does,
-- `hook_tries` (hash webhook -> JSON) what came of its posts, `hooks_dead` (zset webhook -> ms) which are given up.
-- One courier at a time posts them: `courier` holds its name. It waits on `hook_poke`, the wakers on `hook_wake`.
local HOOK_POKE_MS, HOOK_WAKE_MS, HOOK_ASKED_MS, HOOK_HOST_MS = 5000, 60000, 2000, 86400000
-- After so many posts in a row that did not come to an answer, a host is left alone, for longer each time.
local FAILURES, FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 5, 2000, 300000
local batch_urls, sender_hosts = {}, {}
local signalled = false

local function host_of(url)
  return string.lower(string.match(url, '^https?://([^/?]+)') or '')
end

local function batch_url(batch)
  if batch == '' then
    return ''
  end
  batch_urls[batch] = batch_urls[batch] or read('HGET', key('b:' .. batch), 'callback') or ''
  return batch_urls[batch]
end

local function sender_host(sender)
  if not sender_hosts[sender] then
    local limits = decoded(read('HGET', key('senders'), sender) or '')
    sender_hosts[sender] = limits and type(limits.hooks) == 'string' and limits.hooks or ''
  end
  return sender_hosts[sender]
end

-- How many posts in a row failed, and until when the host is left alone.
local function host_state(host)
  local state = read('HMGET', key('hook_host:' .. host), 'failures', 'until_ms') or {}
  return tonumber(state[1] or nil) or 0, within(state[2], 0, 1e15) or 0
end

local function signal_hooks(list, lifetime_ms)
  redis.pcall('LPUSH', key(list), 1)
  redis.pcall('LTRIM', key(list), 0, 0)
  redis.pcall('PEXPIRE', key(list), lifetime_ms)
end

-- Whether the caller is to bring a courier: none works, and none is on its way.
local function ask_for_courier()
  return redis.call('EXISTS', key('courier')) == 0
    and redis.call('SET', key('hook_asked'), 1, 'NX', 'PX', HOOK_ASKED_MS) ~= false
end

local function signal_courier()
  if signalled then
    return
  end
  signalled = true
  if redis.call('EXISTS', key('courier')) == 1 then
    signal_hooks('hook_poke', HOOK_POKE_MS)
  elseif ask_for_courier() then
    signal_hooks('hook_wake', HOOK_WAKE_MS)
  end
end

-- It is never the news that stops the jobs: where another program wrote, it is lost, and `doctor` names the key.
local function put_webhook(host, webhook)
  local _, until_ms = host_state(host)
  redis.pcall('ZADD', key('hooks:' .. host), digits(NOW), webhook)
  redis.pcall('ZADD', key('hooks'), 'LT', digits(math.max(NOW, until_ms)), host)
  signal_courier()
end

-- The URL of a job or batch itself, '' for none, and the host that is told: perhaps its sender's.
local function callback_of(lane, own)
  local _, sender, _, batch = lane_parts(lane)
  local url = own and own ~= '' and own or batch_url(batch)
  return url, url ~= '' and host_of(url) or sender_host(sender)
end

-- Something came to its end: has that told to whom it may concern.
local function tell(name, lane, own)
  local _, host = callback_of(lane, own)
  if host ~= '' then
    put_webhook(host, name)
  end
end
