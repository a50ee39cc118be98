-- read_contact_events: reads what is known of the contact events of a budget.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV    1 for each instance: id
-- reply   {records, then for each instance: open chats, how many seconds chats lasted on average ('': not known);
--         then field, value of `contact_events`}; records: 1 if calls are recorded with their contacts,
--         else 0
-- keeps   nothing is written
-- uses: instance_chats
local is_set = try('HGET', key('settings'), 'contacts') == '1'
local until_ms = number_in(try('HGET', key('bucket'), 'contacts_until'), NOW, 1e15)
local reply = { (is_set or until_ms) and 1 or 0 }
for _, instance in ipairs(ARGV) do
  local lasted = instance_chats.lasted(instance)
  reply[#reply + 1] = instance_chats.open(instance)
  reply[#reply + 1] = lasted and string.format('%.3f', lasted) or ''
end
for _, part in ipairs(try('HGETALL', key('contact_events')) or {}) do
  reply[#reply + 1] = part
end
return reply
