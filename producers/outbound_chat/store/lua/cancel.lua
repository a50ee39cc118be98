-- cancel: stops one job. A waiting one ends at once; of one that is being called, finish obeys the flag.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: the job
-- reply   the state the job is in now, 'gone' (no record) or 'newer' (a newer version wrote it: nothing was done)
-- keeps   final stays final; twice changes nothing
-- uses: base record lanes places events webhooks books final
local id = ARGV[1]
local head, request = load_record(id)
if not head then
  return request
end
if head[STATE] == 'sending' then
  head[CANCEL] = 1
  save_record(id, head, request)
elseif head[STATE] == 'queued' then
  take_from_lane(id, head)
  enroll(head[LANE])
  conclude(id, head, request, 'waiting', 'cancelled')
  write_books()
end
return head[STATE]
