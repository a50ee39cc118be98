-- insert: adds new jobs to the store. Hundreds come at once, so what they share is built once, and their entries are
-- written together: most of a script's time goes into JSON and into calls.
-- uses: counts lanes records
local insert = {}

local known_heads, expiries, places, last_order

before_each_call('insert', function()
  known_heads, expiries, places, last_order = {}, {}, { ['lane:'] = {}, ['timed:'] = {} }, nil
end)
-- Return the job's number in the order of acceptance: see `lanes`. `bucket` keeps the last number.
local function next_order()
  last_order = last_order or number_in(try('HGET', key('bucket'), 'last_order'), 0, 9e15) or 0
  last_order = math.max(last_order + 1, math.floor(EXACT_NOW_MS * 1000 + 0.5))
  return last_order
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

-- The head of a job with neither token, key, URL nor predecessor, up to its order: cjson would take longer.
local PLAIN = '[%d,"queued",%s,%.0f,%.0f,%.0f,%.0f,0,"",0,0,%.0f,"","","",0,0,'

-- Return the head of a new job as JSON.
local function new_head(job, expires, order)
  local lane = string.sub(job.lane, 1, #job.lane - #records.batch_in_id(job.id))
  if job.token .. job.idem .. job.callback == '' and not job.replay_of then
    local known = known_heads[job.parts]
    if not (known and known.send_at == job.send_at and known.expires == expires) then
      known = { send_at = job.send_at, expires = expires, json = string.format(PLAIN, records.NEWEST_VERSION,
        cjson.encode(lane), NOW, job.send_at, job.send_at, expires, job.parts) }
      known_heads[job.parts] = known
    end
    return known.json .. digits(order - 1000 * NOW) .. ']'
  end
  local head = { records.NEWEST_VERSION, 'queued', lane, NOW, job.send_at, job.send_at, expires, 0, '',
    job.maybe_sent or 0, 0, job.parts, job.token, job.idem, '', 0, 0, order - 1000 * NOW, job.replay_of }
  if job.callback ~= '' then
    head[REPLAY_OF], head[REPLAYED_BY], head[CALLBACK] = job.replay_of or '', '', job.callback
  end
  return cjson.encode(head)
end

-- Add a job and return when it is due; nil: a job has its id already, and nothing changed. `job`: id, lane (the same
-- for all), batch (of the lane), send_at (0: at once), expires (0: due + max_age), max_age, parts, token, idem,
-- request, callback ('': none); for a replay also maybe_sent and replay_of. `insert.write` must follow.
function insert.job(job)
  local due = job.send_at > 0 and job.send_at or NOW
  local expires = job.expires > 0 and job.expires or math.max(due, NOW) + job.max_age
  local order, part = next_order(), job.send_at > 0 and 'timed:' or 'lane:'
  if not redis.call('SET', key('j:' .. job.id), new_head(job, expires, order) .. '\n' .. job.request, 'NX') then
    return nil
  end
  local new = places[part]
  new[#new + 1] = digits(job.send_at > 0 and job.send_at or order)
  new[#new + 1] = job.send_at > 0 and lanes.numbered_member(job.batch, job.id, order)
    or lanes.member_of(job.batch, job.id)
  expiries[#expiries + 1], expiries[#expiries + 2] = digits(expires), job.id
  return due
end

-- Write the entries of all new jobs, and count them.
function insert.write(lane)
  if #expiries == 0 then
    return
  end
  local batch = lanes.batch_of(lane)
  for part, new in pairs(places) do
    if #new > 0 then
      lanes.count(lane, redis.call('ZADD', key(part .. lane), unpack(new)))
    end
  end
  try('HSET', key('bucket'), 'last_order', digits(last_order))
  redis.call('ZADD', key('expiry'), unpack(expiries))
  counts.add(batch, 'accepted', #expiries / 2)
  counts.add(batch, 'waiting', #expiries / 2)
end

return insert
