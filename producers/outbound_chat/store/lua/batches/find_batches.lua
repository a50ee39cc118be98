-- find_batches: finds the batch of a batch key, and the batches that were begun last with some hashes.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] batch_key: hash of the key ('': none)
-- then 1 for each hash: hash (as `open_batch` notes it)
-- reply   {id, then for each hash: 'last before'}: the batch of the key, and the two that were begun last with a hash;
--         '' where there is none, or where another program wrote
-- keeps   nothing is written
local reply = { string.match(try('GET', key('opened:' .. ARGV[1])) or '', '^(%w+) %S+$') or '' }
for i = 2, #ARGV do
  reply[i] = string.match(try('GET', key('source:' .. ARGV[i])) or '', '^%w+ %w*$') or ''
end
return reply
