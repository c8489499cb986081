-- One beat of the line: opens it when its time comes, ends what is over, lets
-- claimed fans enter and offers places. Any number of callers does the same as one.
-- Returns: {OK, entered, offered, lapsed, sessions over, abandoned, version}.
-- O((entered + offered + lapsed + over) · log N), each at most CHUNK.
local CHUNK = 500
local BUFFER_SECONDS = 4   -- of entering fans to keep ready
local BUFFER_FANS = 6      -- but never fewer
local SETTLE_SECONDS = 20  -- in which the integral corrects a lack of ready fans
local MEMORY_OFFERS, MEMORY_SECONDS = 400, 20
local MAX_NO_SHOW = 0.95

step_over_lost_numbers()
local names = {'tat', 'serving', 'no_offer_before', 'aged', 'past_offers', 'past_claims', 'delay', 'correction',
  'exited', 'exited_before', 'exit_rate', 'exited_at'}
local values = call('HMGET', FLOW, unpack(names))
local flow = {}
for i, name in ipairs(names) do flow[name] = tonumber(values[i] or '0') end
local serving = values[2] or '0'
if not values[7] then flow.delay = 2 end
local last = tonumber(marks[1] or '0')
local result = {OK, 0, 0, 0, 0, 0}

local function start_afresh()
  flow.tat = now
  no_lapse_before = now + claim_ms
  call('HSET', FLOW, 'no_lapse_before', no_lapse_before)
end

local function become(state)
  policy.state = state
  call('HSET', POLICY, 'state', state)
  call('HINCRBY', POLICY, 'version', 1)
  start_afresh()
end

local function open_in_time()
  local lobby_at, open_at = tonumber(policy.lobby_opens_at) or 0, tonumber(policy.opens_at) or 0
  if policy.state == 'scheduled' and lobby_at > 0 and lobby_at <= now then become('lobby') end
  if open_at == 0 or open_at > now or policy.method == 'draw' then return end
  if policy.state == 'scheduled' or policy.state == 'lobby' then become('open') end
end

local function end_sessions()
  for _, n in ipairs(call('ZRANGE', ACTIVE, '-inf', now, 'BYSCORE', 'LIMIT', 0, CHUNK)) do
    local minted = call('GETBIT', MINTED, n) == 1
    if minted or now >= no_lapse_before then
      call('ZREM', ACTIVE, n)
      to_gone(n, minted and BY_END or BY_LAPSE)
      result[5] = result[5] + 1
    else
      call('ZADD', ACTIVE, no_lapse_before, n)
    end
  end
  if result[5] > 0 then flow.exited = call('HINCRBY', FLOW, 'exited', result[5]) end
end

local function lapse_offers()
  if now < no_lapse_before then return end
  for _, n in ipairs(call('ZRANGE', OFFERED, '-inf', now, 'BYSCORE', 'LIMIT', 0, CHUNK)) do
    call('ZREM', OFFERED, n)
    to_gone(n, BY_LAPSE)
    result[4] = result[4] + 1
  end
  if result[4] > 0 then call('HINCRBY', FLOW, 'lapsed', result[4]) end
end

local function forget_gone()
  local before = (now - math.max(grace_ms, 600000)) * 8
  for _, n in ipairs(call('ZRANGE', GONE, '-inf', before, 'BYSCORE', 'LIMIT', 0, CHUNK)) do
    call('ZREM', GONE, n)
    call('SETBIT', ENDED, n, 1)
  end
end

-- Moves ready fans in, paced by a GCRA that may lag by one interval and 300 ms.
local function let_in(free, interval)
  flow.tat = math.max(flow.tat, now - interval - 300)
  if flow.tat > now or free <= 0 then return 0 end
  local slots = math.min(math.floor((now - flow.tat) / interval) + 1, free, CHUNK)
  local fans = call('ZRANGE', READY, 0, slots - 1)
  for _, n in ipairs(fans) do
    call('ZREM', READY, n)
    call('ZADD', ACTIVE, now + claim_ms, n)
  end
  flow.tat = flow.tat + #fans * interval
  if #fans > 0 then call('HINCRBY', FLOW, 'entered', #fans) end
  return #fans
end

-- How often slots come free, per second, smoothed over some ten seconds.
local function measure_exits()
  local dt = (now - flow.exited_at) / 1000
  if dt < 0.2 then return end
  local rate = math.max(flow.exited - flow.exited_before, 0) / dt
  flow.exit_rate = flow.exit_rate + (rate - flow.exit_rate) * math.min(1, dt / 10)
  flow.exited_before, flow.exited_at = flow.exited, now
end

