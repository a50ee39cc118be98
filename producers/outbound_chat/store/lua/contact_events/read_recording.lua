-- read_recording: reads whether events about the budget's contacts can be expected.
-- KEYS[1] base: first part of all keys of the budget
-- reply   {recorded, matched}: recorded: 1 if calls are recorded with their contacts, since somebody brings events;
--         matched: receipts of deliveries that a job was found for so far
-- keeps   nothing is written
local until_ms = number_in(try('HGET', key('bucket'), 'contacts_until'), 0, 1e15) or 0
local recorded = until_ms > NOW or try('HGET', key('settings'), 'contacts') == '1'
local matched = 0
for _, known in ipairs(try('HMGET', key('contact_events'), 'matched:context', 'matched:carrier') or {}) do
  matched = matched + (number_in(known, 0, 1e15) or 0)
end
return { recorded and 1 or 0, matched }
