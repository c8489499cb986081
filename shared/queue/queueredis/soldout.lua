-- Says that a sale is sold out, or no longer. Places are kept meanwhile, so that
-- they are where they were if seats return soon. ARGV[3]: 1 or 0.
-- Returns: {OK}. O(1).
if policy.sold_out == ARGV[3] then return {OK} end
call('HSET', POLICY, 'sold_out', ARGV[3])
call('HINCRBY', POLICY, 'version', 1)
call('HSET', FLOW, 'tat', now, 'no_lapse_before', now + claim_ms)
return {OK}