-- Moves offers that are too old to be claimed into what is remembered; returns
-- the number of younger ones and of their claims.
local function age_offers(rate)
  local settled = math.floor((now - math.min(15000, claim_ms / 2)) / 1000) - 1
  local newest = math.floor(now / 1000)
  for second = math.max(flow.aged + 1, newest - 62), settled do
    local o, c = 'o' .. second % 64, 'c' .. second % 64
    local counts = call('HMGET', FLOW, o, c)
    flow.past_offers = flow.past_offers + (counts[1] or 0)
    flow.past_claims = flow.past_claims + (counts[2] or 0)
    if counts[1] or counts[2] then call('HDEL', FLOW, o, c) end
  end
  flow.aged = math.max(flow.aged, settled)
  local memory = math.max(MEMORY_OFFERS, MEMORY_SECONDS * rate)
  if flow.past_offers > memory then
    flow.past_claims = flow.past_claims * memory / flow.past_offers
    flow.past_offers = memory
  end
  local fields = {}
  for second = settled + 1, newest do
    fields[#fields + 1] = 'o' .. second % 64
    fields[#fields + 1] = 'c' .. second % 64
  end
  local offers, claims, counts = 0, 0, call('HMGET', FLOW, unpack(fields))
  for i = 1, #counts, 2 do
    offers, claims = offers + (counts[i] or 0), claims + (counts[i + 1] or 0)
  end
  return offers, claims
end

-- How many offers keep enough fans ready, and not more than will find a slot.
local function wanted(rate, free)
  local young, claimed = age_offers(rate)
  local share = math.min(math.max((flow.past_offers - flow.past_claims) / (flow.past_offers + 5), 0), MAX_NO_SHOW)
  local ready = call('ZCARD', READY)
  local buffer = math.max(BUFFER_SECONDS * rate, BUFFER_FANS)
  local buffer_seconds = buffer / rate
  local goal = math.min(buffer, free + flow.exit_rate * buffer_seconds + 1)
  if last > 0 and now - last <= GAP_MS then
    local lack = (goal - ready) / SETTLE_SECONDS * (now - last) / 1000
    flow.correction = math.min(math.max(flow.correction + lack, 0), 3 * buffer)
  end
  local supply = math.min(buffer + rate * flow.delay, free + flow.exit_rate * (buffer_seconds + flow.delay) + 1) + flow.correction
  local expected = math.max(young * (1 - share) - claimed, 0)
  call('HSET', FLOW, 'no_show', share)
  return math.floor((supply - ready - expected) / (1 - share) + 0.5)
end

local function offer(want)
  local ends, known, looked = now + claim_ms, presence_known(), 0
  while want > 0 and looked < 4 * CHUNK do
    local first = call('ZRANGE', WAITING, 0, math.min(want, CHUNK) - 1, 'WITHSCORES')
    if #first == 0 then break end
    for i = 1, #first, 2 do
      local n = first[i]
      out_of_waiting(n)
      if known and not seen(n) then
        to_gone(n, BY_ABANDON)
        result[6] = result[6] + 1
      else
        call('ZADD', OFFERED, ends, n)
        if tonumber(first[i + 1]) > tonumber(serving) then serving = first[i + 1] end
        result[3], want = result[3] + 1, want - 1
      end
    end
    looked = looked + #first / 2
  end
  if result[3] == 0 then return end
  call('HINCRBY', FLOW, 'o' .. math.floor(now / 1000) % 64, result[3])
  call('HINCRBY', FLOW, 'offers', result[3])
  call('HSET', FLOW, 'serving', serving)
end

call('HSET', FLOW, 'clock', now)
if gap then start_afresh() end
open_in_time()
end_sessions()
forget_gone()
measure_exits()
if (policy.state == 'open' or policy.state == 'draining') and not sold_out then
  lapse_offers()
  local per_minute = tonumber(policy.rate_per_minute)
  if policy.mode == 'off' then per_minute = math.max(per_minute, 60000) end
  local free = capacity - call('ZCARD', ACTIVE)
  result[2] = let_in(free, 60000 / per_minute)
  if call('ZCARD', WAITING) == 0 then
    flow.correction = 0
  elseif now >= flow.no_offer_before then
    roll_presence()
    offer(wanted(per_minute / 60, free - result[2]))
  end
  if policy.state == 'draining' and call('ZCARD', WAITING) + call('ZCARD', OFFERED) + call('ZCARD', READY) + call('ZCARD', ACTIVE) == 0 then
    become('closed')
  end
end
call('HSET', FLOW, 'tat', flow.tat, 'aged', flow.aged, 'past_offers', flow.past_offers, 'past_claims', flow.past_claims,
  'correction', flow.correction, 'exited_before', flow.exited_before, 'exit_rate', flow.exit_rate, 'exited_at', flow.exited_at)
result[7] = tonumber(call('HGET', POLICY, 'version') or '0')
return result
