-- Changes the state of a line on an operator's word. ARGV[3]: the new state.
-- ARGV[4]: the states it may come from, each between commas.
-- Returns: {OK} or {CONFLICT}. O(1).
if not string.find(ARGV[4], ',' .. policy.state .. ',', 1, true) then return {CONFLICT} end
call('HSET', POLICY, 'state', ARGV[3])
call('HINCRBY', POLICY, 'version', 1)
call('HSET', FLOW, 'tat', now, 'no_lapse_before', now + claim_ms)
return {OK}
