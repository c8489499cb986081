-- Says when the session of a pass ends. Every hold and booking asks, so it has only
-- the keys it needs and no head.
-- KEYS  1 policy  2 flow  3 active  4 bound
-- ARGV  1 epoch  2 now in ms, '0' for the server's clock  3 n
--       4 account to which the session is bound at its first use, '' for lines by account
-- Returns {0, end in ms; 0 when it is not active or bound to another}. O(1).
local n, account = ARGV[3], ARGV[4]
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, 0} end
local ends = tonumber(redis.call('ZSCORE', KEYS[3], n) or '0')
local now = tonumber(ARGV[2])
if now == 0 then
  local server = redis.call('TIME')
  now = server[1] * 1000 + math.floor(server[2] / 1000)
end
if ends <= math.max(now, tonumber(redis.call('HGET', KEYS[2], 'clock') or '0')) then return {0, 0} end
if account ~= '' and redis.call('HSETNX', KEYS[4], n, account) == 0 and redis.call('HGET', KEYS[4], n) ~= account then
  return {0, 0}
end
return {0, ends}
