-- read_jobs: what is known of jobs, without their requests.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV    ids of jobs (at most 500)
-- reply   {now_ms, then for each job its head as it stands, or '' (no record)}; the caller sees whether it can be read,
--         since that would cost the server eight times as much
-- keeps   nothing is written
-- uses: base record
local reply = { NOW }
for _, id in ipairs(ARGV) do
  local raw = read('GET', key('j:' .. id))
  local cut = raw and string.find(raw, '\n', 1, true)
  reply[#reply + 1] = cut and cut <= LONGEST_HEAD and string.sub(raw, 1, cut - 1) or ''
end
return reply
