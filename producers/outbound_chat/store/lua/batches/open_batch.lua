-- open_batch: begins a batch, to which `submit` adds jobs until `close_batch`; or finds the batch that has the key.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] batch: its id
-- ARGV[2] lane: priority:sender:tenant:batch, the lane of all its jobs
-- ARGV[3] name: the name that its producer gave it
-- ARGV[4] shared: the part of the request that all its jobs share
-- ARGV[5] weight: its turns for each turn of the others ('': 1)
-- ARGV[6] concurrency: how many of its calls may run at the same time ('': no limit)
-- ARGV[7] callback: URL for webhooks of it and of its jobs ('': none)
-- ARGV[8] batch_key: hash of the key by which its producer finds it after a restart ('': none)
-- ARGV[9] fingerprint: hashes of its options; the first is stored, all mean the same options
-- ARGV[10] source: hash of the file that its rows come from ('': none); the record keeps it while all rows are from
--         that file
-- ARGV[11] alike: more hashes, with spaces between, by which `find_batches` finds the batches that were begun last
-- ARGV[12] only: 'only': a batch is found but never begun; '': one is begun if there is none
-- ARGV[13] hold: why a person holds it before its first job, or if it was begun before and is not final ('': nobody
--         does)
-- then    hashes of the idempotency keys of the first rows: no batch is begun if each of them belongs to a job
-- reply   {'new', other}: it was begun; other: the batch begun last with this source, if that is not closed, else ''
--         {'same' or 'conflict', id, created_ms, closed_ms, rows}: the batch of this key; closed_ms: '' while it is
--         open, rows: the last row that was accepted
--         {'none'}: there is none, and none was begun
--         {'unreadable'}: what is stored about the key is unreadable, so nobody knows
-- keeps   a key has one batch; a repeat changes nothing
-- uses: batches gates lanes
local id, batch_key, source = ARGV[1], ARGV[8], ARGV[10]
local FIRST_OPTION, FIRST_KEY = 5, 14

-- Return the other batch that has the key: id, fingerprint, and fields of its record; false: its key is unreadable.
local function begun_before()
  local kept = try('GET', key('opened:' .. batch_key))
  local other, asked = string.match(kept or '', '^(%w+) (%S+)$')
  if kept ~= false and not other then
    return false
  elseif not other or other == id then
    return nil
  end
  local found = try('HMGET', key('b:' .. other), 'created_at', 'closed_at', 'rows', 'source', 'final_at')
  if not found then
    return false
  end
  local created_at, closed_at, rows, of_source, final_at = unpack(found)
  if created_at then
    return other, asked,
      { created_at = created_at, closed_at = closed_at, rows = rows, source = of_source, final_at = final_at }
  end
end

local function hold(batch)
  local scope = 'batch:' .. batch
  if ARGV[13] ~= '' and not gates.read_hold('person', scope) then
    gates.write_hold('person', scope, { reason = ARGV[13], since_ms = NOW })
  end
end

-- Note this batch for a hash, together with the one before it; return that one's id, '' if there is none.
local function note(hash)
  local name = key('source:' .. hash)
  local last, before = string.match(try('GET', name) or '', '^(%w+) (%w*)$')
  if last ~= id then
    before = last or ''
    redis.call('SET', name, id .. ' ' .. before, 'PX', digits(batches.EMPTY_MS))
  end
  return before
end

local function begin()
  local record = key('b:' .. id)
  if redis.call('HSETNX', record, 'created_at', digits(NOW)) == 1 then
    redis.call('HSET', record, 'lane', ARGV[2], 'name', ARGV[3], 'shared', ARGV[4])
    for i, field in ipairs({ 'weight', 'concurrency', 'callback', 'batch_key' }) do
      if ARGV[FIRST_OPTION + i - 1] ~= '' then
        redis.call('HSET', record, field, ARGV[FIRST_OPTION + i - 1])
      end
    end
    if source ~= '' then
      redis.call('HSET', record, 'source', source)
    end
    if batch_key ~= '' then
      redis.call('SET', key('opened:' .. batch_key), id .. ' ' .. string.match(ARGV[9], '^%S+'))
    end
    hold(id)
    batches.list_as_open(id)
    batches.settle(id)
  end
  for hash in string.gmatch(ARGV[11], '%S+') do
    note(hash)
  end
end

-- Return the last batch with the same source, if it is open.
local function unfinished()
  local before = note(source)
  local created_at, closed_at = unpack(try('HMGET', key('b:' .. before), 'created_at', 'closed_at') or {})
  return created_at and not closed_at and before or ''
end

-- Whether each of the first rows belongs to a job already.
local function all_repeated()
  local tenant = lanes.tenant_of(ARGV[2])
  for i = FIRST_KEY, #ARGV do
    if redis.call('EXISTS', key('idem:' .. tenant .. ':' .. ARGV[i])) == 0 then
      return false
    end
  end
  return #ARGV >= FIRST_KEY
end

if ARGV[13] ~= '' and not try('HLEN', key('holds')) then
  return redis.error_reply('WRONGTYPE holds')
end
if batch_key ~= '' then
  local other, asked, found = begun_before()
  if other == false then
    return { 'unreadable' }
  elseif other then
    local same = string.find(' ' .. ARGV[9] .. ' ', ' ' .. asked .. ' ', 1, true)
    if same and not found.closed_at and (found.source or '') ~= source then
      redis.call('HDEL', key('b:' .. other), 'source')
    end
    if same and not found.final_at then
      hold(other)
    end
    return { same and 'same' or 'conflict', other, found.created_at, found.closed_at or '', found.rows or '0' }
  end
end
if ARGV[12] ~= '' or all_repeated() then
  return { 'none' }
end
begin()
return { 'new', source ~= '' and unfinished() or '' }
