-- read_jobs: what is known of jobs, without their requests.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV    ids of jobs (at most 500)
-- reply   {now_ms, then for each job its head, or '' (no record that can be read)}
-- keeps   nothing is written
-- uses: base record
local reply = { NOW }
for _, id in ipairs(ARGV) do
  local head = load_record(id)
  reply[#reply + 1] = head and cjson.encode(head) or ''
end
return reply
