-- What the Lua of the store may use: what Redis gives a script, the names of `base` and `fields`, and the libraries.
-- https://redis.io/docs/latest/develop/programmability/lua-api/
std = {
  read_globals = {
    'KEYS', 'ARGV', 'redis', 'cjson', 'math', 'string', 'table',
    'error', 'ipairs', 'next', 'pairs', 'pcall', 'select', 'tonumber', 'tostring', 'type', 'unpack',
    -- lib/base.lua
    'NOW', 'EXACT_NOW_MS', 'before_each_call', 'key', 'digits', 'try', 'json_table', 'number_in', 'budget_is_held',
    'is_lost_hold',
    -- lib/fields.lua
    'VERSION', 'STATE', 'LANE', 'CREATED', 'SEND_AT', 'DUE', 'EXPIRES', 'ATTEMPTS', 'CLAIM', 'MAYBE_SENT', 'CANCEL',
    'PARTS', 'TOKEN', 'IDEM', 'CONTACT', 'FINISHED', 'HISTORY', 'ORDER', 'REPLAY_OF', 'REPLAYED_BY', 'CALLBACK', 'WEBHOOK',
    'FACTS',
    -- the other files of lib/
    'dead_letters', 'history', 'instance_chats', 'waits',
    'attempts', 'batches', 'cancel_sweep', 'clock_step', 'consistency', 'contact_facts', 'counts', 'events', 'fair_share', 'forecast',
    'gates', 'holds', 'insert', 'key_holders', 'lanes', 'listing', 'paging', 'pump_requests', 'purge', 'queue_position', 'receipts',
    'recipients', 'records', 'repair', 'retention', 'ring', 'suppression', 'suppression_lists', 'token_bucket', 'transitions', 'unblock',
    'webhook_delivery', 'webhooks', 'workers',
  },
}
max_line_length = 120
-- Both only define names for the others.
files['**/lib/base.lua'].ignore = { '211', '231' }
files['**/lib/fields.lua'].ignore = { '211' }
