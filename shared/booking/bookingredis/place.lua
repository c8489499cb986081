-- Takes all seats for one account, or none of them.
-- KEYS  1 record  2 limit  3 changes  4… one key a seat
-- ARGV  1 nonce  2 request  3 time to live in ms  4 most live seats of the account
--       5 showtime  6 entries kept in changes  7 seconds the record is kept
--       8 one character a seat, 1: known to be taken  9… one number a seat
--       last: attempt, for undo.lua
-- Returns {0, until, ""}      placed
--         {1, until, seats}   replayed: seats as they were, one a line
--         {2, numbers}        taken
--         {3}                 over the limit
--         {4}                 the record is of another request
-- O(seats + log of the account's seats).
local record, limit, changes = KEYS[1], KEYS[2], KEYS[3]
local nonce, request, ttl, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local showtime, kept, record_ttl, taken = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local count = #KEYS - 3
local attempt = ARGV[9 + count]

local known = redis.call('HMGET', record, 'request', 'until', 'seats', 'attempts')
if known[1] then
  if known[1] ~= request then return {4} end
  local attempts = known[4]
  if attempts and not (' ' .. attempts .. ' '):find(' ' .. attempt .. ' ', 1, true) then
    redis.call('HSET', record, 'attempts', attempts .. ' ' .. attempt)
    if #attempts > 400 then redis.call('HDEL', record, 'attempts') end -- never undone
  end
  return {1, known[2], known[3]}
end

local conflicts = {}
if count == 0 then return {2, conflicts} end
local holders = redis.call('MGET', unpack(KEYS, 4))
for i = 1, count do
  if holders[i] or taken:sub(i, i) == '1' then conflicts[#conflicts + 1] = ARGV[8 + i] end
end
if #conflicts > 0 then return {2, conflicts} end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', limit, '-inf', now)
if redis.call('ZCARD', limit) + count > most then return {3} end

local until_ms = string.format('%d', now + ttl)
local members, numbers = {}, {}
for i = 1, count do
  numbers[i] = ARGV[8 + i]
  members[2 * i - 1], members[2 * i] = until_ms, showtime .. ' ' .. numbers[i]
  redis.call('SET', KEYS[3 + i], until_ms .. ' ' .. nonce, 'NX', 'PX', ttl)
end
local seats = table.concat(numbers, '\n')
redis.call('ZADD', limit, unpack(members))
redis.call('EXPIRE', limit, record_ttl, 'NX')
redis.call('EXPIRE', limit, record_ttl, 'GT')
redis.call('HSET', record, 'request', request, 'nonce', nonce, 'until', until_ms, 'seats', seats, 'attempts', attempt)
redis.call('EXPIRE', record, record_ttl)
redis.call('XADD', changes, 'MAXLEN', '~', kept, '*', 't', showtime, 'k', 'hold', 's', '1', 'u', until_ms, 'n', seats)
redis.call('EXPIRE', changes, record_ttl)
return {0, until_ms, ''}
