"""The ledger's Lua, in pieces. It keeps the same rules as `domain.book`, and reads beside it.

Of an organization: `holds` (reservation → what it holds, and where), `ends` (reservation → when, us), `queue`
(reservation → ticket), `waits` (reservation → when last seen, and the meters it is short of), and a hash for each meter
(fn ft: spent in former lives; pn pt: in the present one; hn ht: held). Numbers up to 2^53 are exact here.
"""

from __future__ import annotations

from typing import Final

IDLE_MILLISECONDS: Final = 2 * 86_400_000
"""A meter nobody touches for so long is loaded again from the rows."""
STALE_MICROSECONDS: Final = 3_000_000
"""Who waits looks again and again; one not seen for so long has died."""

BOOK: Final = (
    f"local IDLE, STALE = {IDLE_MILLISECONDS}, {STALE_MICROSECONDS}\n"
    """
-- A zero may have a sign, which HINCRBY does not read.
local function text(number) return string.format('%.0f', number == 0 and 0 or number) end

local function split(packed)
  local parts = {}
  for part in string.gmatch(packed, '[^|]+') do parts[#parts + 1] = part end
  return parts
end

-- The present life of the ledger; an emptied Redis begins a new one, closed for as long as processes need to tell.
local function epoch_of(key, fresh, closed_for)
  local id = redis.call('HGET', key, 'id')
  if not id then
    id = fresh
    redis.call('HSET', key, 'id', fresh, 'opens', text(now + closed_for))
  end
  return id, tonumber(redis.call('HGET', key, 'opens'))
end

local function read_meter(key)
  local values = redis.call('HMGET', key, 'fn', 'ft', 'pn', 'pt', 'hn', 'ht')
  local meter = {key = key, is_loaded = values[1] and true or false}
  for i = 1, 6 do values[i] = tonumber(values[i] or 0) end
  meter.spent_nano, meter.spent_tokens = values[1] + values[3], values[2] + values[4]
  meter.held_nano, meter.held_tokens = values[5], values[6]
  return meter
end

local function add(key, field_nano, field_tokens, nano, tokens)
  redis.call('HINCRBY', key, field_nano, text(nano))
  redis.call('HINCRBY', key, field_tokens, text(tokens))
  redis.call('PEXPIRE', key, IDLE)
end

local function hold(place, id, nano, tokens, ends_at, meters)
  local packed = {text(nano), text(tokens)}
  for _, key in ipairs(meters) do
    add(key, 'hn', 'ht', nano, tokens)
    packed[#packed + 1] = key
  end
  redis.call('HSET', place.holds, id, table.concat(packed, '|'))
  redis.call('ZADD', place.ends, text(ends_at), id)
end

-- Gives back what was held; with `spent`, counts that instead. False when nothing was held (any more).
local function drop(place, id, spent_nano, spent_tokens)
  local packed = redis.call('HGET', place.holds, id)
  if not packed then return false end
  local parts = split(packed)
  for i = 3, #parts do
    add(parts[i], 'hn', 'ht', -tonumber(parts[1]), -tonumber(parts[2]))
    if spent_nano then add(parts[i], 'pn', 'pt', spent_nano, spent_tokens) end
  end
  redis.call('HDEL', place.holds, id)
  redis.call('ZREM', place.ends, id)
  return true
end

local function leave(place, id)
  redis.call('ZREM', place.queue, id)
  redis.call('HDEL', place.waits, id)
end

local function expire(place)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', place.ends, '-inf', text(now), 'LIMIT', 0, 100)) do
    drop(place, id)
  end
end

-- The meters that those before `id` in the queue are short of. The dead are taken out.
local function claimed_before(place, id)
  local claimed, is_any = {}, false
  for _, other in ipairs(redis.call('ZRANGE', place.queue, 0, -1)) do
    if other == id then break end
    local packed = redis.call('HGET', place.waits, other)
    local parts = packed and split(packed)
    if not parts or tonumber(parts[1]) < now - STALE then
      leave(place, other)
    else
      for i = 2, #parts do claimed[parts[i]], is_any = true, true end
    end
  end
  return claimed, is_any
end

local function place_of(first)
  return {holds = KEYS[first], ends = KEYS[first + 1], queue = KEYS[first + 2], waits = KEYS[first + 3],
          tickets = KEYS[first + 4]}
end
"""
)

