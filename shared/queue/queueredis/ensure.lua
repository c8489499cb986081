-- Makes a line from its mirror if there is none, or brings it newer settings.
-- ARGV[3]: version of the mirror. ARGV[4]: its epoch. ARGV[5]: its tail.
-- ARGV[6…]: field, value, … Returns: {OK, 1 if made}. O(fields).
local version, epoch, tail = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local known = call('HGET', POLICY, 'version')
if known and tonumber(known) >= version then return {OK, 0} end
for i = 6, #ARGV, 2 do call('HSET', POLICY, ARGV[i], ARGV[i + 1]) end
call('HSET', POLICY, 'version', version)
if known then return {OK, 0} end
as_table(POLICY)
as_table(FLOW)
-- A line that has lived lost its places with its Redis: the next epoch makes
-- every old token and pass plainly invalid, and no number is given twice.
call('HSET', POLICY, 'sold_out', 0, 'epoch', epoch + 1, 'tail', epoch > 0 and tail + 65536 or 0,
  'run_id', string.match(call('INFO', 'server'), 'run_id:(%x+)'))
return {OK, 1}
