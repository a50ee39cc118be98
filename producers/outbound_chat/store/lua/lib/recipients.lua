-- recipients: caps how often a sender contacts one number. It is long, since all that takes a place, gives one back or
-- waits for one must agree. `recipient:<sender>:<mark>` (zset id -> ms) has the contacts of a number, as long as the
-- longest window: when the call ended or, while it runs, a later time. `recipient_waits` (zset, by member) has the jobs
-- that wait for a place, `<sender>:<mark>:<priority>:<order>:<id>`: the first of a number is due when there is one, the
-- others when one has been free for a while, so that a claim need not look at all of them for each place. About 200
-- bytes a number and a waiting job, 30 for each other contact.
-- The mark is the number or, where requests are encrypted, its blind index. Two forms can't be compared, so while there
-- are contacts in another form than `mark_form` of the sender (`other_forms`, form -> until ms), a worker adds them to
-- those of each number (`recount`), which then has a member '' with the time until which nothing is to be added.
-- uses: gates lanes records ring
local recipients = {}

local OVER = 'the sender has contacted the number as often as its per_recipient allows'
local WAITS, SWEPT_TO, RECOUNTED = 'recipient_waits', 'recipients_swept_to', ''
-- A call has ended by then.
local RUNNING_MS = 600000
-- Those that wait behind others are looked at so long after there may be a place, since the others may be held.
local CHECK_MS = 600000
local POLL_MS, LATEST_MS = 1000, 1e15
local MOST_CONTACTS, MOST_TRIED, MOST_SWEPT = 100, 20, 500

