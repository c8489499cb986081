-- Tells a fan where they stand; who was away for less than the grace period is
-- put back at their key. ARGV[3]: n.
-- Returns: a standing (line.lua). O(log N).
local n = tonumber(ARGV[3])
if n > tonumber(policy.tail) then return {UNKNOWN} end
local kind, at = stand(n)
if revive(n, kind, at, false) then kind = 'waiting' end
return standing(n, kind, at)
