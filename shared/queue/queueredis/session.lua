-- Says when the session of a pass ends. ARGV[3]: n. ARGV[4]: account to which the
-- session is bound at its first use, '' for lines by account.
-- Returns: {OK, end in ms; 0 when it is not active or bound to another}. O(1).
local n, account = ARGV[3], ARGV[4]
local marks = call('HGET', FLOW, 'clock')
local epoch = call('HGET', POLICY, 'epoch')
if epoch ~= ARGV[1] then return {OK, 0} end
local ends = call('ZSCORE', ACTIVE, n)
if not ends or tonumber(ends) <= clock(marks) then return {OK, 0} end
if account ~= '' and call('HSETNX', BOUND, n, account) == 0 and call('HGET', BOUND, n) ~= account then return {OK, 0} end
return {OK, tonumber(ends)}
