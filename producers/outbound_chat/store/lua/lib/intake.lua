-- intake: takes a new job into the ledger.
-- `job`: id, lane, send_at (0: at once), expires (0: due + max_age), max_age, parts, token, idem, request, place (among
-- those of its submit), callback ('': none); and of a replay maybe_sent and replay_of. When it is due.
local function take_in(job)
  local due = job.send_at > 0 and job.send_at or NOW
  local expires = job.expires > 0 and job.expires or math.max(due, NOW) + job.max_age
  local head = { RECORD_VERSION, 'queued', job.lane, NOW, job.send_at, job.send_at, expires, 0, '',
    job.maybe_sent or 0, 0, job.parts, job.token, job.idem, '', 0, 0, job.replay_of }
  if job.callback ~= '' then
    head[REPLAY_OF], head[REPLAYED_BY], head[CALLBACK] = job.replay_of or '', '', job.callback
  end
  save_record(job.id, head, job.request)
  put_in_lane('lane:', job.id, job.lane, due + job.place / 1000)
  redis.call('ZADD', key('expiry'), digits(expires), job.id)
  local _, _, _, batch = lane_parts(job.lane)
  count(batch, 'accepted', 1)
  count(batch, 'waiting', 1)
  return due
end
