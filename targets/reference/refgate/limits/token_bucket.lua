-- A bucket as in token_bucket.py: the level in tokens x period, and when it was so.
local full = burst * period
local level, at = read('level', 'at')
level, at = level or full, at or now
if now > at then
  local elapsed = math.min(now - at, math.ceil((full - level) / rate))
  level = math.min(full, level + elapsed * rate)
  at = now
end
local admitted, wait = true, 0
if op == 'settle' then
  level = math.min(full, level - cost * period)
else
  local needed = math.min(cost * period, full)
  admitted = level >= needed
  if admitted then level = level - cost * period else wait = math.ceil((needed - level) / rate) end
end
local reset = math.ceil((full - level) / rate)
redis.call('HSET', key, 'level', whole(level), 'at', whole(at))
keep(key, reset)
return answer(admitted, wait, math.floor(level / period), reset)
