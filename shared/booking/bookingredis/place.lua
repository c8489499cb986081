-- Takes all seats for one account, or none of them.
-- KEYS  1 record  2 limit  3 changes  4 session; the record again when there is none
--       5… one key a seat
-- ARGV  1 nonce  2 request  3 time to live in ms  4 most live seats of the account
--       5 showtime  6 entries kept in changes  7 seconds the record is kept
--       8 one character a seat, 1: known to be taken  9… one number a seat
--       then: attempt, for undo.lua  session in the line, "" if none  account
-- Returns {0, until, ""}                        placed
--         {1, until, seats, nonce, session}     replayed, or the account holds exactly these
--                                               seats already: as they were, seats one a line
--         {2, numbers, own}                     taken; own: those that the account holds itself
--         {3}                                   over the limit
--         {4}                                   the record is of another request
--         {5}                                   the session has been ended (endsession.lua)
-- O(seats + log of the account's seats).
local record, limit, changes, in_session = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local nonce, request, ttl, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local showtime, kept, record_ttl, taken = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local count = #KEYS - 4
local attempt, session, account = ARGV[9 + count], ARGV[10 + count], ARGV[11 + count]

local known = redis.call('HMGET', record, 'request', 'until', 'seats', 'attempts', 'nonce', 'session')
if known[1] then
  if known[1] ~= request then return {4} end
  local attempts = known[4]
  if attempts and not (' ' .. attempts .. ' '):find(' ' .. attempt .. ' ', 1, true) then
    redis.call('HSET', record, 'attempts', attempts .. ' ' .. attempt)
    if #attempts > 400 then redis.call('HDEL', record, 'attempts') end -- never undone
  end
  return {1, known[2], known[3], known[5], known[6] or ''}
end

-- The pass was looked at before this, in another step: its session may have ended since,
-- and whoever ended it has released already what was held in it.
if session ~= '' and redis.call('HEXISTS', in_session, 'over') == 1 then return {5} end

local conflicts = {}
if count == 0 then return {2, conflicts, {}} end
local holders = redis.call('MGET', unpack(KEYS, 5))
for i = 1, count do
  if holders[i] or taken:sub(i, i) == '1' then conflicts[#conflicts + 1] = ARGV[8 + i] end
end

-- Those of the seats that are in a hold of the account itself: its limit has them with
-- the very end that the seat has. A claim is in no hold any more.
local function own_seats()
  local own = {}
  if redis.call('EXISTS', limit) == 0 then return own end
  for i = 1, count do
    local ends, holder = (holders[i] or ''):match('^(%d+) (.*)$')
    if ends and holder ~= '=claim' and taken:sub(i, i) ~= '1' then
      local mine = redis.call('ZSCORE', limit, showtime .. ' ' .. ARGV[8 + i])
      if mine and tonumber(mine) == tonumber(ends) then own[#own + 1] = ARGV[8 + i] end
    end
  end
  return own
end

-- The account's live hold of exactly these seats, as the record of it has it. This
-- request becomes another name for it, and nobody may undo it any more.
local function same_hold()
  local holder = holders[1]:match(' (.*)$')
  local first = record:sub(1, -#holder / 2 - 1) .. holder:sub(1, #holder / 2)
  local held = redis.call('HMGET', first, 'nonce', 'until', 'seats', 'session', 'released')
  local seats = table.concat(ARGV, '\n', 9, 8 + count)
  if held[1] ~= holder or held[3] ~= seats or held[5] then return nil end
  redis.call('HDEL', first, 'attempts')
  redis.call('HSET', record, 'request', request, 'nonce', holder, 'until', held[2], 'seats', seats, 'session', held[4] or '')
  redis.call('EXPIRE', record, record_ttl)
  return {1, held[2], seats, holder, held[4] or ''}
end

if #conflicts > 0 then
  local own = own_seats()
  local same = #own == count and request:sub(1, 6) == 'seats ' and same_hold()
  return same or {2, conflicts, own}
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', limit, '-inf', now)
if redis.call('ZCARD', limit) + count > most then return {3} end

local until_ms = string.format('%d', now + ttl)
local members, numbers = {}, {}
for i = 1, count do
  numbers[i] = ARGV[8 + i]
  members[2 * i - 1], members[2 * i] = until_ms, showtime .. ' ' .. numbers[i]
  redis.call('SET', KEYS[4 + i], until_ms .. ' ' .. nonce, 'NX', 'PX', ttl)
end
local seats = table.concat(numbers, '\n')
redis.call('ZADD', limit, unpack(members))
redis.call('EXPIRE', limit, record_ttl, 'NX')
redis.call('EXPIRE', limit, record_ttl, 'GT')
redis.call('HSET', record, 'request', request, 'nonce', nonce, 'until', until_ms, 'seats', seats, 'attempts', attempt, 'session', session)
redis.call('EXPIRE', record, record_ttl)
if session ~= '' then
  redis.call('HSET', in_session, nonce, showtime .. '\n' .. account .. '\n' .. seats)
  redis.call('EXPIRE', in_session, record_ttl)
end
redis.call('XADD', changes, 'MAXLEN', '~', kept, '*', 't', showtime, 'k', 'hold', 's', '1', 'u', until_ms, 'n', seats)
redis.call('EXPIRE', changes, record_ttl)
return {0, until_ms, ''}
