-- submit: accepts jobs of one lane into the store, and wakes a pump for them.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] lane: priority:sender:tenant:batch
-- ARGV[2] max_age_ms: life of a job after it is due, where it has no end of its own
-- ARGV[3] rejected: rows of the batch that its producer has refused so far
-- ARGV[4] listed: how many single jobs stay listed (0: these are not)
-- ARGV[5] by_number: 1 to list them by their phone number
-- then 9 for each job:
--   id, send_at_ms (0: at once), expires_ms (0: due + max_age_ms), parts, token ('' : made from the id), idem ('' or
--   hash of the idempotency key), fingerprint (hashes of what the caller asked for; the first is kept, each means the
--   same), request, callback (its own URL for webhooks, '': none)
-- reply   {'ok' or 'first', now_ms, then for each job that is not new: index, 'same' or 'conflict', id of the other
--         job}; id '': what is kept of the idempotency key can't be read, so nobody knows; 'first': no job of the
--         budget came before
--         {'unknown_batch'} or {'batch_closed'}: nothing was taken; without its batch no row is, but the answer is as
--         above where all have a key that belongs to a job
-- keeps   one record, one place in a lane, one place in the expiry index, one count a job; twice changes nothing. Rows
--         come in order: one up to the last that came before is never taken again, whatever became of its record
-- uses: counts insert lanes pump_requests records ring
local FIRST, WIDTH = 6, 9
-- Where some values of a job lie behind its id.
local KEY, FINGERPRINT = 5, 6
local lane = ARGV[1]
local _, _, tenant, batch = lanes.parts(lane)
-- The last row that came before; -1: none of these rows did.
local reply, earliest, handled = { 'ok', NOW }, math.huge, -1

if batch ~= '' then
  -- If every row has a key of another job, the answer needs no batch, which begins with its first job.
  local function all_repeated()
    for i = FIRST, #ARGV, WIDTH do
      if redis.call('EXISTS', key('idem:' .. tenant .. ':' .. ARGV[i + KEY])) == 0 then
        return false
      end
    end
    return #ARGV >= FIRST
  end

  local created_at, closed_at, rows = unpack(try('HMGET', key('b:' .. batch), 'created_at', 'closed_at', 'rows') or {})
  if not created_at and not all_repeated() then
    return { 'unknown_batch' }
  end
  local last = records.row_in_id(ARGV[#ARGV - WIDTH + 1] or '')
  handled = not created_at and math.huge or number_in(rows, 0, 1e9) or 0
  if last > handled then
    redis.call('HSET', key('b:' .. batch), 'rejected', ARGV[3], 'rows', digits(closed_at and handled or last))
    if closed_at then
      return { 'batch_closed' }
    end
  end
  if handled < records.row_in_id(ARGV[FIRST] or '') then
    handled = -1
  end
end
insert.begin(lane, batch, tonumber(ARGV[2]), tonumber(ARGV[4]), ARGV[5])
-- Not a function: Lua would make it, and a variable for each value that it uses, at each call.
for i = FIRST, #ARGV, WIDTH do
  local id, idem, other, verdict = ARGV[i], ARGV[i + KEY], nil, nil
  local old = handled >= 0 and records.row_in_id(id) <= handled
  -- Without a key `insert.job` finds out by itself.
  local is_done = (old or idem ~= '') and redis.call('EXISTS', key('j:' .. id)) == 1
    or old and redis.call('EXISTS', key('idem:' .. tenant .. ':' .. idem)) == 0
  if idem ~= '' and not is_done then
    other, verdict = insert.other_job(tenant, id, idem, ARGV[i + FINGERPRINT])
  end
  if other then
    reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = (i - FIRST) / WIDTH, verdict, other
  elseif not old and not is_done then
    local due = insert.job(id, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], idem, ARGV[i + 7], ARGV[i + 8])
    earliest = due and math.min(due, earliest) or earliest
  end
end
reply[1] = insert.write() and 'first' or 'ok'
counts.write()
if earliest < math.huge then
  local is_blocked, was_there = ring.place(lane, earliest <= NOW and NOW)
  if not is_blocked and earliest <= NOW + pump_requests.ASKED_MS then
    pump_requests.signal_work(was_there)
  end
end
return reply
