-- Forgets every place and session of a line and starts the next epoch; the shards
-- of subjects are removed by the caller. ARGV[3]: the new state.
-- What is held in the sessions is noted for release.
-- Returns: {OK}. O(active sessions); the freeing is lazy.
local active = call('ZRANGE', ACTIVE, 0, -1)
for first = 1, #active, 500 do note_endings(table.concat(active, ' ', first, math.min(first + 499, #active))) end
call('UNLINK', FLOW, WAITING, OFFERED, READY, ACTIVE, GONE, LIVE, ENDED, LAPSED, MINTED, BOUND, EXTENDED)
for i = 0, PRESENCE_SLOTS - 1 do call('UNLINK', KEYS[FIRST_PRESENCE + i]) end
call('HSET', POLICY, 'state', ARGV[3], 'tail', 0, 'sold_out', 0)
call('HINCRBY', POLICY, 'epoch', 1)
call('HINCRBY', POLICY, 'version', 1)
as_table(FLOW)
call('HSET', FLOW, 'clock', now)
return {OK}
