-- recipients: caps how often a sender contacts one number. A claim takes a place, which a call that made no contact
-- gives back. `contacts:<sender>:<mark>` (zset id -> ms) has the contacts of a number, as long as the longest window:
-- when the call ended or, while it runs, when its lease ends. `capped:<sender>:<mark>` (zset id -> ms) has the jobs
-- that wait for a place, each with a time of its own, so that a claim need not look at all of them for each place; when
-- a call ends, the first gets the time at which it may go. About 200 bytes a number, 30 for each other contact or job.
-- The mark is the number or, where requests are encrypted, its blind index. Two forms can't be compared, so while there
-- are contacts in another form than `mark_form` of the sender, a worker adds them to those of each number (`recount`),
-- which then has a member ''. `mark_forms` (hash `<sender>:<form>` -> ms) has until when there are contacts in a form.
-- uses: gates lanes records ring suppression
local recipients = {}

local OVER = 'the sender has contacted the number as often as its per_recipient allows'
local RECOUNTED = ''
-- Jobs before a waiting job may be cancelled or expire, so it is looked at again so long after the longest window.
local CHECK_MS = 600000
local MARGIN_MS = 1000
local FORM_MS = 5000
local MOST_STALE = 20
local last, forms

before_each_call('recipients', function()
  last, forms = {}, {}
end)

