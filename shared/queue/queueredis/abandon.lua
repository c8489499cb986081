-- Removes places that nobody looks at any more; checks each again. ARGV[3…]: up
-- to 500 numbers. Returns: {OK, removed}. O(numbers · log N).
local removed = 0
if not presence_known() then return {OK, removed} end
for i = 3, #ARGV do
  local n = tonumber(ARGV[i])
  if call('GETBIT', LIVE, n) == 1 and not seen(n) then
    out_of_waiting(n)
    to_gone(n, BY_ABANDON)
    removed = removed + 1
  end
end
if removed > 0 then call('HINCRBY', FLOW, 'abandoned', removed) end
return {OK, removed}
