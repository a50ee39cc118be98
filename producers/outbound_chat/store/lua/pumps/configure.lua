-- configure: writes the budget's settings, which all scripts read.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] version: hash of the settings below
-- ARGV[2] rate: calls a second
-- ARGV[3] burst: calls that may be made at once
-- ARGV[4] max_pumps: pumps that may work at the same time
-- ARGV[5] keep_ms: how long the record of a final job is kept
-- ARGV[6] keep_requests_ms: how long failed and uncertain jobs keep their request
-- ARGV[7] senders: JSON object, name -> limits of the sender: instance, number, and if there is a limit number_rate
--         (parts a second), concurrency (calls), max_chats, peers (senders of the instance)
-- ARGV[8] weights: JSON object, tenant -> its turns for each turn of the others
-- ARGV[9] contacts: 1 if calls are recorded with their contacts, since events about them come; else 0
-- reply   the version before, '' for none
-- keeps   the worker that was started last, or the order that was given last, decides; gates are tried again, since
--         their limits may have changed, and so are jobs that wait because of a cap that has changed
-- uses: recipients
local function write_map(name, values, text_of)
  redis.call('DEL', key(name))
  for field, value in pairs(values) do
    redis.call('HSET', key(name), field, text_of(value))
  end
end

-- Make the next script that handles due work try the gates of all senders in the settings.
local function try_gates()
  local senders = redis.call('EXISTS', key('blocked')) == 1 and try('HGETALL', key('senders')) or {}
  for i = 1, #senders, 2 do
    local limits = json_table(senders[i + 1]) or {}
    for scope, name in pairs({ sender = senders[i], instance = limits.instance, number = limits.number }) do
      redis.call('ZADD', key('delayed'), digits(NOW), '@' .. scope .. ':' .. tostring(name))
    end
  end
end

local before = try('HGET', key('settings'), 'version')
if before == nil then
  redis.call('DEL', key('settings'))
end
redis.call('HSET', key('settings'), 'version', ARGV[1], 'rate', ARGV[2], 'burst', ARGV[3], 'max_pumps', ARGV[4],
  'keep_ms', ARGV[5], 'keep_requests_ms', ARGV[6], 'contacts', ARGV[9], 'written_at', digits(NOW))
try_gates()
local senders = cjson.decode(ARGV[7])
recipients.change(senders)
write_map('senders', senders, cjson.encode)
try_gates()
write_map('weights', cjson.decode(ARGV[8]), tostring)
return before or ''
