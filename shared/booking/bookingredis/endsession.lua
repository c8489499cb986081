-- Ends a session of the line: from now on place.lua holds nothing in it.
-- KEYS  1 session
-- ARGV  1 seconds that it is kept in mind
-- Returns what was placed in it, two a hold: nonce, then showtime, account and seats, one a
-- line. Some of it may have lapsed, or have become a booking.
-- O(holds).
local in_session, kept = KEYS[1], ARGV[1]
redis.call('HDEL', in_session, 'over')
local placed = redis.call('HGETALL', in_session)
redis.call('HSET', in_session, 'over', '1')
redis.call('EXPIRE', in_session, kept)
return placed
