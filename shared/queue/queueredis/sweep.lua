-- Finds the live places that were not seen for the abandon time. One caller in
-- ten seconds gets an answer, the others nothing.
-- Returns: {OK, bitmap by n, '' for nobody}. O(length of the bitmaps).
if before_draw or not presence_known() then return {OK, ''} end
local swept_at = tonumber(call('HGET', FLOW, 'swept_at') or '0')
if now - swept_at < 10000 then return {OK, ''} end
call('HSET', FLOW, 'swept_at', now)
roll_presence()
local slots = {}
for s = slot - presence_slots + 1, slot do slots[#slots + 1] = presence(s) end
call('BITOP', 'OR', SCRATCH, unpack(slots))
call('BITOP', 'AND', SCRATCH, SCRATCH, LIVE)
call('BITOP', 'XOR', SCRATCH, SCRATCH, LIVE)
local dead = ''
if call('BITCOUNT', SCRATCH) > 0 then dead = call('GET', SCRATCH) end
call('UNLINK', SCRATCH)
return {OK, dead}
