-- read_key: an API key of the HTTP service.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: of the key
-- reply   {now_ms, number of keys that were made so far, what is kept of this one, '' where there is none}
-- keeps   nothing is written; a server that can't say is an error, and lets nobody in
return { NOW, redis.call('HLEN', key('api_keys')), redis.call('HGET', key('api_keys'), ARGV[1]) or '' }
