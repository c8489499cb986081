-- Changes settings if nobody else did since they were read, and if no fan joined
-- meanwhile by the identity that is to change. ARGV[3]: the version they had.
-- ARGV[4…]: field, value, …, with the next version among them.
-- Returns: {OK} or {CONFLICT}. O(fields).
if call('HGET', POLICY, 'version') ~= ARGV[3] then return {CONFLICT} end
local places = tonumber(call('HGET', POLICY, 'tail') or 0) > 0
for i = 4, #ARGV, 2 do
  if places and ARGV[i] == 'identity' and call('HGET', POLICY, 'identity') ~= ARGV[i + 1] then return {CONFLICT} end
end
for i = 4, #ARGV, 2 do call('HSET', POLICY, ARGV[i], ARGV[i + 1]) end
return {OK}
