-- forgetting: takes away what was asked for, of jobs and batches that stay on record for longer: see `forget_later`.
local FORGOTTEN = 100

local function forget_request(id)
  local head = load_record(id)
  -- A late ContactId may have ended it meanwhile, and so taken its request.
  if head and KEEPS_REQUEST[head[STATE]] then
    local left_ms = redis.call('PTTL', key('j:' .. id))
    save_record(id, head, '', left_ms > 0 and left_ms or keep_ms())
  end
end

-- Some of what is to go by now; whether more is left.
local function forget_requests()
  local names = redis.call('ZRANGEBYSCORE', key('forget'), '-inf', NOW, 'LIMIT', 0, FORGOTTEN)
  for _, name in ipairs(names) do
    redis.call('ZREM', key('forget'), name)
    local kind, id = string.match(name, '^(%a):(.*)$')
    if kind == 'j' then
      forget_request(id)
    else
      redis.call('HDEL', key('b:' .. id), 'shared')
    end
  end
  return #names == FORGOTTEN
end
