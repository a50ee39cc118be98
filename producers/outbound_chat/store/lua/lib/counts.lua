-- counts: jobs by state, of the budget in `counts` and of each batch in its record, so that at any moment
-- accepted = waiting + leased + sent + failed + expired + cancelled + uncertain + unreadable.
-- uses: batches lanes
local counts = {}
-- What this call of the script has changed: batch ('' for single jobs) -> state -> by how much.
local changes

before_each_call('counts', function()
  changes = nil
end)

function counts.add(batch, state, by)
  changes = changes or {}
  local of_batch = changes[batch] or {}
  changes[batch] = of_batch
  of_batch[state] = (of_batch[state] or 0) + by
end

function counts.move(batch, from, to)
  counts.add(batch, from, -1)
  counts.add(batch, to, 1)
end

-- Return the change of a batch's count that is not yet written to Redis.
function counts.unwritten(batch, state)
  return changes and changes[batch] and changes[batch][state] or 0
end

-- Write what `add`, `move` and the lanes collected; every script that counts calls it once, at its end. A count that
-- another program made unreadable stays as it is: the job itself is done, and `doctor` names the key. Return whether
-- the first job of the budget was accepted.
function counts.write()
  local first = false
  lanes.write_counts()
  for batch, by_state in pairs(changes or {}) do
    for state, by in pairs(by_state) do
      if by ~= 0 then
        first = try('HINCRBY', key('counts'), state, by) == by and state == 'accepted' or first
        if batch ~= '' then
          try('HINCRBY', key('b:' .. batch), state, by)
        end
      end
    end
    if batch ~= '' then
      if by_state.sent or by_state.failed then
        batches.note_progress(batch)
      end
      batches.settle(batch)
    end
  end
  return first
end

return counts
