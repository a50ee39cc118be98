-- webhooks: decides who is notified of an end, and when. A webhook is named `<job>.<state>`, `<job>.contact_ended`,
-- `<job>.delivery.<state>` or `<batch>.finished`. The URL of a job or a batch is in its record; if its sender has one,
-- `senders` has the host. `hooks` (zset host -> ms) says when a host has something to do, `hooks:<host>` (zset webhook
-- -> due ms) what; `hooks_leased:<host>` (zset webhook -> end of lease) has what is being posted, `hook_host:<host>`
-- (hash) the failures of the host, `hook_tries` (hash webhook -> JSON) the results of posts, `hooks_dead` (zset webhook
-- -> ms) what was given up.
-- One courier at a time posts them: `courier` holds its name. It waits on `hook_poke`, the wakers on `hook_wake`.
-- uses: lanes
local webhooks = {}

local batch_urls, sender_hosts, signalled

before_each_call('webhooks', function()
  batch_urls, sender_hosts, signalled = nil, nil, false
end)

function webhooks.batch_url(batch)
  if batch == '' then
    return ''
  end
  batch_urls = batch_urls or {}
  batch_urls[batch] = batch_urls[batch] or try('HGET', key('b:' .. batch), 'callback') or ''
  return batch_urls[batch]
end

-- Whether the caller must start a courier: none works, and none is on its way.
function webhooks.ask_for_courier()
  return redis.call('EXISTS', key('courier')) == 0
    and redis.call('SET', key('hook_asked'), 1, 'NX', 'PX', 2000) ~= false
end

-- A webhook must never stop the jobs: if another program wrote the key, the webhook is lost, and `doctor` names the
-- key.
function webhooks.put(host, webhook)
  local until_ms = number_in(try('HGET', key('hook_host:' .. host), 'until_ms'), 0, 1e15) or 0
  try('ZADD', key('hooks:' .. host), digits(NOW), webhook)
  try('ZADD', key('hooks'), 'LT', digits(math.max(NOW, until_ms)), host)
  if signalled then
    return
  end
  signalled = true
  local works = redis.call('EXISTS', key('courier')) == 1
  if works or webhooks.ask_for_courier() then
    local list = key(works and 'hook_poke' or 'hook_wake')
    try('LPUSH', list, 1)
    try('LTRIM', list, 0, 0)
    try('PEXPIRE', list, works and 5000 or 60000)
  end
end

-- Return the host of a URL in one form whatever its spelling, as `callback_host` of the settings does: no dot at the
-- end, no default port, no zeros before a port; nil: there is none.
local function host_of(url)
  local scheme, host = string.match(url, '^(https?)://([^/?]+)')
  if not host then
    return nil
  end
  local name, port = string.match(host, '^(.-):0*(%d+)$')
  name = string.lower(string.gsub(string.gsub(name or host, ':$', ''), '%.$', ''))
  return (port and port ~= (scheme == 'https' and '443' or '80')) and name .. ':' .. port or name
end

-- Return the URL of the job or batch itself, '' for none, and the host to notify, which may be that of its sender.
function webhooks.callback_of(lane, own)
  local _, sender, _, batch = lanes.parts(lane)
  local url = own and own ~= '' and own or webhooks.batch_url(batch)
  local host = host_of(url)
  sender_hosts = sender_hosts or {}
  if not host and not sender_hosts[sender] then
    local limits = json_table(try('HGET', key('senders'), sender) or '')
    sender_hosts[sender] = limits and type(limits.hooks) == 'string' and limits.hooks or ''
  end
  return url, host or sender_hosts[sender]
end

-- Note in the head the state of the webhook: 'pending', 'delivered:<ms>', 'dead:<ms>:<code>', or '' for none.
function webhooks.mark(head, text)
  for place = REPLAY_OF, WEBHOOK do
    head[place] = head[place] or ''
  end
  head[WEBHOOK] = text
end

-- Let readers of the job see that a webhook will be posted.
function webhooks.mark_end(head)
  local _, host = webhooks.callback_of(head[LANE], head[CALLBACK])
  if host ~= '' or head[WEBHOOK] then
    webhooks.mark(head, host ~= '' and 'pending' or '')
  end
end

-- Enqueue a webhook for what has ended, if somebody is to be notified.
function webhooks.enqueue(name, lane, own)
  local _, host = webhooks.callback_of(lane, own)
  if host ~= '' then
    webhooks.put(host, name)
  end
end

return webhooks
