-- note_swept: notes until when lost ends of an instance were looked for, and says which contacts are ours.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] instance: its id
-- ARGV[2] swept_ms: until when; 0 changes nothing
-- ARGV    1 for each contact: id
-- reply   1 for each contact that counts as open or that a job has started, else 0
-- keeps   the time never goes back; a repeat changes nothing
-- uses: contact_facts instance_chats
local instance, reply = ARGV[1], {}
for place = 3, #ARGV do
  local is_open = try('ZSCORE', key('chats:' .. instance), ARGV[place])
  reply[#reply + 1] = (is_open or contact_facts.find(ARGV[place])) and 1 or 0
end
if tonumber(ARGV[2]) > instance_chats.time_of('swept', instance) then
  try('HSET', key('contact_events'), 'swept:' .. instance, ARGV[2])
end
return reply
