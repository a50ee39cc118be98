-- read_jobs: reads jobs, without their requests.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV    ids of jobs (at most 500)
-- reply   {now_ms, then for each job its head as stored, or '' (no record)}; the caller checks whether it is readable,
--         which would cost the server eight times as much
-- keeps   nothing is written
-- uses: records
local reply = { NOW }
for _, id in ipairs(ARGV) do
  reply[#reply + 1] = records.head_json(try('GET', key('j:' .. id))) or ''
end
return reply
