-- cancel: cancels a job. A waiting job ends at once; one that is being called gets a flag that `finish` obeys.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: the job
-- reply   the state the job is in now, 'gone' (no record) or 'newer' (a newer version wrote it: nothing was done)
-- keeps   a final job stays final; a repeat changes nothing
-- uses: counts records transitions
local id = ARGV[1]
local head, request = records.load(id)
if not head then
  return request
end
if head[STATE] == 'sending' then
  head[CANCEL] = 1
  records.save(id, head, request)
elseif head[STATE] == 'queued' then
  transitions.end_waiting(id, head, request, 'cancelled')
  counts.write()
end
return head[STATE]
