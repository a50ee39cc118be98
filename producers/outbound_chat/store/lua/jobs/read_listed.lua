-- read_listed: reads jobs of a list, the newest first, without their requests.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] list: 'listed' for single jobs, or 'by_number:' and the blind index of a phone number
-- ARGV[2] after: id of the job behind which to begin; '': at the newest
-- ARGV[3] skipped: how many jobs to pass over first
-- ARGV[4] count: how many jobs it looks at, at most (1 to 500)
-- reply   {now_ms, more, others, then for each: id, its head as stored, '' if there is no record (any more)};
--         more: 1 if there are older ones; others: how many other keys there are of blind indexes by which jobs of the
--         last days were listed
-- keeps   nothing is written
-- uses: listing records
local ids, more = listing.page(ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
local reply = { NOW, more and 1 or 0, listing.other_keys(ARGV[1]) }
for _, id in ipairs(ids) do
  reply[#reply + 1], reply[#reply + 2] = id, records.head_json(try('GET', key('j:' .. id))) or ''
end
return reply
