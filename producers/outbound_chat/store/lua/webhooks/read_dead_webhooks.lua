-- read_dead_webhooks: lists webhooks that were given up, the newest first.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] skip: how many of the newest to skip
-- ARGV[2] count: how many at most (1 to 500)
-- reply   webhook, dead_ms, tries (JSON, '' if they are unreadable) of each
-- keeps   nothing is written
-- uses: retention
local reply = {}
local found = try('ZRANGE', key('hooks_dead'), '+inf', digits(NOW - retention.record_ms()), 'BYSCORE', 'REV',
  'LIMIT', ARGV[1], ARGV[2], 'WITHSCORES') or {}
for i = 1, #found, 2 do
  reply[#reply + 1], reply[#reply + 2] = found[i], found[i + 1]
  reply[#reply + 1] = try('HGET', key('hook_tries'), found[i]) or ''
end
return reply