-- Return the recipient of a job; nil: its sender has no cap. `comparable`: its mark has the form that is counted.
local function recipient_of(head, request)
  local limits, sender = gates.limits_of_lane(head[LANE])
  local caps, form = limits.per_recipient, limits.mark_form
  if caps then
    local number, index = records.number_of(request)
    local mark = sender .. ':' .. (number or index)
    return { caps = caps, window = caps[#caps][2], ends = limits.over_cap == 'suppress', sender = sender, form = form,
      other_forms = limits.other_forms or {}, contacts = key('recipient:' .. mark), mark = mark,
      comparable = form == '' and number or form ~= '' and string.sub(index, 1, #form) == form }
  end
end

local function put(recipient, at, id)
  redis.call('ZADD', recipient.contacts, digits(at), id)
  redis.call('PEXPIRE', recipient.contacts, digits(RUNNING_MS + recipient.window))
end

-- Return the times of the latest contacts, newest first, but that of the job. What another program wrote over may have
-- been any contacts, so it counts as all that a cap allows.
local function times_of(recipient, id)
  local found, times = try('ZRANGE', recipient.contacts, 0, MOST_CONTACTS + 1, 'REV', 'WITHSCORES'), {}
  if not found then
    redis.call('DEL', recipient.contacts)
    for place = 1, MOST_CONTACTS do
      put(recipient, NOW, 'lost-' .. place)
    end
    return times_of(recipient, id)
  end
  for i = 1, #found, 2 do
    if found[i] ~= id and found[i] ~= RECOUNTED then
      times[#times + 1] = tonumber(found[i + 1])
      if times[#times] > NOW + RUNNING_MS then
        -- The clock of the server has gone back.
        times[#times] = NOW
        put(recipient, NOW, found[i])
      end
    end
  end
  return times
end

-- Return from when one more contact may follow those at these times.
local function opens_at(recipient, times)
  local at = 0
  for _, cap in ipairs(recipient.caps) do
    at = times[cap[1]] and math.max(at, times[cap[1]] + cap[2]) or at
  end
  return at
end

local function waits_of(recipient, most)
  return try('ZRANGE', key(WAITS), '[' .. recipient.mark .. ':', '(' .. recipient.mark .. ';', 'BYLEX',
    'LIMIT', 0, most) or {}
end

local function member_of(recipient, id, head)
  return string.format('%s:%s:%016.0f:%s', recipient.mark, lanes.parts(head[LANE]), lanes.order_of(head), id)
end

-- Let a job that waits go at this time, if that is sooner. Return whether it waited for its time.
local function hurry(member, due)
  local id = string.match(member, '[^:]*$')
  local head, request = records.load(id)
  if not head or head[STATE] ~= 'queued' then
    redis.call('ZREM', key(WAITS), member)
  elseif head[DUE] > NOW then
    if due < head[DUE] then
      lanes.remove(id, head)
      head[DUE] = due
      records.save(id, head, request)
      lanes.put(id, head)
      ring.place(head[LANE])
    end
    return true
  end
end

-- Let the first job that waits for the number go as soon as there is a place. Those that are due already may be held.
local function advance(recipient)
  local waiting = waits_of(recipient, MOST_TRIED)
  local due = waiting[1] and math.max(NOW, opens_at(recipient, times_of(recipient)))
  for _, member in ipairs(waiting) do
    if hurry(member, due) then
      return
    end
  end
end

-- Whether a worker must recount the job's recipient before it may be called.
function recipients.must_recount(head, request)
  local recipient = recipient_of(head, request)
  if not recipient then
    return false
  end
  for form, at in pairs(recipient.other_forms) do
    local recounted = tonumber(try('ZSCORE', recipient.contacts, RECOUNTED) or nil) or NOW
    if form ~= recipient.form and number_in(at, recounted + 1, LATEST_MS) then
      return true
    end
  end
  return not recipient.comparable
end

-- Add contacts in other forms to those of the number. `marks`: form -> the number in it. Return false if one lacks.
function recipients.recount(head, request, marks)
  local recipient, until_ms, others = recipient_of(head, request), NOW, {}
  for form, at in pairs(recipient and recipient.other_forms or {}) do
    if form ~= recipient.form and number_in(at, NOW, LATEST_MS) then
      until_ms = marks[form] and math.max(until_ms, at) or math.huge
      others[#others + 1] = marks[form]
    end
  end
  if not recipient or not recipient.comparable or until_ms == math.huge then
    return recipient == nil
  end
  times_of(recipient)
  for _, mark in ipairs(others) do
    local name = key('recipient:' .. recipient.sender .. ':' .. mark)
    local contacts = try('ZRANGE', name, 0, -1, 'WITHSCORES') or {}
    for i = 1, #contacts, 2 do
      put(recipient, tonumber(contacts[i + 1]), contacts[i])
    end
    redis.call('DEL', name)
  end
  put(recipient, until_ms, RECOUNTED)
  return true
end

-- Put a job that a claim took back into its lane, until there may be a place for it.
local function wait(id, head, request, recipient, opens)
  local member = member_of(recipient, id, head)
  if not try('ZADD', key(WAITS), 0, member) then
    redis.call('DEL', key(WAITS))
    redis.call('ZADD', key(WAITS), 0, member)
  end
  -- A call that runs now is likely to end soon.
  head[DUE] = math.min(opens, NOW + recipient.window + 1) + (waits_of(recipient, 1)[1] == member and 0 or CHECK_MS)
  if recipient.ends and head[MAYBE_SENT] == 0 then
    head[DUE] = NOW + POLL_MS
  end
  records.save(id, head, request)
  lanes.put(id, head)
end

-- Take a place for a call. Return false if there is none: the job waits in its lane or, with a reason, must end. One
-- whose call may have made the contact never ends so, and neither does one that has to wait only for running calls.
function recipients.admit(id, head, request)
  local recipient = recipient_of(head, request)
  if not recipient then
    return true
  end
  try('ZREM', key(WAITS), member_of(recipient, id, head))
  if recipients.must_recount(head, request) then
    return true
  end
  local times = times_of(recipient, id)
  local opens = opens_at(recipient, times)
  if opens <= NOW then
    redis.call('ZREMRANGEBYSCORE', recipient.contacts, '-inf', digits(NOW - recipient.window))
    put(recipient, NOW + RUNNING_MS, id)
    table.insert(times, 1, NOW + RUNNING_MS)
    if opens_at(recipient, times) <= NOW then
      advance(recipient)
    end
    return true
  end
  while times[1] and times[1] > NOW do
    table.remove(times, 1)
  end
  if recipient.ends and head[MAYBE_SENT] == 0 and opens_at(recipient, times) > NOW then
    return false, OVER
  end
  wait(id, head, request, recipient, opens)
  return false
end

-- Settle the place of a call that has ended: the number may have been contacted now, or was not.
function recipients.settle(id, head, request, may_be_contact)
  local recipient = recipient_of(head, request)
  if recipient then
    times_of(recipient)
    if may_be_contact then
      -- The call may have ended later in this millisecond.
      put(recipient, NOW + 1, id)
    else
      redis.call('ZREM', recipient.contacts, id)
    end
    advance(recipient)
  end
end

-- Let others go on if a job ends while it waits for a place.
function recipients.forget(id, head, request)
  local recipient = recipient_of(head, request)
  if recipient and try('ZREM', key(WAITS), member_of(recipient, id, head)) == 1 then
    advance(recipient)
  end
end

-- Whether the job waits for a place.
function recipients.is_capped(id, head, request)
  local recipient = recipient_of(head, request)
  return recipient and number_in(try('ZSCORE', key(WAITS), member_of(recipient, id, head)), 0, 0) ~= nil
end

-- Have all jobs that wait looked at.
function recipients.look_again()
  try('HSET', key('bucket'), SWEPT_TO, '')
end

-- Complete new limits of the senders before they are written, and look again if a cap changed.
function recipients.change(senders)
  for sender, limits in pairs(senders) do
    local old, forms = gates.limits_of(sender), {}
    for form, at in pairs(old.other_forms or {}) do
      forms[form] = number_in(at, NOW, LATEST_MS)
    end
    local caps = old.per_recipient
    if caps and old.mark_form ~= limits.mark_form then
      forms[old.mark_form] = NOW + caps[#caps][2] + RUNNING_MS
    end
    limits.other_forms = next(forms) and forms
    if caps and cjson.encode({ caps, old.over_cap, old.mark_form })
      ~= cjson.encode({ limits.per_recipient or 0, limits.over_cap or 0, limits.mark_form or 0 }) then
      recipients.look_again()
    end
  end
end

-- Look at some of all jobs that wait, if a cap or the clock has changed. Return whether there are more.
function recipients.sweep()
  local from = try('HGET', key('bucket'), SWEPT_TO)
  if not from then
    return false
  end
  local found = try('ZRANGE', key(WAITS), '(' .. from, '+', 'BYLEX', 'LIMIT', 0, MOST_SWEPT) or {}
  for _, member in ipairs(found) do
    hurry(member, NOW)
    redis.call('ZREM', key(WAITS), member)
  end
  redis.call('HSET', key('bucket'), SWEPT_TO, found[#found] or '')
  if #found < MOST_SWEPT then
    redis.call('HDEL', key('bucket'), SWEPT_TO)
  end
  return #found == MOST_SWEPT
end

return recipients
