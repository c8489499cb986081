-- The figures of a line at one moment. Returns: {OK, now, waiting, offered, ready,
-- active, counters and gauges in the order of ARGV[3…]}. O(1).
local reply = {OK, now, call('ZCARD', WAITING), call('ZCARD', OFFERED), call('ZCARD', READY), call('ZCARD', ACTIVE)}
for i = 3, #ARGV do reply[#reply + 1] = call('HGET', FLOW, ARGV[i]) or '' end
return reply
