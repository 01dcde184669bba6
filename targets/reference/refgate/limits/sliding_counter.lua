-- The counts of the present window and of the former one, as in sliding_counter.py.
local present = math.floor(now / period)
local into = now - present * period
local window, used, former = read('window', 'used', 'former')
if window ~= present then
  former = window == present - 1 and used or 0
  used = 0
end
local function weighed() return former * (period - into) + used * period end
local function until_room(weight, room)
  if weight == 0 then return 0 end
  return math.max(0, period - math.floor(room * period / weight))
end
local admitted, wait = true, 0
if op == 'settle' then
  if ticket == whole(present) then used = math.max(0, used + cost)
  elseif ticket == whole(present - 1) then former = math.max(0, former + cost) end
else
  local needed = math.min(cost, rate)
  admitted = weighed() + needed * period <= rate * period
  if admitted then
    used = used + cost
  else
    local room = rate - needed - used
    if room >= 0 then wait = until_room(former, room) - into
    else wait = period - into + until_room(used, rate - needed) end
  end
end
local reset = used > 0 and 2 * period - into or (former > 0 and period - into or 0)
redis.call('HSET', key, 'window', whole(present), 'used', whole(used), 'former', whole(former))
keep(key, reset)
return answer(admitted, wait, rate - math.ceil(weighed() / period), reset, whole(present))
