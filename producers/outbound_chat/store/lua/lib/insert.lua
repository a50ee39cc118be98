-- insert: adds new jobs to the store. Hundreds come at once, so what they share is built once, and their entries are
-- written together. Most of a script's time goes into calls and into making texts of numbers and tables, so numbers
-- that come as text stay text.
-- uses: counts lanes listing records
local insert = {}

local START = '[' .. records.NEWEST_VERSION .. ',"queued",'

-- Of this call: the lane of all jobs, its batch, what their heads begin with, and how long a job without an end lives.
local lane, batch, start, max_age_ms
-- What `insert.write` will write, the last number in the order of acceptance (see `lanes`), and the counts before.
local expiries, due_at_once, timed, last_order, last_digits, accepted, waiting
-- See `listing`: how many single jobs stay listed, the ids to add, and whether jobs are listed by their phone number.
local most_listed, to_list, by_number
-- When jobs with this `send_at` end that have no end of their own: rows mostly share it.
local known_send_at, known_end

-- Begin to add jobs to a lane of the batch. `max_age`: see `insert.job`. `most`: how many single jobs stay listed, 0:
-- none is. `finds_numbers`: '1' to list them by their number.
function insert.begin(of_lane, of_batch, max_age, most, finds_numbers)
  lane, batch, max_age_ms = of_lane, of_batch, max_age
  -- The lane is stored without the batch, which the id contains.
  start = START .. cjson.encode(string.sub(lane, 1, #lane - #batch)) .. ',' .. digits(NOW) .. ','
  expiries, due_at_once, timed, last_order, known_send_at = {}, nil, nil, nil, nil
  most_listed, to_list, by_number = most, batch == '' and most > 0 and {}, finds_numbers == '1'
end

-- Return the job's number in the order of acceptance, and its digits. `counts` keeps the last number: so each single
-- job reads and writes it in one command with the counts that it changes.
local function next_order()
  if not last_order then
    last_order, accepted, waiting = unpack(try('HMGET', key('counts'), 'last_order', 'accepted', 'waiting') or {})
    last_order = number_in(last_order, 0, 9e15) or 0
  end
  last_order = math.max(last_order + 1, math.floor(EXACT_NOW_MS * 1000 + 0.5))
  last_digits = digits(last_order)
  return last_order, last_digits
end

-- Return the other job that has this idempotency key, and whether it asked for the same; nil: the key is ours now.
function insert.other_job(tenant, id, idem, fingerprint)
  local name = key('idem:' .. tenant .. ':' .. idem)
  if redis.call('SET', name, id .. ' ' .. string.match(fingerprint, '^%S+'), 'NX') then
    return nil
  end
  local other, same = string.match(try('GET', name) or '', '^([%w-]+) (%S+)$')
  if not other then
    return '', 'conflict'
  end
  if other ~= id then
    return other, string.find(' ' .. fingerprint .. ' ', ' ' .. same .. ' ', 1, true) and 'same' or 'conflict'
  end
end

local function end_of(send_at)
  if send_at ~= known_send_at then
    known_send_at, known_end = send_at, digits(math.max(tonumber(send_at), NOW) + max_age_ms)
  end
  return known_end
end

local function quoted(text)
  return text == '' and '""' or cjson.encode(text)
end

-- Return what only some heads have.
local function rest_of(callback, replay)
  if callback == '' and not replay then
    return ''
  end
  local rest = ',' .. quoted(replay and replay.of or '')
  return callback == '' and rest or rest .. ',"",' .. quoted(callback)
end

-- Add a job and return when it is due; nil: a job has its id already, and nothing changed. `send_at` ('0': at once),
-- `expires` ('0': `max_age` after it is due) and `parts` are digits; '' means none for `token`, `idem` and `callback`.
-- `replay`: the id of the job that it sends again (`of`), and that job's `maybe_sent`; nil: none.
-- `insert.write` must follow.
function insert.job(id, send_at, expires, parts, token, idem, request, callback, replay)
  local ends = expires == '0' and end_of(send_at) or expires
  local order, order_digits = next_order()
  if not redis.call('SET', key('j:' .. id), start .. send_at .. ',' .. send_at .. ',' .. ends .. ',0,"",'
    .. (replay and digits(replay.maybe_sent) or '0') .. ',0,' .. parts .. ',' .. quoted(token) .. ',' .. quoted(idem)
    .. ',"",0,0,' .. digits(order - 1000 * NOW) .. rest_of(callback, replay) .. ']\n' .. request, 'NX') then
    return nil
  end
  local new = expiries
  new[#new + 1], new[#new + 2] = ends, id
  if to_list then
    to_list[#to_list + 1] = id
  end
  if by_number then
    listing.add_to_number(id, request, tonumber(ends))
  end
  if send_at == '0' then
    due_at_once = due_at_once or {}
    new = due_at_once
    new[#new + 1], new[#new + 2] = order_digits, lanes.member_of(batch, id)
    return NOW
  end
  timed = timed or {}
  new = timed
  new[#new + 1], new[#new + 2] = send_at, lanes.numbered_member(batch, id, order)
  return tonumber(send_at)
end

-- Return the count with the new jobs; nil: another program made it unreadable.
local function with_new(count, jobs)
  local number = count == false and 0 or number_in(count, 0, 9e15)
  return number and number % 1 == 0 and digits(number + jobs) or nil
end

-- Write the entries of all new jobs, and count them. Return whether the first job of the budget was accepted.
-- `counts.write` must follow.
function insert.write()
  local jobs = #expiries / 2
  if jobs == 0 then
    return false
  end
  local placed = due_at_once and redis.call('ZADD', key('lane:' .. lane), unpack(due_at_once)) or 0
  lanes.count(lane, placed + (timed and redis.call('ZADD', key('timed:' .. lane), unpack(timed)) or 0))
  if to_list then
    listing.add(to_list, most_listed)
  end
  redis.call('ZADD', key('expiry'), unpack(expiries))
  local more_accepted, more_waiting = with_new(accepted, jobs), with_new(waiting, jobs)
  local is_counted = more_accepted and more_waiting
  if is_counted then
    redis.call('HSET', key('counts'), 'last_order', last_digits, 'accepted', more_accepted, 'waiting', more_waiting)
  else
    try('HSET', key('counts'), 'last_order', last_digits)
  end
  if batch ~= '' or not is_counted then
    counts.add(batch, 'accepted', jobs, is_counted)
    counts.add(batch, 'waiting', jobs, is_counted)
  end
  return accepted == false
end

return insert
