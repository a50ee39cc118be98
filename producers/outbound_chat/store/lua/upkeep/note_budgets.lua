-- note_budgets: notes budgets in use, and returns all budgets so far. Some may no longer be in any settings.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV    1 for each budget: name
-- reply   names of all budgets
-- keeps   without a name nothing is written; a repeat changes nothing
for _, name in ipairs(ARGV) do
  redis.call('HSETNX', key('budgets'), name, digits(NOW))
end
return redis.call('HKEYS', key('budgets'))
