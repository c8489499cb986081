-- Counts one more in a window, unless the limit is reached.
-- KEYS[1] counter
-- ARGV[1] limit, ARGV[2] window in ms
-- Returns -1 when counted, else the ms until the window ends. O(1).
local counter = KEYS[1]
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])

if tonumber(redis.call('GET', counter) or '0') >= limit then
  return math.max(redis.call('PTTL', counter), 0)
end
if redis.call('INCR', counter) == 1 then
  redis.call('PEXPIRE', counter, window)
end
return -1
