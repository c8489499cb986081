-- The head of every script of a line: names of keys and codes, and the clock.
-- KEYS: those of keys.go, in its order. ARGV[1]: the caller's epoch, '' if any.
-- ARGV[2]: now in ms, '0' for the server's clock.
local POLICY, FLOW, WAITING, OFFERED, READY, ACTIVE, GONE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local LIVE, ENDED, LAPSED, MINTED, BOUND, SCRATCH, EXTENDED = KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local ENDINGS = KEYS[15]
local FIRST_PRESENCE, PRESENCE_SLOTS, SLOT_MS = 16, 8, 30000

-- Return codes; scripts.go has the same.
local OK, NO_LINE, STALE_EPOCH, CLOSED, SOLD_OUT, NOT_YET, LAPSED_OUT, OVER, CONFLICT, UNKNOWN = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9

-- Why a place is gone, in the low 3 bits of its score in GONE.
local BY_ABANDON, BY_LAPSE, BY_LEAVING, BY_FINISH, BY_END = 1, 2, 3, 4, 5

local call = redis.call

-- A value of more than 64 bytes makes Redis keep a hash as a table. As a listpack,
-- which small hashes are otherwise, it would search one from its start for each field.
local function as_table(key)
  call('HSET', key, 'about', 'This text is so long that the hash is kept as a table, whose fields are found at once.')
end

local function clock(last)
  local t = tonumber(ARGV[2])
  if t == 0 then
    local server = call('TIME')
    t = server[1] * 1000 + math.floor(server[2] / 1000)
  end
  return math.max(t, tonumber(last or '0'))
end
