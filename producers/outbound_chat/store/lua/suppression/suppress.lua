-- suppress: adds numbers to a sender's suppression list; from then on no job for them is called.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] sender: its name
-- ARGV[2] key_id: of the key of the blind indexes, for the list of blind indexes; '': for the list of plain numbers
-- then 3 for each number: name (E.164, or its blind index; at most 500), since_ms (0: now, and an entry that is there
--   stays; any other time replaces the entry; a further 0 before it marks the entry of a sync), note (the reason, shown
--   to readers; or encrypted number and reason)
-- reply   how many were not on the list; 'other_key': the list has blind indexes of another key, nothing was done
-- keeps   an entry stays as it was written first, unless a time is given: a repeat changes nothing. An entry of a sync
--         gives way to one of a person, and never replaces it
-- uses: suppression_lists
local FIRST, WIDTH = 3, 3
local SINCE_MS, NOTE = 1, 2 -- after the name
local list = suppression_lists.named(ARGV[1], ARGV[2])
if suppression_lists.has_other_key(list, ARGV[2]) then
  return 'other_key'
end
if ARGV[2] ~= '' then
  redis.call('HSET', list, suppression_lists.KEY_FIELD, ARGV[2])
end
local added = 0
for i = FIRST, #ARGV, WIDTH do
  local mark, ms = string.match(ARGV[i + SINCE_MS], '^(0?)(%d+)$')
  local is_timed, is_persons = ms ~= '0', mark == ''
  local entry = mark .. (is_timed and ms or digits(NOW)) .. ' ' .. ARGV[i + NOTE]
  local is_new = redis.call('HSETNX', list, ARGV[i], entry)
  added = added + is_new
  if is_new == 0 and (is_timed and is_persons
      or (is_timed or is_persons) and suppression_lists.is_of_sync(list, ARGV[i])) then
    redis.call('HSET', list, ARGV[i], entry)
  end
end
suppression_lists.forget_if_empty(list)
return added
