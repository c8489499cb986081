-- Marks one attempt of place.lua as unanswered. When nobody was answered, by any
-- attempt, what they placed is taken back as if it had never been.
-- KEYS  1 record  2 limit  3 changes  4 session; the record again when there is none
--       5… one key a seat
-- ARGV  1 attempt  2 nonce  3 showtime  4 entries kept in changes
--       5 1: the hold of this nonce is wanted, for it is in Postgres  6… one number a seat
-- Returns 1 if it was taken back, else 0.
-- O(seats + attempts).
local record, limit, changes, in_session = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local attempt, nonce, showtime, kept, wanted = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local known = redis.call('HMGET', record, 'nonce', 'attempts')
if not known[2] or wanted == '1' and known[1] == nonce then return 0 end
local attempts = ' ' .. known[2] .. ' '
local at = attempts:find(' ' .. attempt .. ' ', 1, true)
if at then
  attempts = attempts:sub(1, at) .. '-' .. attempts:sub(at + 1)
  redis.call('HSET', record, 'attempts', attempts:sub(2, -2))
end
for one in attempts:gmatch('%S+') do
  if one:sub(1, 1) ~= '-' then return 0 end
end
if known[1] ~= nonce then return 0 end -- the attempt that has these seats will come

redis.call('DEL', record)
if in_session ~= record then redis.call('HDEL', in_session, nonce) end
local holders = redis.call('MGET', unpack(KEYS, 5))
local freed, members = {}, {}
for i = 1, #KEYS - 4 do
  if holders[i] and holders[i]:match(' (.*)$') == nonce then
    freed[#freed + 1] = ARGV[5 + i]
    members[#members + 1] = showtime .. ' ' .. ARGV[5 + i]
    redis.call('DEL', KEYS[4 + i])
  end
end
if #freed > 0 then
  redis.call('ZREM', limit, unpack(members))
  redis.call('XADD', changes, 'MAXLEN', '~', kept, '*', 't', showtime, 'k', 'hold', 's', '0', 'u', '0', 'n', table.concat(freed, '\n'))
end
return 1
