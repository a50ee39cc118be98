-- contact_facts: what events say of a job after it was sent, in the last position of its record (`FACTS`):
--   legs: ContactId -> {ended_ms, reason}; ended_ms is 0 while that contact is open, a transfer adds one
--   delivery: {state, at_ms, basis, code}; undelivered: {at_ms, basis, code}, also behind a better state
-- Two facts are merged into one that does not depend on the order in which they came, nor on how often.
-- `contact:<ContactId>` (string) is the id of the job that started the contact, or facts that came before its call was
-- recorded. Neither is written unless the budget records contacts; see `token_bucket`.
-- uses: records retention webhooks
local contact_facts = {}

-- How long facts wait for the record of the call, which is written in milliseconds while Redis works.
local WAIT_MS = 3600000
local MOST_LEGS = 20
local RANKS = { pending = 1, carrier = 2, no_receipt = 3, undelivered = 4, delivered = 5, read = 6, answered = 7 }

local function is_said(said)
  return type(said) == 'table' and number_in(said[1], 0, 1e15) and type(said[2]) == 'string'
    and type(said[3]) == 'string'
end

local function is_delivery(delivery)
  return type(delivery) == 'table' and RANKS[delivery[1]] and is_said({ delivery[2], delivery[3], delivery[4] })
end

-- Return the facts without what another program wrote.
function contact_facts.clean(facts)
  local sound = { legs = {} }
  if type(facts) ~= 'table' then
    return sound
  end
  for contact, leg in pairs(type(facts.legs) == 'table' and facts.legs or {}) do
    if type(contact) == 'string' and type(leg) == 'table' and number_in(leg[1], 0, 1e15)
      and type(leg[2]) == 'string' then
      sound.legs[contact] = { leg[1], leg[2] }
    end
  end
  sound.delivery = is_delivery(facts.delivery) and facts.delivery or nil
  sound.undelivered = is_said(facts.undelivered) and facts.undelivered or nil
  return sound
end

-- Whether `a` is the earlier of two statements of equal weight.
local function is_earlier(a, b)
  for i = 1, #a do
    if a[i] ~= b[i] then
      return a[i] < b[i]
    end
  end
  return false
end

local function is_better(a, b)
  if RANKS[a[1]] ~= RANKS[b[1]] then
    return RANKS[a[1]] > RANKS[b[1]]
  end
  return is_earlier({ a[2], a[3], a[4] }, { b[2], b[3], b[4] })
end

local function merge_leg(legs, contact, leg)
  local known, others = legs[contact], 0
  if not known then
    for _ in pairs(legs) do
      others = others + 1
    end
    if others >= MOST_LEGS then
      return false
    end
    legs[contact] = leg
    return true
  elseif leg[1] > known[1] or leg[1] == known[1] and leg[2] > known[2] then
    legs[contact] = leg
    return true
  end
  return false
end

-- Merge what was said into sound facts. Return whether that changed them.
function contact_facts.merge(facts, said)
  local changed = false
  for contact, leg in pairs(said.legs) do
    changed = merge_leg(facts.legs, contact, leg) or changed
  end
  local new = said.delivery
  if new and (not facts.delivery or is_better(new, facts.delivery)) then
    facts.delivery, changed = new, true
  end
  local failed = said.undelivered or new and new[1] == 'undelivered' and { new[2], new[3], new[4] }
  if failed and (not facts.undelivered or is_earlier(failed, facts.undelivered)) then
    facts.undelivered, changed = failed, true
  end
  return changed
end

-- Return whether the chat has ended, and when: with the last of its contacts.
function contact_facts.ended(facts)
  local last = 0
  for _, leg in pairs(facts and facts.legs or {}) do
    if leg[1] == 0 then
      return false
    end
    last = math.max(last, leg[1])
  end
  return last > 0, last
end

function contact_facts.is_over(facts, contact)
  local leg = facts.legs[contact]
  return leg ~= nil and leg[1] > 0
