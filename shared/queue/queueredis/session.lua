-- Says when the sessions of passes end. Every hold and booking asks, many of them in one
-- call, so it has only the keys it needs and no head.
-- KEYS  1 policy  2 flow  3 active  4 bound
-- ARGV  1 now in ms, '0' for the server's clock  then three a session: epoch, n, account
--       to which the session is bound at its first use, '' for lines by account
-- Returns the end of each in ms, 0 when it is not active or bound to another. O(sessions).
local epoch = redis.call('HGET', KEYS[1], 'epoch')
local now = tonumber(ARGV[1])
if now == 0 then
  local server = redis.call('TIME')
  now = server[1] * 1000 + math.floor(server[2] / 1000)
end
now = math.max(now, tonumber(redis.call('HGET', KEYS[2], 'clock') or '0'))

local numbers = {}
for i = 1, (#ARGV - 1) / 3 do numbers[i] = ARGV[3 * i] end
local ends = redis.call('ZMSCORE', KEYS[3], unpack(numbers))

local function boundTo(n, account)
  return account == '' or redis.call('HSETNX', KEYS[4], n, account) == 1 or redis.call('HGET', KEYS[4], n) == account
end

for i, n in ipairs(numbers) do
  local at = tonumber(ends[i] or '0')
  local active = epoch == ARGV[3 * i - 1] and at > now and boundTo(n, ARGV[3 * i + 1])
  ends[i] = active and at or 0
end
return ends
