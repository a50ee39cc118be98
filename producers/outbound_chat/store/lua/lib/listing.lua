-- listing: the lists in which jobs are found whose ids nobody has kept. `listed` (list) has the newest single jobs,
-- `by_number:<blind index>` (list) the newest jobs of a phone number; both begin with the newest. Readers skip ids of
-- jobs that are gone, which stay for a while. No job may fail because of a list, so one that another program wrote is
-- left alone.
-- A ULID is a number of 128 bits, so an id takes 16 bytes in a list, where its text would take 26.
-- uses: retention
local listing = {}

-- A list is cut when it is this much longer than it may be, so that not every job pays for it.
local SPARE = 100
local MOST_OF_NUMBER = 500
local LOOKED = 100
local ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
local BLIND_INDEX = '^encrypted:[^:]*:([^:]+):'
-- Byte of a character -> its number. I, L, O and U are left out. https://github.com/ulid/spec
local VALUES = {}
local BYTES = { 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 65, 66, 67, 68, 69, 70, 71, 72, 74, 75, 77, 78, 80, 81, 82, 83,
  84, 86, 87, 88, 89, 90 }
for i = 1, #BYTES do
  VALUES[BYTES[i]] = i - 1
end

-- Return the five bytes of eight characters. Every single job pays for this, so it makes no text and no large number.
local function five_bytes(id, from)
  local a, b, c, d, e, f, g, h = string.byte(id, from, from + 7)
  b, d, e, g = VALUES[b], VALUES[d], VALUES[e], VALUES[g]
  local low_b, low_d, low_e, low_g = b % 4, d % 16, e % 2, g % 8
  return VALUES[a] * 8 + (b - low_b) / 4, low_b * 64 + VALUES[c] * 2 + (d - low_d) / 16, low_d * 16 + (e - low_e) / 2,
    low_e * 128 + VALUES[f] * 4 + (g - low_g) / 8, low_g * 32 + VALUES[h]
end

local function packed(id)
  local first, second = string.byte(id, 1, 2)
  if #id < 26 or first > 55 then
    return id -- it is no ULID
  end
  local a, b, c, d, e = five_bytes(id, 3)
  local f, g, h, i, j = five_bytes(id, 11)
  local ulid = string.char(VALUES[first] * 32 + VALUES[second], a, b, c, d, e, f, g, h, i, j, five_bytes(id, 19))
  return #id == 26 and ulid or ulid .. string.sub(id, 27)
end

-- How long records are kept, and until when the keys of blind indexes were noted in this call.
local keep_ms, noted_ms

before_each_call('listing', function()
  keep_ms, noted_ms = nil, 0
end)

local function char_of(number, place)
  local at = math.floor(number / place) % 32 + 1
  return string.sub(ALPHABET, at, at)
end

local function eight_chars(a, b, c, d, e)
  local high, low = a * 4096 + b * 16 + math.floor(c / 16), c % 16 * 65536 + d * 256 + e
  return char_of(high, 32768) .. char_of(high, 1024) .. char_of(high, 32) .. char_of(high, 1)
    .. char_of(low, 32768) .. char_of(low, 1024) .. char_of(low, 32) .. char_of(low, 1)
end

local function unpacked(raw)
  if #raw < 16 then
    return raw
  end
  local first = string.byte(raw)
  return char_of(first, 32) .. char_of(first, 1) .. eight_chars(string.byte(raw, 2, 6))
    .. eight_chars(string.byte(raw, 7, 11)) .. eight_chars(string.byte(raw, 12, 16)) .. string.sub(raw, 17)
end

-- Add single jobs. `most`: how many stay listed.
function listing.add(ids, most)
  for i = 1, #ids do
    ids[i] = packed(ids[i])
  end
  local length = try('LPUSH', key('listed'), unpack(ids))
  if length and length >= most + SPARE then
    redis.call('LTRIM', key('listed'), 0, most - 1)
  end
end

-- Add a job to the list of its number, which lives as long as the record of any job in it may. `ends`: when the job
-- expires at the latest, in ms. Without encryption the request has no blind index, and the job is not added.
-- `number_keys` (zset key of blind indexes -> until ms) names the keys of all lists, with which blind indexes begin:
-- those of two keys can't be compared.
function listing.add_to_number(id, request, ends)
  local index = string.match(request, BLIND_INDEX)
  local name = index and key('by_number:' .. index)
  local length = name and try('LPUSH', name, packed(id))
  if not length then
    return
  elseif length >= MOST_OF_NUMBER + SPARE then
    redis.call('LTRIM', name, 0, MOST_OF_NUMBER - 1)
  end
  keep_ms = keep_ms or retention.record_ms()
  local until_ms = ends + keep_ms
  redis.call('PEXPIRE', name, digits(until_ms - NOW), length == 1 and 'NX' or 'GT')
  if until_ms > noted_ms and try('ZADD', key('number_keys'), 'GT', digits(until_ms), string.sub(index, 1, 6)) then
    redis.call('PEXPIRE', key('number_keys'), digits(until_ms - NOW + keep_ms))
    noted_ms = until_ms
  end
end

-- Count the other keys of blind indexes, by one of which a list is named.
function listing.other_keys(name)
  local index = string.match(name, '^by_number:(.*)$')
  local live = index and try('ZRANGEBYSCORE', key('number_keys'), digits(NOW), '+inf') or {}
  local others = 0
  for _, key_id in ipairs(live) do
    others = others + (key_id ~= string.sub(index, 1, 6) and 1 or 0)
  end
  return others
end

-- Return up to `count` ids, the newest first, and whether there are more. `name`: of the list. `after`: the id behind
-- which to begin; '': at the newest. `skipped`: how many to pass over first. The oldest ids are removed first, so if
-- `after` is gone, all behind it are.
function listing.page(name, after, skipped, count)
  local at = after == '' and -1 or try('LPOS', key(name), packed(after))
  local first = at and at + 1 + skipped
  local raw = first and try('LRANGE', key(name), digits(first), digits(first + count)) or {}
  local ids = {}
  for i = 1, math.min(#raw, count) do
    ids[i] = unpacked(raw[i])
  end
  return ids, #raw > count
end

-- Remove the oldest ids of `listed` up to the first job that still has a record.
function listing.forget_gone()
  local raw = try('LRANGE', key('listed'), -LOOKED, -1) or {}
  local gone = 0
  while gone < #raw and redis.call('EXISTS', key('j:' .. unpacked(raw[#raw - gone]))) == 0 do
    gone = gone + 1
  end
  if gone > 0 then
    redis.call('LTRIM', key('listed'), 0, -1 - gone)
  end
end

return listing
