-- record_contacts: applies what events say of contacts: to the jobs that started them, and to the open chats.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] passed: JSON object, outcome -> number of events that changed nothing, which are only counted
-- ARGV    1 for each change: change (a JSON object with the members of `Change`, in model/contact_events.py; without a
--         place or receipt, {}; in `values`, the local ids of jobs of this budget)
-- reply   an outcome for each change: 'changed', 'same', 'unmatched', 'late'
-- keeps   the state of a job and the counts by state never change; a repeat changes nothing; whatever the order of the
--         changes, the same facts and the same open chats remain
-- uses: attempts contact_facts gates receipts records
local RECORDED_MS = 7 * 86400000
local LIFETIMES, LIFETIMES_KEPT_MS = 200, 8 * 86400000
-- A chat of which nothing is known, not even when it began.
local LONGEST_CHAT_MS = 7 * 86400000
local NOTHING = { legs = {} }
local counted, reply = cjson.decode(ARGV[1]), {}

local function count(field)
  counted[field] = (counted[field] or 0) + 1
end

-- Return the job of the first contact that has one; or of all texts together, if they name only one.
local function find_job(contacts, values)
  for _, contact in ipairs(contacts) do
    local id = contact_facts.find(contact)
    if id then
      return id
    end
  end
  local only
  for _, value in ipairs(values) do
    local id = contact_facts.find(value) or redis.call('EXISTS', key('j:' .. value)) == 1 and value
    if id and only and id ~= only then
      return nil
    end
    only = id or only
  end
  return only
end

-- Apply the facts. Return the outcome; all facts, now and before; and the head of the job's record.
local function apply(change, said)
  local id = find_job(change.contacts, change.values)
  if not id then
    return 'unmatched', change.waits_at ~= '' and contact_facts.keep_waiting(change.waits_at, said) or NOTHING, NOTHING
  end
  local head, request = records.load(id)
  if not head then
    return 'late', NOTHING, NOTHING
  elseif head[STATE] ~= 'sent' then
    return 'unmatched', NOTHING, NOTHING
  end
  local changed, facts, before = contact_facts.add(id, head, request, said)
  if said.delivery or next(said.legs) then
    count('matched:' .. (said.delivery and said.delivery[3] or 'contact'))
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

-- Change the open chats of the instance: one may end, another begin in its place. Return whether that changed them.
local function change_place(place, facts, head)
  local chats = key('chats:' .. place.instance)
  local gone = place.has_ended and place.contact or place.before
  local score = number_in(try('ZSCORE', chats, gone), 0, 1e15)
  try('ZREM', chats, gone)
  local counts = score or place.count_all or head and gates.limits_of_lane(head[LANE]).max_chats
  if counts and not place.has_ended and not contact_facts.is_over(facts, place.contact) then
    local longest_ms = NOW + LONGEST_CHAT_MS
    local until_ms = score or math.min(number_in(place.until_ms, 1, 1e15) or longest_ms, longest_ms)
    return attempts.open_until(chats, place.contact, until_ms) or score ~= nil
  elseif score then
    attempts.note_change('instance:' .. place.instance)
  end
  return score ~= nil
end

-- Apply what the event says of a place. Return the outcome.
local function apply_place(place, said, word, facts, before, head)
  local changed = change_place(place, facts, head)
  local is_new = changed or head and not contact_facts.is_over(before, place.contact)
  if place.has_ended and is_new and place.seconds >= 0 then
    note_lifetime(place.instance, place.seconds)
  end
  if not place.asked then
    try('HSET', key('contact_events'), 'last:' .. place.instance, digits(NOW))
  end
  if changed then
    return 'changed'
  end
  return word == 'unmatched' and not next(said.legs) and not said.delivery and 'same' or word
end

for i = 2, #ARGV do
  local change = cjson.decode(ARGV[i])
  local said = contact_facts.clean(change.facts)
  local word, facts, before, head = apply(change, said)
  if change.place.instance then
    word = apply_place(change.place, said, word, facts, before, head)
  end
  if change.receipt.number then
    local is_new = receipts.count(change.receipt, word ~= 'unmatched')
    if not (change.contacts[1] or change.values[1]) then
      -- One that names nobody is no less for that.
      word = is_new and 'changed' or 'same'
    end
  end
  -- Of what AWS was asked about, much is not ours.
  if word ~= 'unmatched' or not change.place.asked then
    count(word)
  end
  reply[#reply + 1] = word
end
for field, number in pairs(counted) do
  try('HINCRBY', key('contact_events'), field, number)
end
if (number_in(try('HGET', key('bucket'), 'contacts_until'), 0, 1e15) or 0) < NOW + RECORDED_MS / 2 then
  -- Somebody brings events, so calls are recorded with their contacts from now on.
  try('HSET', key('bucket'), 'contacts_until', digits(NOW + RECORDED_MS))
end
attempts.open_changed_gates()
return reply
