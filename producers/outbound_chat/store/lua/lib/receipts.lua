-- receipts: of how many messages of a source number a receipt of each kind came, by the hour in which they were sent.
-- True also where no job is known. Messages are counted once each (HyperLogLog, 1 % off at most times), whatever the
-- order of the receipts and however often they come. A number and hour, `<hour ms>:<number>`, is a row:
--   receipts (zset): row -> hour ms
--   receipts:<row> (hash): kind -> messages; `messages`, `refused`, `matched`, and `priced`, which tell their price;
--     `parts` and `price` (millionths of a US dollar) of all; `jumped`: when the share of refused ones was reported
--   receipt_ids:<row>:<kind> (string): the ids of these messages, at most 12 KB
-- uses: events
local receipts = {}

local HOUR_MS = 3600000
local KEPT_MS = 192 * HOUR_MS
local MOST_ROWS = 20000
-- The share of refused messages has jumped if it is this large, and this many times that of the 24 hours before.
local LEAST_MESSAGES, LEAST_SHARE, TIMES, HOURS_BEFORE = 20, 0.2, 3, 24

local function number_of(row, field)
  return number_in(try('HGET', key('receipts:' .. row), field), 0, 1e15) or 0
end

-- Return the row, which becomes one of the number `other` if there are too many.
local function find_row(hour, number)
  local row = digits(hour) .. ':' .. number
  if try('ZADD', key('receipts'), 'NX', digits(hour), row) == 1 then
    redis.call('ZREMRANGEBYSCORE', key('receipts'), '-inf', digits(NOW - KEPT_MS))
    if redis.call('ZCARD', key('receipts')) > MOST_ROWS then
      redis.call('ZREM', key('receipts'), row)
      row = digits(hour) .. ':other'
      redis.call('ZADD', key('receipts'), digits(hour), row)
    end
    redis.call('PEXPIRE', key('receipts'), digits(KEPT_MS))
  end
  return row
end

-- Report once that the share of refused messages has jumped.
local function check_share(row, hour, number, kind)
  local messages, refused = number_of(row, 'messages'), number_of(row, 'refused')
  if hour <= NOW - 2 * HOUR_MS or messages < LEAST_MESSAGES or refused < LEAST_SHARE * messages then
    return
  end
  local all, bad = 0, 0
  for back = 1, HOURS_BEFORE do
    local earlier = digits(hour - back * HOUR_MS) .. ':' .. number
    all, bad = all + number_of(earlier, 'messages'), bad + number_of(earlier, 'refused')
  end
  if refused * all >= TIMES * bad * messages and try('HSETNX', key('receipts:' .. row), 'jumped', digits(NOW)) == 1 then
    events.add('receipts_refused', number, '', kind)
  end
end

-- Count a receipt. Return whether it told something new.
function receipts.count(receipt, is_matched)
  local hour = number_in(receipt.hour_ms, NOW - KEPT_MS + HOUR_MS, NOW + HOUR_MS) or NOW - NOW % HOUR_MS
  local row = find_row(hour, receipt.number)
  local counts = key('receipts:' .. row)
  -- Add the message to those of a kind. Return by how many these became more.
  local function add(kind)
    local ids = key('receipt_ids:' .. row .. ':' .. kind)
    if try('PFADD', ids, receipt.message) ~= 1 then
      return 0
    end
    local before = number_of(row, kind)
    local now = try('PFCOUNT', ids) or before
    try('HSET', counts, kind, digits(now))
    redis.call('PEXPIRE', ids, digits(hour + KEPT_MS - NOW))
    redis.call('PEXPIRE', counts, digits(hour + KEPT_MS - NOW))
    return math.max(0, now - before)
  end
  local new = add(receipt.kind)
  add('messages')
  if is_matched then
    add('matched')
  end
  if receipt.parts + receipt.price > 0 then
    local more = add('priced')
    try('HINCRBY', counts, 'parts', digits(more * receipt.parts))
    try('HINCRBY', counts, 'price', digits(more * receipt.price))
  end
  if receipt.refused and add('refused') > 0 then
    check_share(row, hour, string.match(row, ':(.*)$'), receipt.kind)
  end
  return new > 0
end

return receipts
