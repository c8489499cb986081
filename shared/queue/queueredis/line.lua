-- The line as a script finds it, and the moves of one place. Returns at once when
-- there is no line, or when the caller speaks of another epoch.
-- A key is a string: as a Lua number it would print as 4.5e+15.
local policy_fields = {'epoch', 'state', 'mode', 'method', 'capacity', 'rate_per_minute', 'session_seconds',
  'claim_seconds', 'abandon_seconds', 'grace_seconds', 'lobby_opens_at', 'opens_at', 'sold_out', 'run_id', 'tail'}
local values = call('HMGET', POLICY, unpack(policy_fields))
local policy = {}
for i, field in ipairs(policy_fields) do policy[field] = values[i] or '' end
if policy.epoch == '' then return {NO_LINE} end
if ARGV[1] ~= '' and ARGV[1] ~= policy.epoch then return {STALE_EPOCH} end

local marks = call('HMGET', FLOW, 'clock', 'slot', 'no_lapse_before', 'covered_from', 'seen_at')
local now = clock(marks[1])
local no_lapse_before = tonumber(marks[3] or '0')
local capacity = tonumber(policy.capacity)
local claim_ms = tonumber(policy.claim_seconds) * 1000
-- No beat for so long: what fans could not do must not cost them their turn. The
-- first beat writes it down; a fan may ask before that.
local GAP_MS = 2000
local gap = not marks[1] or now - marks[1] > GAP_MS
if gap then no_lapse_before = now + claim_ms end
local session_ms = tonumber(policy.session_seconds) * 1000
local grace_ms = tonumber(policy.grace_seconds) * 1000
local sold_out = policy.sold_out == '1'
local closed = policy.state == 'closed'
local before_draw = policy.method == 'draw' and (policy.state == 'lobby' or policy.state == 'drawing')
local lapsing = (policy.state == 'open' or policy.state == 'draining') and not sold_out

local function key_of(n) return string.format('%.0f', 4503599627370496 + n) end

local slot = math.floor(now / SLOT_MS)
local presence_slots = math.floor(tonumber(policy.abandon_seconds) * 1000 / SLOT_MS) + 1

local function presence(s) return KEYS[FIRST_PRESENCE + s % PRESENCE_SLOTS] end

-- Empties the slots that have come round again.
local function roll_presence()
  local last = tonumber(marks[2] or '-1')
  if last >= slot then return end
  for s = math.max(last + 1, slot - PRESENCE_SLOTS + 1), slot do call('UNLINK', presence(s)) end
  call('HSET', FLOW, 'slot', slot)
  marks[2] = slot
end

-- False while gateways did not report who is there for long enough to tell.
local function presence_known()
  return marks[4] and marks[5] and now - marks[5] <= 15000
    and now - marks[4] >= presence_slots * SLOT_MS
end

local function seen(n)
  for s = slot, slot - presence_slots + 1, -1 do
    if call('GETBIT', presence(s), n) == 1 then return true end
  end
  return false
end

-- Where n stands and since or until when (ms): lobby, waiting, active, ready,
-- offered, lapsed, abandoned, left, finished, over, or unknown.
local function stand(n)
  if call('GETBIT', LIVE, n) == 1 then return before_draw and 'lobby' or 'waiting', 0 end
  local at = call('ZSCORE', ACTIVE, n)
  if at then
    at = tonumber(at)
    local minted = call('GETBIT', MINTED, n) == 1
    if not minted then at = math.max(at, no_lapse_before) end
    if at > now then return 'active', at end
    return minted and 'over' or 'lapsed', at
  end
  if call('ZSCORE', READY, n) then return 'ready', 0 end
  at = call('ZSCORE', OFFERED, n)
  if at then
    local ends = math.max(tonumber(at), no_lapse_before)
    if ends > now or not lapsing then return 'offered', ends end
    return 'lapsed', ends
  end
  at = call('ZSCORE', GONE, n)
  if not at then return 'unknown', 0 end
  local cause = tonumber(at) % 8
  local names = {'abandoned', 'lapsed', 'left', 'finished', 'over'}
  return names[cause], math.floor(tonumber(at) / 8)
