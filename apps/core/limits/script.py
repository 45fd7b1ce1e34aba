"""The limiter's Lua, in pieces that another script may build on.

A script is `compose(CLOCK, LIMITS, ...)` and a few lines that call the functions of `LIMITS`. To
decide on something else in the same step (a budget, say): weigh both, settle both with one common
`refused`. Time is Redis' own, in whole microseconds; a log is a list of them, 10 bytes each.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final, NamedTuple


class Script(NamedTuple):
    """Lua text and the name Redis keeps it under."""

    text: str
    sha: str


def compose(*parts: str) -> Script:
    """Join the pieces into one script."""
    text = "\n".join(parts)
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


CLOCK: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""

# KEYS: log and refusals of each check in turn. ARGV: limit, window (us) and cost of each.
# The refusals are a hash of window -> count; its fields also tell `RESET` which logs there are.
LIMITS: Final = """
local function limit_push(log, instant, count)
  local text, batch = string.format('%.0f', instant), {}
  for i = 1, math.min(count, 1000) do batch[i] = text end
  while count > 0 do
    redis.call('RPUSH', log, unpack(batch, 1, math.min(count, 1000)))
    count = count - 1000
  end
end

-- The clock went back (an operator, a failover): the log follows it, or its hits would stay.
local function limit_step_back(log, by)
  local instants = redis.call('LRANGE', log, 0, -1)
  redis.call('DEL', log)
  for _, instant in ipairs(instants) do limit_push(log, instant - by, 1) end
end

-- Counts the expired by doubling steps and halving ones: a long log is not walked.
local function limit_count_expired(log, horizon, size)
  local low, high = 0, 1
  while high < size and tonumber(redis.call('LINDEX', log, high)) <= horizon do
    low, high = high, high * 2
  end
  high = math.min(high, size)
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if tonumber(redis.call('LINDEX', log, middle)) <= horizon then low = middle
    else high = middle end
  end
  return high
end

-- Drops what is a window old and returns how many instants are left.
local function limit_expire(log, window)
  local size = redis.call('LLEN', log)
  if size == 0 then return 0 end
  local newest = tonumber(redis.call('LINDEX', log, -1))
  if newest > now then
    limit_step_back(log, newest - now)
  elseif newest <= now - window then
    redis.call('DEL', log)
    return 0
  end
  if tonumber(redis.call('LINDEX', log, 0)) <= now - window then
    local expired = limit_count_expired(log, now - window, size)
    redis.call('LTRIM', log, expired, -1)
    size = size - expired
  end
  return size
end

-- Writes down the refusals since the last charge; several windows share the hash, the longest keeps it.
local function limit_note_refusals(check, command, value)
  redis.call(command, check.refusals, check.field, value)
  local milliseconds = check.window / 1000 + 1000
  if redis.call('PTTL', check.refusals) < milliseconds then
    redis.call('PEXPIRE', check.refusals, milliseconds)
  end
end

-- Reads `count` checks; nothing is charged yet. Checks on the same log add up, unless `alone`.
local function limit_weigh(count, alone)
  local checks, pending, refused = {}, {}, false
  for i = 1, count do
    local check = {log = KEYS[2 * i - 1], refusals = KEYS[2 * i], field = ARGV[3 * i - 1],
                   window = tonumber(ARGV[3 * i - 1]), limit = tonumber(ARGV[3 * i - 2]),
                   cost = tonumber(ARGV[3 * i])}
    local used = pending[check.log] or limit_expire(check.log, check.window)
    check.fits = used + check.cost <= check.limit
    if not alone then pending[check.log] = check.fits and used + check.cost or used end
    refused = refused or not check.fits
    checks[i] = check
  end
  return checks, refused
end

-- Charges all, or counts the refusals of those that refused.
local function limit_settle(checks, refused)
  for _, check in ipairs(checks) do
    if not refused then
      limit_push(check.log, now, check.cost)
      redis.call('PEXPIRE', check.log, check.window / 1000 + 1000)
      limit_note_refusals(check, 'HSET', 0)
    elseif not check.fits then
      limit_note_refusals(check, 'HINCRBY', 1)
    end
  end
end

local function limit_measure_wait(check, used)
  local excess = check.fits and 1 or math.max(1, used + check.cost - check.limit)
  if check.fits and used == 0 then return 0 end
  if excess > used then return check.window end
  return tonumber(redis.call('LINDEX', check.log, excess - 1)) + check.window - now
end

-- Adds four numbers for each check: fits, used, microseconds to wait, refusals.
local function limit_report(checks, reply)
  for _, check in ipairs(checks) do
    local used = redis.call('LLEN', check.log)
    reply[#reply + 1] = check.fits and 1 or 0
    reply[#reply + 1] = used
    reply[#reply + 1] = limit_measure_wait(check, used)
    reply[#reply + 1] = tonumber(redis.call('HGET', check.refusals, check.field) or 0)
  end
  return reply
end
"""

HIT: Final = """
local checks, refused = limit_weigh(#ARGV / 3)
limit_settle(checks, refused)
return limit_report(checks, {now})
"""

PEEK: Final = """
local checks = limit_weigh(#ARGV / 3, true)
return limit_report(checks, {now})
"""

RESET: Final = """
for _, window in ipairs(redis.call('HKEYS', KEYS[1])) do
  redis.call('DEL', KEYS[1] .. ':' .. window)
end
return redis.call('DEL', KEYS[1])
"""
