-- renew: extends the leases of running calls, and notes that their pump is alive.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] pump: its name
-- ARGV[2] load: 'idle' while the pump has room for more jobs, 'full' while it has none, 'left' once it has left and
--         only ends its calls
-- ARGV[3] lease_ms: time until another may claim the jobs
-- then 2 for each job: id, claim
-- reply   {renewed, wakeup}; renewed: how many leases were renewed, the others are lost; wakeup: nonce with which the
--         caller must start one more pump, since this one is full and jobs are due, '': none
-- keeps   a lease that was lost stays lost
-- uses: attempts pump_requests records ring token_bucket unblock
local renewed = 0
local load = ARGV[2]
if load ~= 'left' then
  pump_requests.keep_alive(ARGV[1], 0)
end
for i = 4, #ARGV, 2 do
  local head = records.load(ARGV[i])
  if head and head[STATE] == 'sending' and head[CLAIM] == ARGV[i + 1] then
    attempts.renew(ARGV[i], head, tonumber(ARGV[3]))
    renewed = renewed + 1
  end
end
unblock.place_due_lanes()
local wanted = load == 'full' and ring.has_work() and token_bucket.call_is_near()
return { renewed, wanted and pump_requests.ask_for_one_more(token_bucket.load().max_pumps) or '' }
