-- read_dead: lists failed and uncertain jobs, the newest first.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] state: 'failed', 'uncertain' or '' for both
-- ARGV[2] code: of the last attempt, '' for all
-- ARGV[3] until_ms: jobs that ended before this time, or at this time with an id below `before`; '': from the newest on
-- ARGV[4] before: id of the last job of the page before; '': there was none
-- ARGV[5] count: how many at most (1 to 500)
-- reply   {now_ms, then id, final_ms, head of each job, '' if its record is gone}
-- keeps   nothing is written
-- uses: records
local until_ms, before, most = ARGV[3], ARGV[4], tonumber(ARGV[5])
local found = {}

local function add(dead, from, ...)
  local newest = redis.call('ZRANGE', key(dead), from, ...)
  for i = 1, #newest, 2 do
    if newest[i + 1] ~= until_ms or newest[i] < before then
      found[#found + 1] = { newest[i], tonumber(newest[i + 1]) }
    end
  end
end

for _, name in ipairs(redis.call('HKEYS', key('dead'))) do
  local state, code = string.match(name, '^(%a+):(.*)$')
  if (ARGV[1] == '' or ARGV[1] == state) and (ARGV[2] == '' or ARGV[2] == code) then
    if until_ms ~= '' then
      -- Jobs that ended in the same script.
      add('dead:' .. name, until_ms, until_ms, 'BYSCORE', 'REV', 'WITHSCORES')
    end
    add('dead:' .. name, until_ms == '' and '+inf' or '(' .. until_ms, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, most,
      'WITHSCORES')
  end
end
table.sort(found, function(a, b)
  return a[2] > b[2] or (a[2] == b[2] and a[1] > b[1])
end)
local reply = { NOW }
for i = 1, math.min(#found, most) do
  local head = records.load(found[i][1])
  reply[#reply + 1], reply[#reply + 2] = found[i][1], digits(found[i][2])
  reply[#reply + 1] = head and cjson.encode(head) or ''
end
return reply
