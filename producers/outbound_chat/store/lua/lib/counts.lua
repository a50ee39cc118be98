-- counts: jobs by state, of the budget in `counts` and of each batch in its record, so that at any moment
-- accepted = waiting + leased + sent + failed + expired + cancelled + uncertain + unreadable.
-- uses: batches lanes
local counts = {}
-- What this call of the script has changed: batch ('' for single jobs) -> state -> by how much; and of the budget.
local changes, of_budget

before_each_call('counts', function()
  changes, of_budget = nil, nil
end)

-- `is_counted`: the count of the budget is right already.
function counts.add(batch, state, by, is_counted)
  changes, of_budget = changes or {}, of_budget or {}
  of_budget[state] = (of_budget[state] or 0) + (is_counted and 0 or by)
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
-- another program made unreadable stays as it is: the job itself is done, and `doctor` names the key.
function counts.write()
  lanes.write_counts()
  for state, by in pairs(of_budget or {}) do
    if by ~= 0 then
      try('HINCRBY', key('counts'), state, by)
    end
  end
  for batch, by_state in pairs(changes or {}) do
    for state, by in pairs(batch ~= '' and by_state or {}) do
      if by ~= 0 then
        try('HINCRBY', key('b:' .. batch), state, by)
      end
    end
    if batch ~= '' then
      if by_state.sent or by_state.failed then
        batches.note_progress(batch)
      end
      batches.settle(batch)
    end
  end
end

return counts
