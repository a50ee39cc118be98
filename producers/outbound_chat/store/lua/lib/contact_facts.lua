-- contact_facts: what events say of a job after it was sent, in the last position of its record (`FACTS`):
--   legs: ContactId -> {ended_ms, reason}; ended_ms is 0 while that contact is open, a transfer adds one
--   delivery: {state, at_ms, basis, code}; undelivered: true if a receipt said so, also behind a better state
-- Two facts are merged into one that does not depend on the order in which they came, nor on how often.
-- `contact:<ContactId>` (string) is the id of the job that started the contact, or facts that came before its call was
-- recorded. Neither is written unless the budget records contacts; see `token_bucket`.
-- uses: records retention webhooks
local contact_facts = {}

-- How long facts wait for the record of the call, which is written in milliseconds while Redis works.
local WAIT_MS = 3600000
local MOST_LEGS = 20
local RANKS = { pending = 1, carrier = 2, no_receipt = 3, undelivered = 4, delivered = 5, read = 6, answered = 7 }

local function is_time(ms)
  return type(ms) == 'number' and number_in(ms, 0, 1e15)
end

local function is_delivery(said)
  return type(said) == 'table' and RANKS[said[1]] and is_time(said[2]) and type(said[3]) == 'string'
    and type(said[4]) == 'string'
end

-- Return the facts without what another program wrote.
function contact_facts.clean(facts)
  local sound = { legs = {} }
  if type(facts) ~= 'table' then
    return sound
  end
  for contact, leg in pairs(type(facts.legs) == 'table' and facts.legs or {}) do
    if type(contact) == 'string' and type(leg) == 'table' and is_time(leg[1]) and type(leg[2]) == 'string' then
      sound.legs[contact] = { leg[1], leg[2] }
    end
  end
  sound.delivery = is_delivery(facts.delivery) and facts.delivery or nil
  sound.undelivered = facts.undelivered and true or nil
  return sound
end

-- Whether `a` is stronger; or the earlier of two that are equally strong.
local function is_better(a, b)
  if RANKS[a[1]] ~= RANKS[b[1]] then
    return RANKS[a[1]] > RANKS[b[1]]
  end
  for i = 2, 4 do
    if a[i] ~= b[i] then
      return a[i] < b[i]
    end
  end
  return false
end

local function merge_leg(legs, contact, leg)
  local known, others = legs[contact], 0
  for _ in pairs(known and {} or legs) do
    others = others + 1
  end
  if others >= MOST_LEGS or known and (leg[1] < known[1] or leg[1] == known[1] and leg[2] <= known[2]) then
    return false
  end
  legs[contact] = leg
  return true
end

-- Merge what was said into sound facts. Return whether that changed them.
function contact_facts.merge(facts, said)
  local changed, new = false, said.delivery
  for contact, leg in pairs(said.legs) do
    changed = merge_leg(facts.legs, contact, leg) or changed
  end
  if new and (not facts.delivery or is_better(new, facts.delivery)) then
    facts.delivery, changed = new, true
  end
  if not facts.undelivered and (said.undelivered or new and new[1] == 'undelivered') then
    facts.undelivered, changed = true, true
  end
  return changed
end

-- Whether the chat has ended: all of its contacts have.
local function has_ended(facts)
  for _, leg in pairs(facts.legs) do
    if leg[1] == 0 then
      return false
    end
  end
  return next(facts.legs) ~= nil
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

-- Note the job of its contacts, and merge the facts that waited for them, which may name others. Return whether that
-- changed the facts.
local function adopt(id, head, facts)
  local contacts, changed = { head[CONTACT] }, false
  for contact in pairs(facts.legs) do
    contacts[#contacts + 1] = contact
  end
  local place = 1
  while contacts[place] do
    local owner, waiting = contact_facts.find(contacts[place])
    if owner ~= id then
      redis.call('SET', key('contact:' .. contacts[place]), id, 'PX', digits(retention.record_ms()))
      for contact in pairs(waiting.legs) do
        contacts[#contacts + 1] = contact
      end
      changed = contact_facts.merge(facts, waiting) or changed
    end
    place = place + 1
  end
  return changed
end

local function put(head, facts)
  for place = REPLAY_OF, WEBHOOK do
    head[place] = head[place] or ''
  end
  head[FACTS] = facts
end

-- Report that the facts of a sent job changed: to batches, webhooks, and to whoever waits for it. A webhook is enqueued
-- for each change of what it is about; a courier posts it if it is still true then.
function contact_facts.announce(id, head, before, after)
  local was, is = before.delivery and before.delivery[1], after.delivery and after.delivery[1]
  if was ~= is then
    local batch = key('b:' .. records.batch_in_id(id))
    if redis.call('EXISTS', batch) == 1 then
      try('HINCRBY', batch, 'delivery:' .. is, 1)
      if was then
        try('HINCRBY', batch, 'delivery:' .. was, -1)
      end
    end
    webhooks.enqueue(id .. '.delivery.' .. is, head[LANE], head[CALLBACK])
  end
  if has_ended(after) and not has_ended(before) then
    webhooks.enqueue(id .. '.contact_ended', head[LANE], head[CALLBACK])
  end
  redis.call('PUBLISH', key('done:' .. id), 'facts')
end

-- Merge what was said into the record of a sent job. Return whether that changed it, all facts, and those before.
function contact_facts.add(id, head, request, said)
  local before, facts = contact_facts.clean(head[FACTS]), contact_facts.clean(head[FACTS])
  local changed = contact_facts.merge(facts, said)
  changed = adopt(id, head, facts) or changed
  if changed then
    put(head, facts)
    records.save(id, head, request, 'KEEPTTL')
    contact_facts.announce(id, head, before, facts)
  end
  return changed, facts, before
end

-- Note the contact of a job that is about to be `sent`, with the facts that came before. Return them; they are saved
-- with the head.
function contact_facts.begin(id, head)
  local facts = contact_facts.clean(head[FACTS])
  adopt(id, head, facts)
  if next(facts.legs) or facts.delivery then
    put(head, facts)
  end
  return facts
end

return contact_facts
