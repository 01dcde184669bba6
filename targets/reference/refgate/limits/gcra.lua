-- Virtual scheduling as in gcra.py: TAT in whole microseconds, and the rest of it in shares of `rate`.
local most = burst * period
local tat, share = read('tat', 'share')
local ahead = math.max(0, ((tat or now) - now) * rate + (share or 0))
if tat and tat < now then ahead = 0 end
local admitted, wait = true, 0
if op == 'settle' then
  ahead = math.max(0, ahead + cost * period)
else
  local needed = math.min(cost * period, most)
  admitted = ahead + needed <= most
  if admitted then ahead = ahead + cost * period else wait = math.ceil((ahead + needed - most) / rate) end
end
local reset = math.ceil(ahead / rate)
if admitted then
  redis.call('HSET', key, 'tat', whole(now + math.floor(ahead / rate)), 'share', whole(ahead % rate))
  keep(key, reset)
end
return answer(admitted, wait, math.floor((most - ahead) / period), reset)
