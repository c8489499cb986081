-- Frees those seats of a hold that are still its own.
-- KEYS  1 record  2 limit  3 changes  4 session; the record again when there is none
--       5… one key a seat
-- ARGV  1 nonce  2 showtime  3 entries kept in changes  4… one number a seat
-- Returns 1 if the hold was live or has been released before, else 0.
-- O(seats).
local record, limit, changes, in_session = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local nonce, showtime, kept = ARGV[1], ARGV[2], ARGV[3]

if in_session ~= record then redis.call('HDEL', in_session, nonce) end
local holders = redis.call('MGET', unpack(KEYS, 5))
local freed, members = {}, {}
for i = 1, #KEYS - 4 do
  if holders[i] and holders[i]:match(' (.*)$') == nonce then
    freed[#freed + 1] = ARGV[3 + i]
    members[#members + 1] = showtime .. ' ' .. ARGV[3 + i]
    redis.call('DEL', KEYS[4 + i])
  end
end
local known = redis.call('HMGET', record, 'nonce', 'released')
if #freed == 0 then
  return (known[1] == nonce and known[2]) and 1 or 0
end
redis.call('ZREM', limit, unpack(members))
if known[1] == nonce then redis.call('HSET', record, 'released', '1') end
redis.call('XADD', changes, 'MAXLEN', '~', kept, '*', 't', showtime, 'k', 'hold', 's', '0', 'u', '0', 'n', table.concat(freed, '\n'))
return 1
