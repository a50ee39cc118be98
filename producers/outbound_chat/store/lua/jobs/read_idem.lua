-- read_idem: reads which jobs have idempotency keys.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] tenant: the tenant of the keys ('': none)
-- then 1 for each key: idem (hash of the idempotency key)
-- reply   for each the id of its job; '': none has it; '?': another program wrote what is kept of it
-- keeps   nothing is written
local reply = {}
for i = 2, #ARGV do
  local kept = try('GET', key('idem:' .. ARGV[1] .. ':' .. ARGV[i]))
  reply[i - 1] = kept == false and '' or string.match(kept or '', '^([%w-]+) %S+$') or '?'
end
return reply
