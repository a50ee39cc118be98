-- purge: removes the requests of jobs and batches whose records stay longer: see `retention.purge_later`.
-- uses: paging records transitions
local purge = {}

local function forget_request(id)
  local head, why = records.load(id)
  if why == 'newer' then
    return why
  end
  -- A late ContactId may have ended the job as sent meanwhile, which removed its request.
  if head and transitions.KEEPS_REQUEST[head[STATE]] then
    records.save(id, head, '', 'KEEPTTL')
  end
end

local function forget(name)
  local kind, id = string.match(name, '^([jb]):(.*)$')
  if kind == 'j' and forget_request(id) == 'newer' then
    return 'newer'
  elseif kind == 'b' then
    try('HDEL', key('b:' .. id), 'shared')
  end
  redis.call('ZREM', key('forget'), name)
end

-- Remove some of what is due, and return whether more is left. If another program wrote the key,
-- `retention.purge_later` replaces it.
function purge.requests()
  return try('ZCARD', key('forget')) ~= nil and paging.each_due('forget', forget) >= paging.PAGE
end

return purge
