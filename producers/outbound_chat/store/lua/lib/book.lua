-- book: what readers see of a batch.
local BOOK_FIELDS = { 'name', 'lane', 'created_at', 'closed_at', 'final_at', 'accepted', 'rejected', 'waiting', 'leased',
  'sent', 'failed', 'expired', 'cancelled', 'uncertain', 'unreadable', 'mark_ms', 'mark_done', 'last_ms', 'source' }

-- Its fields in their order; nil: there is no such batch, 'unreadable': another program wrote its book.
local function read_book(batch)
  local found = read('HMGET', key('b:' .. batch), unpack(BOOK_FIELDS))
  if found and not found[3] then
    return nil
  elseif not found or not found[2] or not lane_parts(found[2]) then
    return nil, 'unreadable'
  end
  return found
end

local function lane_of_book(found)
  return found[2]
end

local function is_final_book(found)
  return found[5] ~= false
end

local function waiting_of_book(found)
  return tonumber(found[8]) or 0
end

-- How many of its waiting jobs were never called and are not due yet.
local function scheduled_in(lane)
  return redis.call('ZCOUNT', key('timed:' .. lane), NOW + 1, '+inf')
end

local function add_book(reply, found)
  for i, field in ipairs(BOOK_FIELDS) do
    reply[#reply + 1], reply[#reply + 2] = field, found[i] or ''
  end
end
