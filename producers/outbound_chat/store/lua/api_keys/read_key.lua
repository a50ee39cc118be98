-- read_key: reads an API key of the HTTP service.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] id: of the key
-- reply   {now_ms, number of keys created so far, what is stored of this key, '' if there is none}
-- keeps   nothing is written; if another program wrote the keys, this is an error, and nobody gets access
return { NOW, redis.call('HLEN', key('api_keys')), redis.call('HGET', key('api_keys'), ARGV[1]) or '' }
