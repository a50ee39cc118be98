-- audit: checks the counts of a budget, or some of its lanes or jobs.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] what: 'budget' (no names), 'lanes' or 'jobs'
-- then 1 for each name: name
-- reply   {kind, of, number of each fault}: as in `reconcile`; and 'no_expiry' for a job missing from the index of open
--         jobs
-- keeps   nothing is written
-- uses: consistency
local what = ARGV[1]
local reply = {}

local function add_finding(kind, of, number)
  if number ~= 0 then
    reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = kind, of, digits(number)
  end
end

local function check_lane(lane)
  for _, kind in ipairs({ 'lane', unpack(consistency.kinds_of_batch(lane)) }) do
    add_finding(kind, lane, consistency.difference(kind, lane))
  end
  local held = consistency.jobs_in(lane)
  add_finding('count', lane, math.max(0, held - tonumber(redis.call('HGET', key('lanes'), lane) or 0)))
  local kind = held > 0 and consistency.fault_of_lane(lane)
  if kind then
    add_finding(kind, lane, 1)
  end
end

local function check_jobs(ids)
  local faults = consistency.faults_of_job(ids)
  for i, id in ipairs(ids) do
    local kind = faults[i]
    if redis.call('ZSCORE', key('expiry'), id) then
      add_finding(kind, id, kind and 1 or 0)
    elseif kind ~= 'ended' and redis.call('EXISTS', key('j:' .. id)) == 1 then
      add_finding(kind or 'no_expiry', id, redis.call('ZSCORE', key('unreadable'), id) and 0 or 1)
    end
  end
end

if what == 'budget' then
  for _, kind in ipairs(consistency.BUDGET_KINDS) do
    add_finding(kind, '', consistency.difference(kind, ''))
  end
elseif what == 'lanes' then
  for i = 2, #ARGV do
    check_lane(ARGV[i])
  end
elseif #ARGV > 1 then
  check_jobs({ select(2, unpack(ARGV)) })
end
return reply
