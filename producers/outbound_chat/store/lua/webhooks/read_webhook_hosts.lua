-- read_webhook_hosts: reads the state of the hosts that webhooks wait for.
-- KEYS[1] base: first part of all keys of the budget
-- reply   host, waiting, posting, failures, until_ms of each, at most 500
-- keeps   nothing is written
-- uses: webhook_delivery
local reply = {}
for _, host in ipairs(try('ZRANGE', key('hooks'), 0, 499) or {}) do
  local failures, until_ms = webhook_delivery.host_state(host)
  reply[#reply + 1], reply[#reply + 2] = host, try('ZCARD', key('hooks:' .. host)) or 0
  reply[#reply + 1] = try('ZCARD', key('hooks_leased:' .. host)) or 0
  reply[#reply + 1], reply[#reply + 2] = failures, until_ms
end
return reply
