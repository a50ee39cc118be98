-- read_dead_webhooks: webhooks that were given up, the newest first.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] skip: how many of the newest to pass over
-- ARGV[2] count: how many at most (1 to 500)
-- reply   webhook, dead_ms, tries (JSON, '' when they can't be read) of each
-- keeps   nothing is written
-- uses: base
local reply = {}
local keep_ms = within(read('HGET', key('settings'), 'keep_ms'), 1, 1e13) or 7 * 86400000
local found = read('ZRANGE', key('hooks_dead'), '+inf', digits(NOW - keep_ms), 'BYSCORE', 'REV', 'LIMIT', ARGV[1],
  ARGV[2], 'WITHSCORES') or {}
for i = 1, #found, 2 do
  reply[#reply + 1], reply[#reply + 2] = found[i], found[i + 1]
  reply[#reply + 1] = read('HGET', key('hook_tries'), found[i]) or ''
end
return reply
