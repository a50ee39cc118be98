-- read_key_ids: counts the keys with which the requests of some jobs are encrypted.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] index: 'expiry' for jobs that are not final, 'dead:<state>:<code>' for those that ended so
-- ARGV[2] cursor: where the page begins, '0' at first
-- reply   {cursor, looked, then key and jobs of each key}; cursor: of the next page, '0': there is none; looked: jobs
--         on this page. A row counts for the key of its batch, too
-- keeps   nothing is written; a job that exists the whole time is on one page at least
-- uses: records
local PAGE = 500
local jobs, shared = {}, {}

local function note(text, at, met)
  local name = string.match(text, '^encrypted:([^:]*):', at)
  if name and not met[name] then
    met[name] = true
    jobs[name] = (jobs[name] or 0) + 1
  end
end

local function shared_of(batch)
  shared[batch] = shared[batch] or try('HGET', key('b:' .. batch), 'shared') or ''
  return shared[batch]
end

local page = try('ZSCAN', key(ARGV[1]), ARGV[2], 'COUNT', PAGE) or { '0', {} }
for i = 1, #page[2], 2 do
  local id, met = page[2][i], {}
  local raw = try('GET', key('j:' .. id)) or ''
  local cut = string.find(raw, '\n', 1, true)
  if cut and cut < #raw then
    note(raw, cut + 1, met)
    note(records.batch_in_id(id) ~= '' and shared_of(records.batch_in_id(id)) or '', 1, met)
  end
end
local reply = { page[1], #page[2] / 2 }
for name, count in pairs(jobs) do
  reply[#reply + 1], reply[#reply + 2] = name, count
end
return reply
