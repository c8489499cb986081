-- Changes settings if nobody else did since they were read. ARGV[3]: the version
-- they had. ARGV[4…]: field, value, …, with the next version among them.
-- Returns: {OK} or {CONFLICT}. O(fields).
if call('HGET', POLICY, 'version') ~= ARGV[3] then return {CONFLICT} end
for i = 4, #ARGV, 2 do call('HSET', POLICY, ARGV[i], ARGV[i + 1]) end
return {OK}
