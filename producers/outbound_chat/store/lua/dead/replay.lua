-- replay: sends a failed or uncertain job again, as a new job that points to it.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] old: id of the job
-- ARGV[2] id: of the new job
-- ARGV[3] lane: priority:sender:tenant: of the new job
-- ARGV[4] max_age_ms: lifetime of the new job
-- ARGV[5] parts: message parts of the new job
-- ARGV[6] token: of the old job
-- ARGV[7] edited: 1 if the new job has another request, so that it can't use the old token
-- ARGV[8] force: 1 if the caller accepts that the customer may be contacted twice
-- ARGV[9] send_at: earliest time of its call, in ms, 0: at once
-- ARGV[10] listed: how many single jobs stay listed (0: the new one is not)
-- ARGV[11] by_number: 1 to list it by its phone number
-- ARGV[12] action: bulk action that replays it and counts it, '': none
-- ARGV[13] holder: who carries it out
-- ARGV[14] request: of the new job
-- reply   {'ok', id}; {'replayed', id of its replay}; {'not_dead', what it is}; {'gone'} or {'newer'}
--         {'duplicate_risk', since_ms}: a call at that time may have led to a contact, and no token would prevent a
--         second one: without `force` nothing was done
-- keeps   a job has one replay, counted once; a repeat gives the same reply
-- uses: counts insert lanes pump_requests records ring transitions webhooks
local old, id, edited, force, action = ARGV[1], ARGV[2], ARGV[7] == '1', ARGV[8] == '1', ARGV[12]
local head, request = records.load(old)
if not head then
  return { request }
elseif not transitions.KEEPS_REQUEST[head[STATE]] then
  return { 'not_dead', head[STATE] }
elseif (head[REPLAYED_BY] or '') ~= '' then
  return { head[REPLAYED_BY] == id and 'ok' or 'replayed', head[REPLAYED_BY] }
elseif action ~= '' and string.match(try('HGET', key('actions'), action) or '', '^%S*') ~= ARGV[13] then
  return { 'not_dead', 'left to another worker, or its action was stopped' }
end
local since = head[MAYBE_SENT]
local protected = since == 0 or (not edited and NOW <= since + transitions.HORIZON_MS)
if not protected and not force then
  return { 'duplicate_risk', since }
end
local same_token = not edited and protected
insert.begin(ARGV[3], lanes.batch_of(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[10]), ARGV[11])
insert.job(id, ARGV[9], '0', ARGV[5], same_token and ARGV[6] or '', '', ARGV[14],
  webhooks.callback_of(head[LANE], head[CALLBACK]), { of = old, maybe_sent = same_token and since or 0 })
insert.write()
transitions.take_from_dead(old, head)
head[REPLAY_OF], head[REPLAYED_BY] = head[REPLAY_OF] or '', id
records.save(old, head, request, 'KEEPTTL')
if action ~= '' then
  try('HINCRBY', key('actions'), 'done:' .. action, 1)
end
counts.write()
ring.place(ARGV[3])
pump_requests.signal_work()
return { 'ok', id }