-- Return the recipient of a job; nil: its sender has no cap. It has no `mark` if the request has not the form that is
-- counted, or is unreadable.
local function recipient_of(head, request)
  local limits = gates.limits_of_lane(head[LANE])
  if not limits.per_recipient then
    return nil
  end
  local sender, form = lanes.sender_of(head[LANE]), limits.mark_form
  if last.request ~= request or last.sender ~= sender then
    local number, index = records.number_of(request)
    if form ~= '' then
      number = string.sub(index, 1, #form) == form and index or nil
    end
    local name = sender .. ':' .. (number or '')
    last = { request = request, sender = sender, caps = limits.per_recipient, form = form, mark = number, most = 0,
      window = 0, spacing = 0, ends = limits.over_cap == 'suppress',
      contacts = key('contacts:' .. name), capped = key('capped:' .. name) }
    for _, cap in ipairs(last.caps) do
      last.most, last.window = math.max(last.most, cap[1]), math.max(last.window, cap[2])
      last.spacing = math.max(last.spacing, cap[2] / cap[1])
    end
  end
  return last
end

-- The key lives as long as the longest window after this time, which no other of them exceeds.
local function put(recipient, name, at, id)
  redis.call('ZADD', name, digits(tonumber(at)), id)
  redis.call('PEXPIRE', name, digits(math.max(0, at - NOW) + recipient.window + MARGIN_MS))
end

-- Return the latest times in a zset, newest first, but that of the job. What another program wrote over may have been
-- any contacts, so it counts as all that a cap allows.
local function times_of(recipient, name, id)
  local found, times = try('ZRANGE', name, 0, recipient.most + 1, 'REV', 'WITHSCORES'), {}
  if not found then
    redis.call('DEL', name)
    for place = 1, recipient.most do
      put(recipient, name, NOW, 'lost-' .. place)
    end
    return times_of(recipient, name, id)
  end
  for i = 1, #found, 2 do
    if found[i] ~= id and found[i] ~= RECOUNTED then
      times[#times + 1] = tonumber(found[i + 1])
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

-- Return in which forms there are contacts of the sender: form -> until ms.
local function forms_of(sender)
  if not forms[sender] then
    forms[sender] = {}
    local kept = try('HGETALL', key('mark_forms')) or redis.call('DEL', key('mark_forms')) and {}
    for i = 1, #kept, 2 do
      local name, form = string.match(kept[i], '^([^:]*):(.*)$')
      local until_ms = number_in(kept[i + 1], NOW, 1e15)
      if not until_ms or not name then
        redis.call('HDEL', key('mark_forms'), kept[i])
      elseif name == sender then
        forms[sender][form] = until_ms
      end
    end
  end
  return forms[sender]
end

-- Whether a worker must recount the job's recipient before it may be called.
function recipients.must_recount(head, request)
  local recipient = recipient_of(head, request)
  if not recipient or not recipient.mark then
    return recipient ~= nil
  end
  for form in pairs(forms_of(recipient.sender)) do
    if form ~= recipient.form then
      return not try('ZSCORE', recipient.contacts, RECOUNTED)
    end
  end
  return false
end

-- Add contacts in other forms to those of the number. `marks`: form -> the number in it. Return false if one lacks.
function recipients.recount(head, request, marks)
  local recipient, until_ms = recipient_of(head, request), NOW
  if not recipient then
    return true
  end
  for form, at in pairs(forms_of(recipient.sender)) do
    until_ms = marks[form] and math.max(until_ms, at) or math.huge
  end
  if not recipient.mark or until_ms == math.huge then
    return false
  end
  marks[recipient.form] = nil
  times_of(recipient, recipient.contacts)
  for _, mark in pairs(marks) do
    local other = key('contacts:' .. recipient.sender .. ':' .. mark)
    times_of(recipient, other)
    local found = redis.call('ZRANGE', other, 0, -1, 'WITHSCORES')
    for i = 1, #found, 2 do
      put(recipient, recipient.contacts, found[i + 1], found[i])
    end
    redis.call('DEL', other)
  end
  put(recipient, recipient.contacts, until_ms, RECOUNTED)
  return true
end

-- Put a job that a claim took back into its lane, until there may be a place for it: behind the others that wait, or
-- first if its time has come and was not enough.
local function wait(id, head, request, recipient, opens)
  local before = tonumber(try('ZSCORE', recipient.capped, id) or nil)
  local at = before
  if recipient.ends and head[MAYBE_SENT] == 0 then
    at = NOW + MARGIN_MS
  elseif not before or before <= NOW then
    local latest = times_of(recipient, recipient.capped, id)[1]
    local is_last = latest and (not before or redis.call('ZCOUNT', recipient.capped, NOW + 1, digits(opens)) > 0)
    at = is_last and math.max(opens, latest + recipient.spacing) + MARGIN_MS or opens
  end
  put(recipient, recipient.capped, at, id)
  head[DUE] = math.min(at, NOW + recipient.window + CHECK_MS)
  records.save(id, head, request)
  lanes.put(id, head)
end

local function take(id, recipient, lease_ms)
  redis.call('ZREMRANGEBYSCORE', recipient.contacts, '-inf', digits(NOW - recipient.window))
  put(recipient, recipient.contacts, NOW + lease_ms, id)
  try('ZREM', recipient.capped, id)
  local until_ms = NOW + lease_ms + recipient.window
  if (forms_of(recipient.sender)[recipient.form] or 0) < until_ms then
    -- A little longer, so that it need not be written for every call.
    forms_of(recipient.sender)[recipient.form] = until_ms + FORM_MS
    redis.call('HSET', key('mark_forms'), recipient.sender .. ':' .. recipient.form, digits(until_ms + FORM_MS))
    redis.call('PEXPIRE', key('mark_forms'), digits(until_ms + FORM_MS - NOW), 'NX')
    redis.call('PEXPIRE', key('mark_forms'), digits(until_ms + FORM_MS - NOW), 'GT')
  end
end

-- Take a place for a call. Return false if there is none: the job has ended, or waits in its lane. One whose call may
-- have made the contact is never suppressed, and neither is one that has to wait only for calls that are running.
function recipients.admit(id, head, request, lease_ms)
  local recipient = recipient_of(head, request)
  if not recipient or recipients.must_recount(head, request) then
    return true
  end
  local times = times_of(recipient, recipient.contacts, id)
  local opens = opens_at(recipient, times)
  if opens <= NOW then
    take(id, recipient, lease_ms)
    return true
  end
  while times[1] and times[1] > NOW do
    table.remove(times, 1)
  end
  if recipient.ends and head[MAYBE_SENT] == 0 and opens_at(recipient, times) > NOW then
    suppression.suppress(id, head, request, OVER)
  else
    wait(id, head, request, recipient, opens)
  end
  return false
end

-- Let the first of the waiting jobs go as soon as there is a place.
local function advance_first(recipient)
  local due = math.max(NOW, opens_at(recipient, times_of(recipient, recipient.contacts)))
  local waiting = redis.call('ZRANGE', recipient.capped, 0, MOST_STALE, 'WITHSCORES')
  for i = 1, #waiting, 2 do
    local id = waiting[i]
    local head, request = records.load(id)
    if head and head[STATE] == 'queued' then
      if due < tonumber(waiting[i + 1]) then
        lanes.remove(id, head)
        head[DUE] = due
        records.save(id, head, request)
        lanes.put(id, head)
        ring.place(head[LANE])
        put(recipient, recipient.capped, due, id)
      end
      return
    end
    redis.call('ZREM', recipient.capped, id)
  end
end

-- Settle the place of a call that has ended: the number may have been contacted now, or was not.
function recipients.settle(id, head, request, may_be_contact)
  local recipient = recipient_of(head, request)
  if recipient and recipient.mark then
    times_of(recipient, recipient.contacts)
    times_of(recipient, recipient.capped)
    if may_be_contact then
      -- The call may have ended later in this millisecond. Other calls to the number may still run.
      redis.call('ZADD', recipient.contacts, digits(NOW + 1), id)
      redis.call('PEXPIRE', recipient.contacts, digits(recipient.window + MARGIN_MS), 'NX')
      redis.call('PEXPIRE', recipient.contacts, digits(recipient.window + MARGIN_MS), 'GT')
    else
      redis.call('ZREM', recipient.contacts, id)
    end
    if not recipient.ends then
      advance_first(recipient)
    end
  end
end

-- Whether the job waits for a place.
function recipients.is_capped(id, head, request)
  local recipient = recipient_of(head, request)
  return recipient and number_in(try('ZSCORE', recipient.capped, id), 0, 1e15) ~= nil
end

return recipients
