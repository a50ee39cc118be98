-- claim: gives a pump the jobs it may call now, each with a lease.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] pump: who asks
-- ARGV[2] claim: id of this claim, never used again; it fences finish and renew
-- ARGV[3] wanted: how many jobs at most (1 to 500)
-- ARGV[4] lease_ms: time until another may claim them
-- ARGV[5] linger_ms: how long the pump would wait for work; 0: it leaves
-- ARGV[6] nonce: of the request that brought the pump, until its first claim is answered; '': it had none
-- reply   {'claimed', now_ms, pace_ms, bring, then id, head, request of each job}; pace_ms: time to the next token,
--         0: none lacked; bring: nonce with which the caller is to bring one more pump, '': none
--         {'empty', now_ms, waiting, until_ms}; waiting: 1 when the pump was registered and is to wait on `poke`;
--         until_ms: time to the next due job, -1: there is none
--         {'paced', now_ms, pace_ms, pumps}: the budget gives no token yet; pumps: how many work for the budget
--         {'dismissed'}: the request was answered by another pump; this one ends
--         {'unconfigured'}: nobody wrote the budget's settings
-- keeps   a job is in its lane or leased, never both; twice gives the same jobs and takes no token twice
-- uses: base record lanes books final bucket wake
local pump, claim, wanted, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local MOST = 500
local CLAIM_MEMORY_MS = 60000

local reply = { 'claimed', NOW, 0, '' }

local function add_to_reply(id, head, request)
  reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = id, cjson.encode(head), request
end

local function repeat_answer(ids, pace_ms, bring)
  for _, id in ipairs(ids) do
    local head, request = load_record(id)
    if head and head[CLAIM] == claim then
      add_to_reply(id, head, request)
    end
  end
  reply[3], reply[4] = pace_ms, bring
  return reply
end

local function mark(id, head, request)
  head[STATE], head[CLAIM], head[DUE] = 'sending', claim, NOW
  head[ATTEMPTS] = head[ATTEMPTS] + 1
  save_record(id, head, request)
  redis.call('ZADD', key('leases'), digits(NOW + lease_ms), id)
  move(batch_of(head), 'waiting', 'leased')
  add_to_reply(id, head, request)
end

-- Takes the job out of waiting; true when the pump may call it.
local function admit(id, batch)
  local head, request = load_record(id)
  if not head then
    set_aside(id, batch, 'waiting')
  elseif head[EXPIRES] <= NOW then
    conclude(id, head, request, 'waiting', 'expired')
  elseif head[MAYBE_SENT] > 0 and NOW > head[MAYBE_SENT] + HORIZON_MS then
    conclude(id, head, request, 'waiting', 'uncertain')
  else
    mark(id, head, request)
    return true
  end
end

-- Urgent goes before normal before bulk, but of ten jobs the tenth is of the lower ones, by turns, so that none starves.
local SHARE = 10
local IN_ORDER, BULK_FIRST, NORMAL_FIRST = { 1, 2, 3 }, { 3, 2, 1 }, { 2, 3, 1 }

-- The lane whose turn it is after so many jobs, and how many jobs it may give before the turn passes on.
local function next_turn(most, served)
  local left = SHARE - 1 - served % SHARE
  local order = left > 0 and IN_ORDER or (served % (2 * SHARE) < SHARE and BULK_FIRST or NORMAL_FIRST)
  for _, priority in ipairs(order) do
    local ring = key('ring:' .. priority)
    local tenants = redis.call('ZRANGE', ring, 0, 1)
    if tenants[1] then
      local lanes = redis.call('ZRANGE', ring .. ':' .. tenants[1], 0, 1)
      return lanes[1], (tenants[2] or lanes[2]) and 1 or math.min(most, math.max(1, left))
    end
  end
end

local function pass_turn(lane, by)
  local priority, _, tenant = lane_parts(lane)
  redis.call('ZINCRBY', key('ring:' .. priority), by, tenant)
  redis.call('ZINCRBY', key('ring:' .. priority .. ':' .. tenant), by, lane)
  enroll(lane)
end

local function take_jobs(allowed)
  local ids, handled = {}, 0
  local served = tonumber(redis.call('HGET', key('bucket'), 'served') or 0)
  while #ids < allowed and handled < MOST do
    local lane, most = next_turn(allowed - #ids, served + #ids)
    if not lane then
      break
    end
    local _, _, _, batch = lane_parts(lane)
    local due = take_due(lane, most)
    for _, id in ipairs(due) do
      if admit(id, batch) then
        ids[#ids + 1] = id
      end
    end
    handled = handled + math.max(1, #due)
    pass_turn(lane, math.max(1, #due))
  end
  redis.call('HSET', key('bucket'), 'served', (served + #ids) % (2 * SHARE))
  return ids
end

local function empty()
  local later = redis.call('ZRANGE', key('later'), 0, 0, 'WITHSCORES')
  local until_ms = later[2] and math.max(0, tonumber(later[2]) - NOW) or -1
  if ring_has_work() then
    -- All that this claim looked at had expired, and more is due.
    until_ms = 0
  end
  local waiting = 0
  if tonumber(ARGV[5]) > 0 and redis.call('SET', key('waiting'), pump, 'NX', 'PX', ARGV[5] + 500) then
    waiting = 1
    pump_is_alive(pump, tonumber(ARGV[5]))
  end
  return { 'empty', NOW, waiting, until_ms }
end

local known = redis.call('GET', key('claims:' .. pump))
if known then
  local earlier = cjson.decode(known)
  if earlier[1] == claim then
    return repeat_answer(earlier[2], earlier[3], earlier[4])
  end
end
local rate, burst, max_pumps = read_allowance()
if not rate then
  return { 'unconfigured' }
end
if ARGV[6] ~= '' and not is_wanted(pump, ARGV[6]) then
  return { 'dismissed' }
end
pump_is_alive(pump, 0)
if redis.call('GET', key('waiting')) == pump then
  redis.call('DEL', key('waiting'))
end
enroll_due_lanes()
if not ring_has_work() then
  return empty()
end
local tokens = read_bucket(rate, burst)
local pace_ms = until_token(tokens, rate)
if pace_ms > 0 then
  return { 'paced', NOW, pace_ms, live_pumps() }
end
local ids = take_jobs(math.min(wanted, math.floor(tokens + 1e-6)))
tokens = tokens - #ids
write_bucket(tokens)
write_books()
if #ids == 0 then
  return empty()
end
reply[3] = until_token(tokens, rate)
if #ids == wanted and reply[3] == 0 and ring_has_work() then
  reply[4] = ask_for_one_more(max_pumps)
end
redis.call('SET', key('claims:' .. pump), cjson.encode({ claim, ids, reply[3], reply[4] }), 'PX', CLAIM_MEMORY_MS)
return reply
