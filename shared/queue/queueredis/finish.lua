-- Ends a booking session because its booking is confirmed. ARGV[3]: n.
-- Returns: {OK, 1 if it was active}. O(log N).
local n = tonumber(ARGV[3])
if call('ZREM', ACTIVE, n) == 0 then return {OK, 0} end
call('HINCRBY', FLOW, 'exited', 1)
call('HINCRBY', FLOW, 'finished', 1)
note_endings(n) -- the fan may hold more than was booked
to_gone(n, BY_FINISH)
return {OK, 1}
