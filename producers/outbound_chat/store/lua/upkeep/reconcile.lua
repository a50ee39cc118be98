-- reconcile: finds and repairs jobs and lanes that no claim would reach, some with each call.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] lease_ms: lease for a running call that has lost its own
-- reply   {next_ms, repairs, then word, kind, of, number of each finding}; next_ms: time to the next run; repairs: how
--         many repairs were made, of which the first are listed; word: 'repaired', 'fault' (reported only) or 'cleared'
--         (a fault that is gone); of: the job or lane, '': the whole budget; number: by how much a count is off
-- keeps   no count is changed to fit another; a job that is put back is called once; of many wakers one runs this at a
--         time, and they share the scans, whose cursors are in `scan`
-- uses: attempts consistency counts lanes repair
local lease_ms = tonumber(ARGV[1])
-- A scan of all lanes takes 25 s at most. A scan of all jobs does too if some are missing; else it may take longer.
local LANES, LANES_SCAN_MS, LONGEST_MS = 100, 25000, 1000
local FEW_JOBS, MANY_JOBS, FAST_MS = 20, 400, 5
local SCAN_KEPT_MS = 86400000

local due_ms, looked_ms, lanes_cursor, jobs_cursor, is_fast, twice, place_on_page =
  unpack(redis.call('HMGET', key('scan'), 'next_ms', 'looked_ms', 'lanes', 'jobs', 'fast', 'again', 'place'))
local fast = is_fast == '1'

local function look_at_lane(lane, jobs)
  if not lanes.parts(lane) then
    return
  end
  local held = redis.call('ZCARD', key('lane:' .. lane))
  held = held == jobs and held or consistency.jobs_in(lane)
  if held > jobs then
    repair.recount(lane, held)
  elseif held < jobs then
    repair.check('lane', lane)
  end
  for _, kind in ipairs(consistency.kinds_of_batch(lane)) do
    repair.check(kind, lane)
  end
  local kind = held > 0 and consistency.fault_of_lane(lane)
  if kind then
    repair.repair_lane(lane, kind)
  end
end

-- Continue at the cursor and the position on its page, since a small hash comes on one page.
local function scan_lanes(cursor, place)
  local page = redis.call('HSCAN', key('lanes'), cursor, 'COUNT', LANES)
  local last = math.min(#page[2], place + 2 * LANES)
  for i = place + 1, last, 2 do
    look_at_lane(page[2][i], tonumber(page[2][i + 1]))
  end
  local done = last == #page[2]
  redis.call('HSET', key('scan'), 'lanes', done and page[1] or cursor, 'place', done and 0 or last)
end

-- Return the set of lanes known to have lost jobs, to which a fast scan is limited; nil: all lanes.
local function lanes_to_search()
  local names = redis.call('HKEYS', key('faults'))
  if #names >= repair.MOST_FAULTS or redis.call('HEXISTS', key('faults'), 'lanes:') == 1 then
    return nil
  end
  local some = {}
  for _, name in ipairs(names) do
    some[string.match(name, '^lane:(.*)$') or ''] = true
  end
  return some
end

local function scan_jobs(cursor, most)
  local page = redis.call('ZSCAN', key('expiry'), cursor, 'COUNT', most)
  local ids = {}
  for i = 1, #page[2], 2 do
    ids[#ids + 1] = page[2][i]
  end
  local faults, by_lane = {}, {}
  if #ids > 0 then
    faults, by_lane = consistency.faults_of_job(ids, fast and lanes_to_search() or nil)
  end
  for i, id in ipairs(ids) do
    if faults[i] then
      repair.repair_job(id, faults[i], lease_ms)
    end
  end
  for lane in pairs(by_lane) do
    if redis.call('HEXISTS', key('lanes'), lane) == 0 and consistency.jobs_in(lane) > 0 then
      repair.recount(lane, consistency.jobs_in(lane))
    end
  end
  return page[1]
end

local function look()
  for _, kind in ipairs(consistency.BUDGET_KINDS) do
    repair.check(kind, '')
  end
  repair.check_again()
  repair.repair_rings()
  repair.repair_calls()
  scan_lanes(lanes_cursor or '0', tonumber(place_on_page or 0))
  redis.call('HSET', key('scan'), 'looked_ms', digits(NOW))
end

local lanes_ms = math.min(LONGEST_MS, math.ceil(LANES_SCAN_MS * LANES / math.max(1, redis.call('HLEN', key('lanes')))))
local wait_ms = tonumber(due_ms or 0) - NOW
if wait_ms > 0 and wait_ms <= LONGEST_MS then
  return { wait_ms, 0 }
end
if math.abs(NOW - tonumber(looked_ms or 0)) >= lanes_ms then
  look()
end
local cursor = scan_jobs(jobs_cursor or '0', fast and MANY_JOBS or FEW_JOBS)
local reported, repairs, needs_scan = repair.outcome()
local again = twice == '1' or (fast and needs_scan)
if needs_scan and not fast then
  fast, cursor = true, '0'
elseif fast and cursor == '0' then
  fast, again = again, false
end
local next_ms = fast and FAST_MS or lanes_ms
redis.call('HSET', key('scan'), 'jobs', cursor, 'fast', fast and '1' or '0', 'again', again and '1' or '0',
  'next_ms', digits(NOW + next_ms))
redis.call('PEXPIRE', key('scan'), SCAN_KEPT_MS)
if repairs > 0 then
  counts.add('', 'repaired', repairs)
  counts.write()
end
attempts.open_changed_gates()
return { next_ms, repairs, unpack(reported) }