end

local function to_gone(n, cause)
  call('ZADD', GONE, now * 8 + cause, n)
  if cause ~= BY_ABANDON and (cause ~= BY_LAPSE or call('GETBIT', LAPSED, n) == 1) then call('SETBIT', ENDED, n, 1) end
end

-- Notes that sessions have ended before their time, so that what is held in them is
-- released (Store.Endings). numbers: with spaces between. The bound is some 100,000
-- notes: older ones are of holds that have lapsed by themselves.
local function note_endings(numbers)
  call('XADD', ENDINGS, 'MAXLEN', '~', 100000, '*', 'e', policy.epoch, 'n', numbers)
end

local function to_waiting(n)
  if not before_draw then call('ZADD', WAITING, key_of(n), n) end
  call('SETBIT', LIVE, n, 1)
  roll_presence()
  call('SETBIT', presence(slot), n, 1)
end

local function out_of_waiting(n)
  call('ZREM', WAITING, n)
  call('SETBIT', LIVE, n, 0)
end

-- Puts a place that was only away back at its key. asked: by an act of the fan,
-- which also brings back one whose offer lapsed, once. Returns whether it did.
local function revive(n, kind, at, asked)
  if closed or sold_out or now - at > grace_ms or call('GETBIT', ENDED, n) == 1 then return false end
  if kind == 'lapsed' then
    if not asked or call('GETBIT', LAPSED, n) == 1 then return false end
    call('SETBIT', LAPSED, n, 1)
  elseif kind ~= 'abandoned' then
    return false
  end
  for _, set in ipairs({GONE, OFFERED, ACTIVE}) do call('ZREM', set, n) end
  to_waiting(n)
  return true
end

-- Whether fans enter without waiting: the mode allows it and nobody is before them.
local function calm()
  return policy.mode ~= 'on' and policy.state == 'open' and not sold_out
    and call('ZCARD', WAITING) == 0 and call('ZCARD', READY) == 0
    and call('ZCARD', ACTIVE) + call('ZCARD', OFFERED) < capacity
end

-- A new Redis process may have lost the last numbers: step over them.
local function step_over_lost_numbers()
  local run_id = string.match(call('INFO', 'server'), 'run_id:(%x+)')
  if run_id == policy.run_id then return end
  if policy.run_id ~= '' then
    call('HINCRBY', POLICY, 'tail', 65536)
    call('HSET', FLOW, 'no_offer_before', now + 5000)
  end
  call('HSET', POLICY, 'run_id', run_id)
end

-- What a fan is told: {OK, state, n, key, ahead, claim before, session end, reason, remember, created}.
local function standing(n, kind, at, created)
  local reply = {OK, kind, n, key_of(n), 0, 0, 0, '', 0, created and 1 or 0}
  local over = function(state, reason, forever)
    reply[2], reply[8], reply[9] = state, reason, forever and 1 or 0
    return reply
  end
  if kind == 'active' then
    if call('GETBIT', MINTED, n) == 1 then reply[7] = at end
    return reply
  end
  if kind == 'left' or kind == 'finished' then return over(kind, '', true) end
  if kind == 'over' then return over('expired', 'session', true) end
  if sold_out then return over('expired', 'sold_out') end
  if closed then return over('expired', 'closed') end
  if kind == 'lobby' then
    reply[4] = ''
  elseif kind == 'waiting' then
    reply[5] = call('ZRANK', WAITING, n) or 0
  elseif kind == 'ready' then
    reply[2] = 'offered'
  elseif kind == 'offered' then
    reply[6] = at
  else
    -- A place whose turn went by is given back once, and only within the grace period.
    local missed = call('GETBIT', LAPSED, n) == 1 or now - at > grace_ms
    return over('expired', kind ~= 'lapsed' and 'abandoned' or missed and 'missed' or 'lapsed', call('GETBIT', ENDED, n) == 1)
  end
  return reply
end
