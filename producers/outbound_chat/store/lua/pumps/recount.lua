-- recount: makes the recipient of a claimed job comparable, before the job is returned without a call.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: the job
-- ARGV[2] claim: that has its lease
-- ARGV[3] request: as the job stores it from now on, with the number in the form that is counted
-- then 2 for each form: form (in which the caller knows the number), mark (the number in it)
-- reply   'ok'; 'stale': another claim has the job; 'unknown': contacts of the sender are counted in a form that the
--         caller does not know. Unless 'ok', nothing was done
-- keeps   contacts are counted once, in whichever form they were written; a repeat changes nothing
-- uses: recipients records
local id, marks = ARGV[1], {}
for i = 4, #ARGV, 2 do
  marks[ARGV[i]] = ARGV[i + 1]
end
local head = records.load(id)
if not head or head[STATE] ~= 'sending' or head[CLAIM] ~= ARGV[2] then
  return 'stale'
elseif not recipients.recount(head, ARGV[3], marks) then
  return 'unknown'
end
records.save(id, head, ARGV[3])
return 'ok'