# KEYS: two for each check, the epoch, five of the organization, a meter for each bound.
# ARGV: three for each check; epoch as known, a fresh one, closed for (us), reservation, lasts (us), most (nano, tokens),
# likely (nano, tokens), mode (first, wait, last); two for each bound ('' is none); the number of checks.
RESERVE: Final = """
local count = tonumber(ARGV[#ARGV])
local at, from = 3 * count, 2 * count
local known, fresh, closed_for = ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
local id, lasts, mode = ARGV[at + 4], tonumber(ARGV[at + 5]), ARGV[at + 10]
local most_nano, most_tokens = tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7])
local least_nano = math.min(math.max(tonumber(ARGV[at + 8]), 1), most_nano)
local least_tokens = math.min(math.max(tonumber(ARGV[at + 9]), 1), most_tokens)
local place = place_of(from + 2)
local first_meter, first_bound = from + 7, at + 10

local checks, refused = limit_weigh(count)
limit_settle(checks, refused)
local reply = limit_report(checks, {now})

local function answer(status, nano, tokens, short, meters)
  reply[#reply + 1] = status
  reply[#reply + 1] = text(nano or 0)
  reply[#reply + 1] = text(tokens or 0)
  reply[#reply + 1] = short or 0
  for _, meter in ipairs(meters or {}) do
    reply[#reply + 1] = text(meter.spent_nano)
    reply[#reply + 1] = text(meter.spent_tokens)
    reply[#reply + 1] = text(meter.held_nano)
    reply[#reply + 1] = text(meter.held_tokens)
  end
  return reply
end

if refused then return answer('limited') end
local epoch, opens = epoch_of(KEYS[from + 1], fresh, closed_for)
if epoch ~= known then return answer('epoch') end
if now < opens then return answer('closed') end

expire(place)
local meters, unknown = {}, false
local bounds = #KEYS - first_meter + 1
for i = 1, bounds do
  local meter = read_meter(KEYS[first_meter + i - 1])
  meter.nano = tonumber(ARGV[first_bound + 2 * i - 1]) or math.huge
  meter.tokens = tonumber(ARGV[first_bound + 2 * i]) or math.huge
  meters[i] = meter
  unknown = unknown or not meter.is_loaded
end
if unknown then return answer('unknown') end

-- As in `Book._room`.
local nano, tokens = most_nano, most_tokens
for i, meter in ipairs(meters) do
  meter.left_nano = math.max(0, meter.nano - meter.spent_nano)
  meter.left_tokens = math.max(0, meter.tokens - meter.spent_tokens)
  if meter.left_nano < least_nano or meter.left_tokens < least_tokens then
    leave(place, id)
    return answer('exhausted', 0, 0, i, meters)
  end
  nano, tokens = math.min(nano, meter.left_nano), math.min(tokens, meter.left_tokens)
end
local free_nano, free_tokens, short, short_keys = nano, tokens, nil, {}
for i, meter in ipairs(meters) do
  local meter_nano = math.max(0, meter.left_nano - meter.held_nano)
  local meter_tokens = math.max(0, meter.left_tokens - meter.held_tokens)
  if meter_nano < nano or meter_tokens < tokens then
    short = short or i
    short_keys[#short_keys + 1] = meter.key
  end
  free_nano, free_tokens = math.min(free_nano, meter_nano), math.min(free_tokens, meter_tokens)
end
if mode == 'last' then
  leave(place, id)
  if short and free_nano >= least_nano and free_tokens >= least_tokens then
    nano, tokens, short = free_nano, free_tokens, nil
  end
elseif not short then
  local claimed, is_any = claimed_before(place, id)
  if is_any then
    for i, meter in ipairs(meters) do
      if claimed[meter.key] and not short then short = i end
    end
  end
end
if short then
  if mode == 'wait' then
    if not redis.call('ZSCORE', place.queue, id) then
      redis.call('ZADD', place.queue, redis.call('INCR', place.tickets), id)
    end
    redis.call('HSET', place.waits, id, table.concat({text(now), unpack(short_keys)}, '|'))
  end
  return answer('held', nano, tokens, short, meters)
end
leave(place, id)
local keys = {}
for i, meter in ipairs(meters) do
  keys[i] = meter.key
  meter.held_nano, meter.held_tokens = meter.held_nano + nano, meter.held_tokens + tokens
end
hold(place, id, nano, tokens, now + lasts, keys)
return answer('granted', nano, tokens, 0, meters)
"""

# KEYS: epoch, five of the organization. ARGV: for each reservation: it, its record's epoch, nano, tokens; an empty
# epoch gives back and counts nothing.
SETTLE: Final = """
local epoch = redis.call('HGET', KEYS[1], 'id')
local place = place_of(2)
local dropped = 0
for i = 1, #ARGV, 4 do
  leave(place, ARGV[i])
  local is_counted = epoch and ARGV[i + 1] == epoch
  local nano, tokens = nil, nil
  if is_counted then nano, tokens = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]) end
  if drop(place, ARGV[i], nano, tokens) then dropped = dropped + 1 end
end
return dropped
"""

# KEYS: epoch, five of the organization. ARGV: reservation, lasts (us).
RENEW: Final = """
local place = place_of(2)
if redis.call('HEXISTS', place.holds, ARGV[1]) == 1 then
  redis.call('ZADD', place.ends, text(now + tonumber(ARGV[2])), ARGV[1])
end
return 1
"""

