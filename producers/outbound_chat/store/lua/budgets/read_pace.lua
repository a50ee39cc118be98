-- read_pace: reads what the end of a lane's jobs is predicted from; the lane need not exist yet.
-- KEYS[1] base: first part of all keys of the budget
-- ARGV[1] lane: priority:sender:tenant:batch
-- reply   {now_ms, pace}; pace: JSON, as `lib/forecast.lua` makes it
-- keeps   nothing is written
-- uses: forecast
return { NOW, forecast.pace_of(ARGV[1]) }
