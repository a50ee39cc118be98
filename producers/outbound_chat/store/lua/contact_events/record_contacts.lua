-- record_contacts: applies what events say of contacts: to the jobs that started them, and to the open chats.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] passed: JSON object, outcome -> number of events that changed nothing, which are only counted
-- ARGV    8 for each change:
--   contacts (ids, separated by spaces), values (ids of contacts or jobs, separated by spaces), waits_at (contact, '':
--   the facts don't wait), facts (JSON), place ('open', 'end', 'move', or ''), instance, rest (of the place, JSON),
--   receipts (JSON)
-- reply   an outcome for each change: 'changed', 'same', 'unmatched', 'late'
-- keeps   the state of a job and the counts by state never change; a repeat changes nothing; whatever the order of the
--         changes, the same facts and the same open chats remain
-- uses: attempts contact_facts gates receipts records
local WIDTH = 8
local RECORDED_MS = 7 * 86400000
local LIFETIMES, LIFETIMES_KEPT_MS = 200, 8 * 86400000
-- A chat of which nothing is known, not even when it began.
local LONGEST_CHAT_MS = 7 * 86400000
local NOTHING = { legs = {} }
local outcomes, matched, reply = cjson.decode(ARGV[1]), {}, {}

-- Return the job of the first contact that has one; or of all texts together, if they name only one.
local function find_job(contacts, jobs)
  for contact in string.gmatch(contacts, '%S+') do
    local id = contact_facts.find(contact)
    if id then
      return id
    end
  end
  local only
  for value in string.gmatch(jobs, '%S+') do
    local id = contact_facts.find(value) or redis.call('EXISTS', key('j:' .. value)) == 1 and value
    if id and only and id ~= only then
      return nil
    end
    only = id or only
  end
  return only
end

-- Apply the facts. Return the outcome; all facts, now and before; and the head of the job's record.
local function apply(contacts, jobs, waits_at, said)
  local id = find_job(contacts, jobs)
  if not id then
    return 'unmatched', waits_at ~= '' and contact_facts.keep_waiting(waits_at, said) or NOTHING, NOTHING
  end
  local head, request = records.load(id)
  if not head then
    return 'late', NOTHING, NOTHING
  elseif head[STATE] ~= 'sent' then
    return 'unmatched', NOTHING, NOTHING
  end
  local changed, facts, before = contact_facts.add(id, head, request, said)
  if said.delivery then
    matched[said.delivery[3]] = (matched[said.delivery[3]] or 0) + 1
  elseif next(said.legs) then
    matched.contact = (matched.contact or 0) + 1
  end
  return changed and 'changed' or 'same', facts, before, head
end

local function note_lifetime(instance, seconds)
  local name = key('lifetimes:' .. instance)
  if try('LPUSH', name, digits(seconds)) then
    redis.call('LTRIM', name, 0, LIFETIMES - 1)
    redis.call('PEXPIRE', name, LIFETIMES_KEPT_MS)
  end
end

local function open_place(chats, place, until_ms)
  until_ms = math.max(NOW, math.min(until_ms, NOW + LONGEST_CHAT_MS))
  local added = try('ZADD', chats, 'NX', digits(until_ms), place.contact) == 1
  redis.call('PEXPIRE', chats, digits(LIFETIMES_KEPT_MS))
  return added
end

-- Change the open chats of the instance. Return whether that changed them.
local function move_place(move, instance, place, facts, head)
  local chats = key('chats:' .. instance)
  if move == 'end' then
    if try('ZREM', chats, place.contact) ~= 1 then
      return false
    end
    attempts.note_change('instance:' .. instance)
    return true
  end
  local until_ms = number_in(place.until_ms, 1, 1e15) or NOW + LONGEST_CHAT_MS
  local over = contact_facts.is_over(facts, place.contact)
  if move == 'move' then
    local score = number_in(try('ZSCORE', chats, place.before), 0, 1e15)
    local counted = score or place.count_all or head and gates.limits_of_lane(head[LANE]).max_chats
    try('ZREM', chats, place.before)
    if over and score then
      attempts.note_change('instance:' .. instance)
    end
    return (counted and not over and open_place(chats, place, score or until_ms)) or score ~= nil
  end
  return not over and open_place(chats, place, until_ms)
end

-- Count receipts for their numbers. Return the outcome: one that names nobody is no less for that.
local function count_receipts(said, word, names_none)
  local is_new = false
  for _, receipt in ipairs(said) do
    is_new = receipts.count(receipt, word ~= 'unmatched') or is_new
  end
  if #said > 0 and names_none then
    return is_new and 'changed' or 'same'
  end
  return word
end

local function count(outcome, by)
  try('HINCRBY', key('contact_events'), outcome, by)
end

for i = 2, #ARGV, WIDTH do
  local said, move, instance = contact_facts.clean(json_table(ARGV[i + 3])), ARGV[i + 4], ARGV[i + 5]
  local word, facts, before, head = apply(ARGV[i], ARGV[i + 1], ARGV[i + 2], said)
  local asked = false
  if move ~= '' then
    local place = cjson.decode(ARGV[i + 6])
    asked = place.asked
    local moved = move_place(move, instance, place, facts, head)
    if moved then
      word = 'changed'
    elseif not next(said.legs) and not said.delivery and word == 'unmatched' then
      word = 'same'
    end
    local is_new = moved or head and not contact_facts.is_over(before, place.contact)
    if move == 'end' and is_new and place.seconds >= 0 then
      note_lifetime(instance, place.seconds)
    end
    if not asked then
      try('HSET', key('contact_events'), 'last:' .. instance, digits(NOW))
    end
  end
  word = count_receipts(cjson.decode(ARGV[i + 7]), word, ARGV[i] == '' and ARGV[i + 1] == '')
  -- Of what AWS was asked about, much is not ours.
  if word ~= 'unmatched' or not asked then
    outcomes[word] = (outcomes[word] or 0) + 1
  end
  reply[#reply + 1] = word
end
for outcome, number in pairs(outcomes) do
  count(outcome, number)
end
for basis, number in pairs(matched) do
  count('matched:' .. basis, number)
end
if (number_in(try('HGET', key('bucket'), 'contacts_until'), 0, 1e15) or 0) < NOW + RECORDED_MS / 2 then
  -- Somebody brings events, so calls are recorded with their contacts from now on.
  try('HSET', key('bucket'), 'contacts_until', digits(NOW + RECORDED_MS))
end
attempts.open_changed_gates()
return reply
