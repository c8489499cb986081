-- Makes the seat keys and limits follow committed claims, and tells everyone.
-- KEYS  1 changes  then two a change: seat, limit (changes itself: no limit)
-- ARGV  1 showtime  2 entries kept in changes  3 most ms a mark of a claim is kept
--       4 seconds a limit with sold seats is kept
--       then three a change: number, state (0 free, 1 held, 2 sold, 3 not for sale),
--       until in ms (0: never)
-- Marks bridge the seconds until every instance has read the claim from Postgres,
-- so that a seat whose hold has become a claim does not look free to place.lua.
-- Returns the number of entries added. O(changes).
local changes, showtime, kept = KEYS[1], ARGV[1], ARGV[2]
local mark_ttl, limit_ttl = tonumber(ARGV[3]), ARGV[4]
local mark = '=claim'
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function follow(seat, state, until_ms)
  if state == '0' then
    local holder = redis.call('GET', seat)
    if holder and holder:match(' (.*)$') == mark then redis.call('DEL', seat) end
    return
  end
  local ttl = mark_ttl
  if until_ms ~= '0' then ttl = math.min(ttl, tonumber(until_ms) - now) end
  if ttl > 0 then redis.call('SET', seat, until_ms .. ' ' .. mark, 'PX', string.format('%d', ttl)) end
end

local function count(limit, member, state, until_ms)
  if limit == changes then return end
  if state == '0' then redis.call('ZREM', limit, member) return end
  redis.call('ZADD', limit, until_ms == '0' and '+inf' or until_ms, member)
  redis.call('EXPIRE', limit, limit_ttl, 'NX')
  redis.call('EXPIRE', limit, limit_ttl, 'GT')
end

local added, numbers, last_state, last_until = 0, {}, nil, nil
local function flush()
  if #numbers == 0 then return end
  redis.call('XADD', changes, 'MAXLEN', '~', kept, '*', 't', showtime, 'k', 'claim',
    's', last_state, 'u', last_until, 'n', table.concat(numbers, '\n'))
  added, numbers = added + 1, {}
end

for i = 1, (#KEYS - 1) / 2 do
  local seat, limit = KEYS[2 * i], KEYS[2 * i + 1]
  local number, state, until_ms = ARGV[3 * i + 2], ARGV[3 * i + 3], ARGV[3 * i + 4]
  follow(seat, state, until_ms)
  count(limit, showtime .. ' ' .. number, state, until_ms)
  if state ~= last_state or until_ms ~= last_until then flush() end
  last_state, last_until = state, until_ms
  numbers[#numbers + 1] = number
end
flush()
redis.call('EXPIRE', changes, limit_ttl)
return added
