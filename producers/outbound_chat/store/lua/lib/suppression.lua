-- suppression: checks the suppression lists for a job whose turn has come.
-- uses: lanes records suppression_lists transitions
local suppression = {}

suppression.LISTED = 'the number is on the suppression list of the sender'
local lists

before_each_call('suppression', function()
  lists = {}
end)

-- Return the sender's lists. `plain` and `indexed` are their keys, or false if there is no list, so that a claim need
-- not parse the requests of jobs without a list; `key` names the key of the blind indexes. `lost`: another program
-- wrote one of them, which the worker notices when it reads the list: the sender's jobs wait, and those of others
-- continue.
local function lists_of(sender)
  if not lists[sender] then
    local plain = suppression_lists.named(sender, '')
    local indexed = suppression_lists.named(sender, suppression_lists.KEY_FIELD)
    local length, key_id = try('HLEN', plain), try('HGET', indexed, suppression_lists.KEY_FIELD)
    lists[sender] = { plain = (length or 0) > 0 and plain, indexed = key_id and indexed, key = key_id,
      lost = length == nil or key_id == nil or (not key_id and redis.call('HLEN', indexed) > 0) }
  end
  return lists[sender]
end

-- Whether the job's number is on a list; and whether the worker, which knows the number, must check a list in which
-- numbers are written in another form than in the job: encryption was switched on or off between the two.
function suppression.is_listed(head, request)
  local sender = lanes.sender_of(head[LANE])
  local has = lists_of(sender)
  if has.lost then
    return false, true
  elseif not has.plain and not has.indexed then
    return false, false
  end
  local number, index = records.number_of(request)
  local indexed = has.indexed and string.sub(index, 1, #has.key) == has.key
  if number and has.plain and redis.call('HEXISTS', has.plain, number) == 1
    or indexed and redis.call('HEXISTS', has.indexed, index) == 1 then
    return true, false
  end
  return false, (has.plain and not number or has.indexed and not indexed) and true or false
end

-- End a waiting job whose number must not be contacted.
function suppression.suppress(id, head, request, reason)
  local outcome = head[MAYBE_SENT] > 0 and 'uncertain'
  records.add_history(head, { NOW, outcome or 'failed', 'suppressed', '', reason, '' })
  transitions.finalize(id, head, request, 'waiting', 'failed')
end

return suppression
