-- Notes who was seen since the last report of a gateway. ARGV[3]: 'list' and the
-- numbers from ARGV[4] on, or 'bits' and a bitmap by n in ARGV[4].
-- Returns: {OK}. O(numbers) or O(length of the bitmap).
roll_presence()
if not marks[5] or now - marks[5] > 15000 then call('HSET', FLOW, 'covered_from', now) end
call('HSET', FLOW, 'seen_at', now)
if ARGV[3] == 'bits' then
  call('SET', SCRATCH, ARGV[4])
  call('BITOP', 'OR', presence(slot), presence(slot), SCRATCH)
  call('DEL', SCRATCH)
else
  for i = 4, #ARGV do call('SETBIT', presence(slot), ARGV[i], 1) end
end
call('EXPIRE', presence(slot), 600)
return {OK}
