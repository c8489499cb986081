-- A fan asks to enter: claims an offer, or gets the session of an active place.
-- ARGV[3]: n.
-- Returns: {OK, end of the session in ms}, {NOT_YET, ahead, retry in ms},
-- {SOLD_OUT}, {CLOSED}, {LAPSED_OUT}, {OVER} or {UNKNOWN}. O(log N).
local n = tonumber(ARGV[3])
local RETRY_MS = 1000

local function session_of(ends)
  if call('GETBIT', MINTED, n) == 0 then
    ends = now + session_ms
    call('ZADD', ACTIVE, ends, n)
    call('SETBIT', MINTED, n, 1)
  end
  return {OK, ends}
end

local function count_claim(ends)
  local offered_at = ends - claim_ms
  local second = math.floor(offered_at / 1000)
  local paced = call('HMGET', FLOW, 'aged', 'delay')
  if second > tonumber(paced[1] or '0') then
    call('HINCRBY', FLOW, 'c' .. second % 64, 1)
  else
    call('HINCRBYFLOAT', FLOW, 'past_claims', 1)
  end
  local delay = tonumber(paced[2] or '2')
  local this = math.min(math.max(now - offered_at, 0) / 1000, 15)
  call('HSET', FLOW, 'delay', delay + 0.05 * (this - delay))
  call('HINCRBY', FLOW, 'claims', 1)
end

if n > tonumber(policy.tail) then return {UNKNOWN} end
local kind, at = stand(n)
if kind == 'active' then return session_of(at) end
if kind == 'left' or kind == 'finished' or kind == 'over' then return {OVER} end
if sold_out then return {SOLD_OUT} end
if closed then return {CLOSED} end
if kind == 'lobby' then return {NOT_YET, 0, RETRY_MS} end
if kind == 'offered' then
  local straight = policy.mode ~= 'on' and policy.state == 'open' and call('ZCARD', WAITING) == 0
    and call('ZCARD', READY) == 0 and call('ZCARD', ACTIVE) < capacity
  count_claim(tonumber(call('ZSCORE', OFFERED, n)))
  call('ZREM', OFFERED, n)
  if straight then
    call('HINCRBY', FLOW, 'entered', 1)
    return session_of(0)
  end
  call('ZADD', READY, key_of(n), n)
  kind = 'ready'
end
if kind == 'ready' then return {NOT_YET, call('ZRANK', READY, n), RETRY_MS} end
local lapsed = kind == 'lapsed'
if kind == 'waiting' or revive(n, kind, at, true) then
  return {NOT_YET, lapsed and 0 or call('ZRANK', WAITING, n) or 0, RETRY_MS}
end
return {LAPSED_OUT}
