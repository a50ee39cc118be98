-- records: one string a job at `j:<id>`: a JSON array (the head), a newline, the stored request. The positions in the
-- head, in `fields`, are the same in outbound_chat/store/records.py. New positions are only appended, and scripts keep
-- positions they do not know, so that two versions can work on one Redis. SEND_AT and DUE are 0 for "at once"; while a
-- job is being called, DUE is the time of its claim.
local records = {}

records.NEWEST_VERSION = 1
local OLDEST_VERSION = 1
local HISTORY_LENGTH = 5
-- Five entries of a history, with the longest possible messages, take a tenth of it.
local LONGEST_HEAD = 65536
local ENCRYPTED = '^encrypted:[^:]*:([^:]*):'
local LAST_MS = 253402300799999 -- the end of the year 9999: Python knows no later time

local STATES = { queued = true, sending = true, sent = true, failed = true, expired = true, cancelled = true,
  uncertain = true }
local TEXTS = { CLAIM, TOKEN, IDEM, CONTACT }
local NUMBERS = { CREATED, SEND_AT, DUE, EXPIRES, ATTEMPTS, MAYBE_SENT, CANCEL, PARTS, FINISHED, ORDER }

local function is_number(value)
  return type(value) == 'number' and value >= 0 and value <= LAST_MS
end

local function is_history(history)
  if history == 0 then
    return true
  elseif type(history) ~= 'table' or #history == 0 then
    return false
  end
  for _, entry in ipairs(history) do
    if type(entry) ~= 'table' or not is_number(entry[1]) then
      return false
    end
    for place = 2, 6 do
      if type(entry[place]) ~= 'string' then
        return false
      end
    end
  end
  return true
end

-- Whether every position has a value that the scripts and their readers can use.
local function is_head(head)
  if type(head) ~= 'table' or not is_number(head[VERSION]) or head[VERSION] < OLDEST_VERSION then
    return false
  elseif not STATES[head[STATE]] then
    return false
  elseif type(head[LANE]) ~= 'string' or not string.find(head[LANE], '^[123]:[^:]*:[^:]*:[^:]*$') then
    return false
  end
  for _, place in ipairs(TEXTS) do
    if type(head[place]) ~= 'string' then
      return false
    end
  end
  for _, place in ipairs(NUMBERS) do
    if not is_number(head[place]) then
      return false
    end
  end
  for place = REPLAY_OF, WEBHOOK do
    if head[place] ~= nil and type(head[place]) ~= 'string' then
      return false
    end
  end
  return is_history(head[HISTORY])
end

-- Return the stored head of a record; nil: the record is gone or unreadable.
function records.head_json(raw)
  local cut = raw and string.find(raw, '\n', 1, true)
  return cut and cut <= LONGEST_HEAD and string.sub(raw, 1, cut - 1) or nil
end

-- Return head and request; or nil and the reason: 'gone', also when it is unreadable, or 'newer': a newer version wrote
-- it. The workers of that version handle it, so it is neither changed nor taken for broken.
function records.parse(raw)
  local json = records.head_json(raw)
  if not json then
    return nil, 'gone'
  end
  local head = json_table(json)
  local version = type(head) == 'table' and head[VERSION]
  if type(version) == 'number' and version > records.NEWEST_VERSION and version % 1 == 0 then
    return nil, 'newer'
  elseif not is_head(head) then
    return nil, 'gone'
  end
  return head, string.sub(raw, #json + 2)
end

-- Return the batch of a job, which its id contains; '' for none. So the lane is stored without it, to save memory.
function records.batch_in_id(id)
  return string.match(id, '^(.+)%-%d+$') or ''
end

-- Return the row of a batch that the job is, which its id contains too; 0 for a single job.
function records.row_in_id(id)
  return tonumber(string.match(id, '%-(%d+)$') or 0)
end

-- Return the number of a stored request, or nil if it is encrypted or missing; and the blind index of an encrypted one.
function records.number_of(request)
  local index = string.match(request, ENCRYPTED)
  if index then
    return nil, index
  end
  local body = json_table(request) or {}
  local endpoint = body.DestinationEndpoint
  local number = body.to or type(endpoint) == 'table' and endpoint.Address
  return type(number) == 'string' and number or nil, ''
end

-- Read a job: the same results as `parse`, with the batch in the lane.
function records.load(id)
  local head, request = records.parse(try('GET', key('j:' .. id)))
  if head and string.sub(head[LANE], -1) == ':' then
    head[LANE] = head[LANE] .. records.batch_in_id(id)
  end
  return head, request
end

-- Write a job. The options of SET say how long the record lives; without any it stays.
function records.save(id, head, request, ...)
  local lane = head[LANE]
  head[LANE] = string.sub(lane, 1, #lane - #records.batch_in_id(id))
  redis.call('SET', key('j:' .. id), cjson.encode(head) .. '\n' .. request, ...)
  head[LANE] = lane
end

function records.add_history(head, entry)
  local history = head[HISTORY]
  if type(history) ~= 'table' then
    history = {}
  end
  history[#history + 1] = entry
  if #history > HISTORY_LENGTH then
    table.remove(history, 1)
  end
  head[HISTORY] = history
end

return records
