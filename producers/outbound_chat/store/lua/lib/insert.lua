-- insert: adds new jobs to the store. Hundreds come at once, so what they share is built once, and their entries are
-- written together. Most of a script's time goes into calls and into making texts of numbers and tables, so numbers
-- that come as text stay text.
-- uses: counts lanes listing records
local insert = {}

local START = '[' .. records.NEWEST_VERSION .. ',"queued",'

-- Of this call: the lane of all jobs, its batch, what their heads begin with, and how long a job without an end lives.
local lane, batch, start, max_age_ms
-- What `insert.write` will write, and the last number in the order of acceptance; see `lanes`.
local expiries, places, last_order, last_digits
-- See `listing`: how many single jobs stay listed, the ids to add, and whether jobs are listed by their phone number.
local most_listed, to_list, by_number
-- When jobs with this `send_at` end that have no end of their own: rows mostly share it.
local known_send_at, known_end

-- Begin to add jobs to a lane. `max_age`: see `insert.job`. `most`: how many single jobs stay listed, 0: none is.
-- `finds_numbers`: '1' to list them by their number.
function insert.begin(of_lane, max_age, most, finds_numbers)
  lane, batch, max_age_ms = of_lane, lanes.batch_of(of_lane), max_age
  -- The lane is stored without the batch, which the id contains.
  start = START .. cjson.encode(string.sub(lane, 1, #lane - #batch)) .. ',' .. digits(NOW) .. ','
  expiries, places, last_order, known_send_at = {}, { ['lane:'] = {}, ['timed:'] = {} }, nil, nil
  most_listed, to_list, by_number = most, batch == '' and most > 0 and {}, finds_numbers == '1'
end

-- Return the job's number in the order of acceptance, and its digits. `bucket` keeps the last number.
local function next_order()
  last_order = last_order or number_in(try('HGET', key('bucket'), 'last_order'), 0, 9e15) or 0
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
  local part, ends = send_at == '0' and 'lane:' or 'timed:', expires == '0' and end_of(send_at) or expires
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
  new = places[part]
  if part == 'lane:' then
    new[#new + 1], new[#new + 2] = order_digits, lanes.member_of(batch, id)
    return NOW
  end
  new[#new + 1], new[#new + 2] = send_at, lanes.numbered_member(batch, id, order)
  return tonumber(send_at)
end

-- Write the entries of all new jobs, and count them.
function insert.write()
  if #expiries == 0 then
    return
  end
  for part, new in pairs(places) do
    if #new > 0 then
      lanes.count(lane, redis.call('ZADD', key(part .. lane), unpack(new)))
    end
  end
  try('HSET', key('bucket'), 'last_order', last_digits)
  if to_list then
    listing.add(to_list, most_listed)
  end
  redis.call('ZADD', key('expiry'), unpack(expiries))
  counts.add(batch, 'accepted', #expiries / 2)
  counts.add(batch, 'waiting', #expiries / 2)
end

return insert
