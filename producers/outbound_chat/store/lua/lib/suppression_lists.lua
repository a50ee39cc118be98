-- suppression_lists: the numbers that a sender must not contact. `suppressed:<sender>` (hash number -> `ms reason`) has
-- plain numbers; `suppressed_enc:<sender>` (hash blind index -> `ms encrypted number and reason`) has encrypted ones.
-- Its field `key` names the key of all its blind indexes: those of two keys can't be compared. An entry whose ms begin
-- with 0 was written by a sync with an opt-out list of AWS, and not by a person.
local suppression_lists = {}

suppression_lists.KEY_FIELD = 'key'

function suppression_lists.named(sender, key_id)
  return key((key_id == '' and 'suppressed:' or 'suppressed_enc:') .. sender)
end

-- Return how many entries both lists have. In a list of blind indexes one field is the name of their key.
function suppression_lists.count(sender)
  local plain = try('HLEN', suppression_lists.named(sender, '')) or 0
  local indexes = try('HLEN', suppression_lists.named(sender, suppression_lists.KEY_FIELD)) or 0
  return plain + math.max(0, indexes - 1)
end

-- Return 1 or 0; raise an error if another program wrote the list, since it may have had the number.
function suppression_lists.has_other(sender, key_id)
  return redis.call('HLEN', key((key_id == '' and 'suppressed_enc:' or 'suppressed:') .. sender)) > 0 and 1 or 0
end

function suppression_lists.has_other_key(list, key_id)
  local kept = redis.call('HGET', list, suppression_lists.KEY_FIELD)
  return key_id ~= '' and kept ~= key_id and redis.call('HLEN', list) > 0
end

function suppression_lists.is_of_sync(list, name)
  return string.sub(redis.call('HGET', list, name) or '', 1, 1) == '0'
end

-- Delete a list of blind indexes that has only the name of its key, so that blind indexes of another key may follow.
function suppression_lists.forget_if_empty(list)
  if redis.call('HLEN', list) == 1 and redis.call('HEXISTS', list, suppression_lists.KEY_FIELD) == 1 then
    redis.call('DEL', list)
  end
end

return suppression_lists