# KEYS: epoch, five of the organization, the meters of every reservation in turn. ARGV: epoch; for each reservation: it,
# lasts (us), nano, tokens, its number of meters.
ANNOUNCE: Final = """
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local place, from = place_of(2), 7
for i = 2, #ARGV, 5 do
  local meters = {}
  for j = 1, tonumber(ARGV[i + 4]) do meters[j] = KEYS[from + j - 1] end
  from = from + #meters
  if redis.call('HEXISTS', place.holds, ARGV[i]) == 0 then
    hold(place, ARGV[i], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), now + tonumber(ARGV[i + 1]), meters)
  end
end
return 1
"""

# KEYS: epoch, meters. ARGV: epoch; whether to load those not known yet; fn ft pn pt for each.
TAKE_IN: Final = """
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local FIELDS = {'fn', 'ft', 'pn', 'pt'}
for i = 2, #KEYS do
  if ARGV[2] == '1' or redis.call('HEXISTS', KEYS[i], 'fn') == 1 then
    for j, field in ipairs(FIELDS) do
      local value = ARGV[2 + 4 * (i - 2) + j]
      local before = redis.call('HGET', KEYS[i], field)
      if not before or tonumber(before) < tonumber(value) then
        redis.call('HSET', KEYS[i], field, value)
      end
    end
    redis.call('PEXPIRE', KEYS[i], IDLE)
  end
end
return 1
"""

# KEYS: epoch, five of the organization, meters. Five for each: loaded, spent nano and tokens, held nano and tokens.
PEEK: Final = """
expire(place_of(2))
local reply = {}
for i = 7, #KEYS do
  local meter = read_meter(KEYS[i])
  reply[#reply + 1] = meter.is_loaded and 1 or 0
  reply[#reply + 1] = text(meter.spent_nano)
  reply[#reply + 1] = text(meter.spent_tokens)
  reply[#reply + 1] = text(meter.held_nano)
  reply[#reply + 1] = text(meter.held_tokens)
end
return reply
"""

# KEYS: epoch. ARGV: a fresh one, closed for (us).
EPOCH: Final = """
local id, opens = epoch_of(KEYS[1], ARGV[1], tonumber(ARGV[2]))
return {id, now < opens and 0 or 1}
"""

# KEYS: who is in (slot → until when, us), the minute (`second` r|t → count). ARGV: slot, lasts (us), tokens, parallel,
# requests and tokens a minute ('' is none). Answers the second, or what is in the way and us until it is worth asking.
TAKE_SLOT: Final = """
local MINUTE, PARALLEL_RETRY = 60, 250000
local second, requests, tokens, by = math.floor(now / 1000000), 0, 0, {}
local cost = tonumber(ARGV[3])
local most_parallel, most_requests, most_tokens = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
local counts = redis.call('HGETALL', KEYS[2])
for i = 1, #counts, 2 do
  local at, kind = string.match(counts[i], '^(%d+)(%a)$')
  at = tonumber(at)
  if at <= second - MINUTE - 1 then redis.call('HDEL', KEYS[2], counts[i])
  else
    by[at] = by[at] or {r = 0, t = 0}
    by[at][kind] = tonumber(counts[i + 1])
    if kind == 'r' then requests = requests + by[at].r else tokens = tokens + by[at].t end
  end
end
local function wait_for(kind, excess)
  for at = second - MINUTE, second do
    if by[at] then
      excess = excess - by[at][kind]
      if excess <= 0 then return math.max(0, (at + MINUTE + 1) * 1000000 - now) end
    end
  end
  return MINUTE * 1000000
end
if most_parallel and redis.call('ZCARD', KEYS[1]) >= most_parallel then return {'parallel', PARALLEL_RETRY} end
if most_requests and requests + 1 > most_requests then
  return {'requests', wait_for('r', requests + 1 - most_requests)}
end
if most_tokens and tokens + cost > most_tokens then return {'tokens', wait_for('t', tokens + cost - most_tokens)} end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
redis.call('PEXPIRE', KEYS[1], 86400000)
redis.call('HINCRBY', KEYS[2], string.format('%.0f', second) .. 'r', 1)
redis.call('HINCRBY', KEYS[2], string.format('%.0f', second) .. 't', cost)
redis.call('PEXPIRE', KEYS[2], 120000)
return {'taken', second}
"""

# KEYS: as above. ARGV: slot, second, tokens beyond the estimate.
FREE_SLOT: Final = """
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 and redis.call('HEXISTS', KEYS[2], ARGV[2] .. 't') == 1 then
  redis.call('HINCRBY', KEYS[2], ARGV[2] .. 't', ARGV[3])
end
return 1
"""
