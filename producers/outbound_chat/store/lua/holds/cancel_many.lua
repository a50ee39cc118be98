-- cancel_many: cancels the waiting jobs of a batch, tenant or sender, up to 200 with each call; calls as `cancel` does.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] scope: 'batch:<id>', 'tenant:<name>' or 'sender:<name>'
-- ARGV[2] first: 1 for the first call of an order
-- reply   {'ok', cancelled, left}; cancelled: jobs that this call ended; left: 1 if it must be called again
--         {'gone'}: no such batch
-- keeps   from the first call on no job of the scope is claimed; a batch is closed, and no person holds it any more; a
--         final job stays final
-- uses: batches cancel_sweep counts lanes records
local scope = ARGV[1]
local batch = string.match(scope, '^batch:(.*)$')
if batch and not try('HGET', key('b:' .. batch), 'lane') then
  return { 'gone' }
end

local function is_of_scope(lane)
  local _, sender, tenant, own = lanes.parts(lane)
  return scope == 'tenant:' .. tenant or scope == 'batch:' .. own or scope == 'sender:' .. sender
end

local function flag_calls()
  for _, id in ipairs(redis.call('ZRANGE', key('leases'), 0, -1)) do
    local head, request = records.load(id)
    if head and head[STATE] == 'sending' and is_of_scope(head[LANE]) then
      head[CANCEL] = 1
      records.save(id, head, request)
    end
  end
end

if ARGV[2] == '1' then
  redis.call('HSET', key('holds'), 'cancel:' .. scope, cjson.encode({ reason = 'being cancelled', since_ms = NOW }))
  flag_calls()
  if batch then
    -- No job of it is left for a person to hold back.
    redis.call('HDEL', key('holds'), 'person:' .. scope)
    batches.close(batch)
  end
end
local cancelled, last = cancel_sweep.start(scope)
if batch then
  counts.add(batch, 'cancelled', 0)
end
counts.write()
return { 'ok', cancelled, last and 0 or 1 }