end

-- Return the id of the job that started the contact; or nil, and the facts that wait for it.
function contact_facts.find(contact)
  local kept = try('GET', key('contact:' .. contact)) or ''
  if string.sub(kept, 1, 1) == '{' then
    return nil, contact_facts.clean(json_table(kept))
  end
  return kept ~= '' and kept or nil, { legs = {} }
end

-- Let facts wait for the job that starts the contact.
function contact_facts.keep_waiting(contact, said)
  local _, waiting = contact_facts.find(contact)
  if contact_facts.merge(waiting, said) then
    redis.call('SET', key('contact:' .. contact), cjson.encode(waiting), 'PX', WAIT_MS)
  end
  return waiting
end

-- Note the job of a contact, and merge the facts that waited for it. Return whether any did.
local function adopt(id, contact, facts)
  local _, waiting = contact_facts.find(contact)
  redis.call('SET', key('contact:' .. contact), id, 'PX', digits(retention.record_ms()))
  return contact_facts.merge(facts, waiting)
end

-- Do so for the contacts that are new: facts that waited for one may name another.
local function adopt_new(id, known, facts)
  local changed, found = false, true
  while found do
    found = false
    for contact in pairs(facts.legs) do
      if not known[contact] then
        known[contact], found = true, true
        changed = adopt(id, contact, facts) or changed
        break
      end
    end
  end
  return changed
end

function contact_facts.of(head)
  return contact_facts.clean(head[FACTS])
end

function contact_facts.put(head, facts)
  for place = REPLAY_OF, WEBHOOK do
    head[place] = head[place] or ''
  end
  head[FACTS] = facts
end

local function count_delivery(batch, state, by)
  try('HINCRBY', key('contact_events'), 'delivery:' .. state, by)
  if batch ~= '' and redis.call('EXISTS', key('b:' .. batch)) == 1 then
    try('HINCRBY', key('b:' .. batch), 'delivery:' .. state, by)
  end
end

-- Report that the facts of a sent job changed: to batches, webhooks, and to whoever waits for it. A webhook is enqueued
-- for each change of what it is about; a courier posts it if it is still true then.
function contact_facts.announce(id, head, before, after)
  local was, is = before.delivery and before.delivery[1], after.delivery and after.delivery[1]
  if was ~= is then
    local batch = records.batch_in_id(id)
    if was then
      count_delivery(batch, was, -1)
    end
    count_delivery(batch, is, 1)
    webhooks.enqueue(id .. '.delivery.' .. is, head[LANE], head[CALLBACK])
  end
  if contact_facts.ended(after) and not contact_facts.ended(before) then
    webhooks.enqueue(id .. '.contact_ended', head[LANE], head[CALLBACK])
  end
  redis.call('PUBLISH', key('done:' .. id), 'facts')
end

-- Merge what was said into the record of a sent job. Return whether that changed it, and all facts.
function contact_facts.add(id, head, request, said)
  local before, facts = contact_facts.of(head), contact_facts.of(head)
  local changed = contact_facts.merge(facts, said)
  local known = { [head[CONTACT]] = true }
  for contact in pairs(before.legs) do
    known[contact] = true
  end
  changed = adopt_new(id, known, facts) or changed
  if changed then
    contact_facts.put(head, facts)
    records.save(id, head, request, 'KEEPTTL')
    contact_facts.announce(id, head, before, facts)
  end
  return changed, facts, before
end

-- Note the contact of a job that is about to be `sent`, with the facts that came before. Return them; they are saved
-- with the head.
function contact_facts.begin(id, head)
  local facts, known = contact_facts.of(head), { [head[CONTACT]] = true }
  adopt(id, head[CONTACT], facts)
  adopt_new(id, known, facts)
  if next(facts.legs) or facts.delivery then
    contact_facts.put(head, facts)
  end
  return facts
end

return contact_facts
