-- read_batches: lists batches of the budget: open ones, the newest first, or ended ones, the last first.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] part: 'open' or 'ended'
-- ARGV[2] score: where the page begins, as the last reply said; '': at the first
-- ARGV[3] before: the last batch of the page before, which has that score; '': there was none
-- ARGV[4] senders: only of these, with spaces around each; '': of all
-- ARGV[5] tenant: only of this one; '': of all
-- ARGV[6] count: how many at most (1 to 100)
-- reply   {now_ms, workers, width, score, before, then for each: id, scheduled, stop, and field, value of its record}
--         workers: how many are alive; width: how many values each batch has; score, before: where the next page
--         begins, score '' if there are no more; scheduled: as in read_batch; stop: JSON of owner, scope and reason of
--         the hold that stops it, '' if none does or it is final
-- keeps   nothing is written; it reads 200 batches at most, so a page may have few, or none
-- uses: batches forecast lanes workers
local MOST_LOOKED = 200
local FACTS = 3 -- id, scheduled, stop
local index, score, before = key(ARGV[1] .. '_batches'), ARGV[2], ARGV[3]
local senders, tenant, most = ARGV[4], ARGV[5], tonumber(ARGV[6])
local names = {}

local function add(...)
  local found = try('ZRANGE', index, ...) or {}
  for i = 1, #found, 2 do
    if found[i + 1] ~= score or found[i] < before then
      names[#names + 1] = { found[i], found[i + 1] }
    end
  end
end

-- A worker of an older version does not move a batch that ends: such a batch is in neither part.
local function is_wanted(found)
  local _, of_sender, of_tenant = lanes.parts(batches.lane_of(found))
  if batches.is_final(found) ~= (ARGV[1] == 'ended') then
    return false
  end
  return (senders == '' or string.find(senders, ' ' .. of_sender .. ' ', 1, true))
    and (tenant == '' or of_tenant == tenant)
end

if score ~= '' then
  -- Batches of the same millisecond.
  add(score, score, 'BYSCORE', 'REV', 'WITHSCORES')
end
add(score == '' and '+inf' or '(' .. score, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, MOST_LOOKED, 'WITHSCORES')
local reply = { NOW, workers.count(), FACTS + 2 * #batches.FIELDS, '', '' }
local looked, given = 0, 0
while looked < #names and looked < MOST_LOOKED and given < most do
  looked = looked + 1
  local found = batches.read(names[looked][1])
  if found and is_wanted(found) then
    given = given + 1
    reply[#reply + 1], reply[#reply + 2] = names[looked][1], batches.count_scheduled(batches.lane_of(found))
    reply[#reply + 1] = forecast.stop_json(found)
    batches.add_to_reply(reply, found)
  end
end
if looked < #names or looked >= MOST_LOOKED then
  reply[4], reply[5] = names[looked][2], names[looked][1]
end
return reply
