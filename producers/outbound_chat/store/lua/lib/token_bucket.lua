-- token_bucket: limits the budget's calls a second for all workers, by the server's clock; `bucket` (hash).
-- `rate` is the rate at which the bucket fills now: at most the configured rate, the ceiling. Every throttled call cuts
-- it, and calls that pass raise it again, so it settles at what the provider allows, whatever the ceiling says.
-- At a throttled call the provider's own bucket is empty, so the calls that passed since the last one, by the time
-- between, are the true rate: `known`. The rate starts a little below it, returns to it within a while, stays near it,
-- and then probes beyond, faster and faster (the shape of CUBIC, https://www.rfc-editor.org/rfc/rfc9438). Where the
-- known rate still is the limit, a call is throttled soon after; well past that the provider gives more, and the rate
-- doubles twice a second.
local token_bucket = {}

local CLIMB_CALLS, CLIMB_S = 16, 5 -- length of the climb: whichever is longer
local FULL_CLIMB = 20 -- calls a second; below, the climb is shorter by as much, or it would take too long to find more
-- Starts so much below the known rate, of a short climb more, so that a probe has a reserve of two calls, whatever the
-- rate; what that loses, the provider's burst makes up.
local PROBE, PROBE_CALLS = 0.05, 1.4
local FREE, GROWTH = 1.7, 2 -- climbs beyond the known rate after which each call that passes raises the rate by so much
local DOUBT = 20 -- calls at the expected rate that a measurement is mixed with, since a short one may be off by a call
local LARGEST_CUT = 0.85 -- of one measurement: it may be from before the provider changed its rate
local OUTAGE_CUT, OUTAGE_FLOOR = 0.7, 0.1 -- while nothing passes at all, which says nothing about the rate
local NEAR = 0.9 -- a rate above this part of the known one has come back from an outage
local RETURN = 2 -- growth by one call, at most, on the way back from an outage
local LATE_MS = 10 -- of a bucket of one: a pump's timer may be late without losing a token

-- Return the budget as it is now; nil while it has no readable settings.
function token_bucket.load()
  local ceiling, burst, max_pumps, contacts = unpack(
    try('HMGET', key('settings'), 'rate', 'burst', 'max_pumps', 'contacts') or {})
  ceiling, burst, max_pumps = number_in(ceiling, 1e-9, 1e9), number_in(burst, 0, 1e9), number_in(max_pumps, 0, 1e9)
  if not (ceiling and burst and max_pumps) then
    return nil
  end
  local of_ceiling, tokens, at_ms, rate, known, passed, measured_ms, cut_ms, limited_ms, contacts_ms, served = unpack(
    try('HMGET', key('bucket'), 'ceiling', 'tokens', 'at_ms', 'rate', 'known', 'passed', 'measured_ms', 'cut_ms',
      'limited_ms', 'contacts_until', 'served') or {})
  local learned = tonumber(of_ceiling) == ceiling
  local function past(ms, otherwise)
    -- After a backward step of the clock everything counts from now.
    return math.min(EXACT_NOW_MS, number_in(ms, 0, 1e15) or otherwise)
  end
  local budget = {
    ceiling = ceiling,
    burst = burst,
    max_pumps = max_pumps,
    tokens = number_in(tokens, -1e9, 1e9),
    rate = learned and number_in(rate, 1e-9, ceiling) or ceiling,
    known = learned and number_in(known, 1e-9, ceiling) or ceiling,
    passed = learned and number_in(passed, 0, 1e15) or 0,
    measured_ms = learned and past(measured_ms, EXACT_NOW_MS) or EXACT_NOW_MS,
    cut_ms = past(cut_ms, 0),
    limited_ms = past(limited_ms, 0),
    -- How many jobs were claimed since the turns of the priorities began; see `fair_share`.
    served = number_in(served, 0, 1e3) or 0,
    -- Whether events about contacts come: by the settings, or since somebody brought some.
    records_contacts = contacts == '1' or number_in(contacts_ms, NOW, 1e15) ~= nil,
  }
  budget.most = math.max(budget.burst * budget.rate / ceiling, 1 + LATE_MS * budget.rate / 1000)
  local elapsed_ms = EXACT_NOW_MS - past(at_ms, EXACT_NOW_MS)
  budget.tokens = math.min(budget.most, (budget.tokens or budget.burst) + elapsed_ms * budget.rate / 1000)
  return budget
end

function token_bucket.save(budget)
  if redis.call('TYPE', key('bucket')).ok ~= 'hash' then
    -- Another program overwrote the key; what was learned is lost.
    redis.call('DEL', key('bucket'))
  end
  redis.call('HSET', key('bucket'), 'ceiling', string.format('%.17g', budget.ceiling),
    'tokens', string.format('%.6f', budget.tokens), 'at_ms', string.format('%.3f', EXACT_NOW_MS),
    'rate', string.format('%.6f', budget.rate), 'known', string.format('%.6f', budget.known),
    'passed', budget.passed, 'measured_ms', string.format('%.3f', budget.measured_ms),
    'cut_ms', string.format('%.3f', budget.cut_ms), 'limited_ms', string.format('%.3f', budget.limited_ms),
    'served', budget.served)
end

-- Return the milliseconds until there is a token; 0: there is one now.
function token_bucket.until_token(budget)
  -- A sum of many small refills may end just below 1; without this tolerance a pump would ask again at once.
  return budget.tokens >= 1 - 1e-6 and 0 or math.ceil((1 - budget.tokens) * 1000 / budget.rate)
end

-- Whether a call may be made within a second: only then is a pump worth its place.
function token_bucket.call_is_near()
  local budget = token_bucket.load()
  return budget and not budget_is_held() and token_bucket.until_token(budget) <= 1000
end

-- Whether the rate is still the limit: a claim got too few tokens a short time ago.
function token_bucket.still_limits(budget)
  return EXACT_NOW_MS - budget.limited_ms <= 1000 + 2000 / budget.rate
end

-- Note that a claim got fewer jobs than it wanted, since tokens were missing.
function token_bucket.note_limited(budget)
  if not token_bucket.still_limits(budget) then
    -- The time between, when something else was the limit, does not count for the measurement.
    budget.measured_ms = budget.measured_ms + EXACT_NOW_MS - math.max(budget.limited_ms, budget.measured_ms)
  end
  budget.limited_ms = EXACT_NOW_MS
end

-- Return the calls of the climb back to the known rate, and by which part of that rate it starts below.
local function climb_of(budget)
  local climb = math.max(CLIMB_CALLS, budget.known * CLIMB_S * math.min(1, budget.known / FULL_CLIMB))
  return climb, math.max(PROBE, PROBE_CALLS / climb)
end

-- Note that a call that was claimed at this time passed the provider's limit.
function token_bucket.note_passed(budget, claimed_ms)
  if not token_bucket.still_limits(budget) then
    return
  end
  budget.passed = budget.passed + 1
  if claimed_ms > budget.cut_ms then
    local climb, below = climb_of(budget)
    local beyond = budget.passed / climb - 1
    local wanted = budget.known * (1 + below * beyond ^ 3) + GROWTH * climb * math.max(0, beyond - FREE)
    budget.rate = math.max(budget.rate, math.min(budget.ceiling, budget.rate * RETURN, wanted))
  end
end

-- Note that a call that was claimed at this time was throttled. If that was before the last cut, it says nothing new.
function token_bucket.note_throttled(budget, claimed_ms)
  if claimed_ms <= budget.cut_ms then
    return
  end
  local rate, known = budget.rate, budget.known
  -- While something else is the limit, or nothing passes, the calls that passed are no measurement.
  local measures = budget.passed > 0 and token_bucket.still_limits(budget)
  if measures then
    local seconds = (EXACT_NOW_MS - budget.measured_ms) / 1000
    -- A probe met the known limit; a rate that has grown beyond it says more than that.
    local expected = budget.passed <= climb_of(budget) * (1 + FREE) and math.min(rate, known) or rate
    local measured = (budget.passed + DOUBT) / (seconds + DOUBT / expected)
    -- On the way back from an outage the rate is far below the known one, and no limit was met.
    local limit = rate >= known * NEAR and rate or known
    local least = LARGEST_CUT * (rate >= known * NEAR and expected or known)
    budget.known = math.min(limit, math.max(measured, least))
  end
  if measures and rate >= known * NEAR then
    local _, below = climb_of(budget)
    budget.rate = budget.known * (1 - below)
  else
    budget.rate = math.min(rate, math.max(rate * OUTAGE_CUT, budget.known * OUTAGE_FLOOR))
  end
  budget.passed, budget.measured_ms, budget.cut_ms = 0, EXACT_NOW_MS, EXACT_NOW_MS
  -- The provider says that no call is left: whatever our count was, it starts again at 0.
  budget.tokens = math.min(budget.tokens, 0)
end

return token_bucket
