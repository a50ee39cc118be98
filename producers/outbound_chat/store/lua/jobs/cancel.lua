-- cancel: cancels jobs. A waiting job ends at once; one that is being called gets a flag that `finish` obeys.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] state: 'scheduled', 'queued' or 'sending': only jobs in this state; '' for all
-- ARGV    1 for each job: id
-- reply   1 for each job: the state it is in now, 'gone' (no record), 'newer' (a newer version wrote it: nothing was
--         done) or 'other' (it was not in that state: nothing was done)
-- keeps   a final job stays final; a repeat changes nothing
-- uses: counts records transitions
local function state_of(head)
  return head[STATE] == 'queued' and head[SEND_AT] > NOW and 'scheduled' or head[STATE]
end

local reply = {}
for i = 2, #ARGV do
  local id = ARGV[i]
  local head, request = records.load(id)
  if not head then
    reply[i - 1] = request
  elseif ARGV[1] ~= '' and ARGV[1] ~= state_of(head) then
    reply[i - 1] = 'other'
  else
    if head[STATE] == 'sending' then
      head[CANCEL] = 1
      records.save(id, head, request)
    elseif head[STATE] == 'queued' then
      transitions.end_waiting(id, head, request, 'cancelled')
    end
    reply[i - 1] = head[STATE]
  end
end
counts.write()
return reply
