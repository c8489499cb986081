-- Takes back one count, if its window has not passed.
-- KEYS[1] counter
-- Returns the count left. O(1).
local counter = KEYS[1]

if tonumber(redis.call('GET', counter) or '0') <= 0 then
  return 0
end
return redis.call('DECR', counter)
