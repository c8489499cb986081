-- Gives a subject its place: the one it has, or a new one at the end.
-- KEYS[24]: the shard of subjects. ARGV[3]: digest of the subject.
-- Returns: a standing (line.lua), CLOSED or SOLD_OUT. O(log N).
local SUBJECTS, digest = KEYS[24], ARGV[3]

step_over_lost_numbers()
local n = tonumber(call('HGET', SUBJECTS, digest) or '0')
if n > 0 then
  local kind, at = stand(n)
  if revive(n, kind, at, true) then kind = 'waiting' end
  if kind == 'active' then return standing(n, kind, at) end
  if sold_out then return {SOLD_OUT} end
  if closed then return {CLOSED} end
  if kind == 'lobby' or kind == 'waiting' or kind == 'offered' or kind == 'ready' then return standing(n, kind, at) end
end
if sold_out then return {SOLD_OUT} end
local taking = {lobby = true, drawing = true, open = true, paused = true}
if not taking[policy.state] then return {CLOSED} end

if n > 0 then -- the old place must never come back beside the new one
  if call('ZREM', OFFERED, n) == 1 then to_gone(n, BY_LAPSE) end
  if call('ZREM', ACTIVE, n) == 1 then
    call('HINCRBY', FLOW, 'exited', 1)
    to_gone(n, BY_END)
  end
  call('SETBIT', ENDED, n, 1)
end
n = call('HINCRBY', POLICY, 'tail', 1)
call('HSET', SUBJECTS, digest, n)
call('HINCRBY', FLOW, 'joined', 1)
if calm() then
  call('ZADD', OFFERED, now + claim_ms, n)
  local key = key_of(n)
  call('HSET', FLOW, 'serving', key)
  return standing(n, 'offered', now + claim_ms, true)
end
to_waiting(n)
return standing(n, before_draw and 'lobby' or 'waiting', 0, true)
