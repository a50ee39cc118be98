-- cancel: stops one job. A waiting one ends at once; of one that is being called, finish obeys the flag.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: the job
-- reply   the state the job is in now, 'gone' (no record) or 'newer' (a newer version wrote it: nothing was done)
-- keeps   final stays final; twice changes nothing
-- uses: counts lanes records ring transitions
local id = ARGV[1]
local head, request = records.load(id)
if not head then
  return request
end
if head[STATE] == 'sending' then
  head[CANCEL] = 1
  records.save(id, head, request)
elseif head[STATE] == 'queued' then
  lanes.remove(id, head)
  ring.place(head[LANE])
  transitions.finalize(id, head, request, 'waiting', 'cancelled')
  counts.write()
end
return head[STATE]
