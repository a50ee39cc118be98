-- forgetting: takes away what was asked for, of jobs and batches that stay on record for longer: see `forget_later`.
local function forget_request(id)
  local head, why = load_record(id)
  if why == 'newer' then
    return why
  end
  -- A late ContactId may have ended it meanwhile, and so taken its request.
  if head and KEEPS_REQUEST[head[STATE]] then
    local left_ms = redis.call('PTTL', key('j:' .. id))
    save_record(id, head, '', left_ms > 0 and left_ms or keep_ms())
  end
end

local function forget(name)
  local kind, id = string.match(name, '^([jb]):(.*)$')
  if kind == 'j' and forget_request(id) == 'newer' then
    return 'newer'
  elseif kind == 'b' then
    write('HDEL', key('b:' .. id), 'shared')
  end
  redis.call('ZREM', key('forget'), name)
end

-- Some of what is to go by now; whether more is left. What another program wrote in its place waits for `forget_later`.
local function forget_requests()
  return read('ZCARD', key('forget')) ~= nil and each_due('forget', forget) >= PAGE
end
