-- Moves the end of an active session later, once: who books again and again must
-- not keep the slot for ever. ARGV[3]: n. ARGV[4]: its new end in ms. Returns: {OK, 1 if the session is active}. O(log N).
local n = tonumber(ARGV[3])
local ends = call('ZSCORE', ACTIVE, n)
if not ends or tonumber(ends) <= now then return {OK, 0} end
if tonumber(ARGV[4]) > tonumber(ends) and call('SETBIT', EXTENDED, n, 1) == 0 then call('ZADD', ACTIVE, ARGV[4], n) end
return {OK, 1}
