-- A fan leaves, or ends the booking session: the place is over and its slot free
-- when this returns, and what is held in the session is noted for release. Repeating it changes nothing. ARGV[3]: n.
-- Returns: {OK}. O(log N).
local n = tonumber(ARGV[3])
if n > tonumber(policy.tail) then return {UNKNOWN} end
local kind = stand(n)
if kind == 'left' or kind == 'finished' or kind == 'over' or kind == 'unknown' then return {OK} end
if kind == 'waiting' or kind == 'lobby' then out_of_waiting(n) end
if call('ZREM', ACTIVE, n) == 1 then
  call('HINCRBY', FLOW, 'exited', 1)
  if call('GETBIT', MINTED, n) == 1 then note_endings(n) end -- without a pass nothing was held
end
call('ZREM', READY, n)
call('ZREM', OFFERED, n)
to_gone(n, BY_LEAVING)
return {OK}
