-- The count of the present window, as in fixed_window.py.
local present = math.floor(now / period)
local window, used = read('window', 'used')
if window ~= present then used = 0 end
local left = period - now % period
local admitted = true
if op == 'settle' then
  if ticket ~= whole(present) then return answer(true, 0, 0, 0) end
  used = math.max(0, used + cost)
else
  admitted = used + math.min(cost, rate) <= rate
  if admitted then used = used + cost end
end
redis.call('HSET', key, 'window', whole(present), 'used', whole(used))
keep(key, left)
return answer(admitted, admitted and 0 or left, rate - used, used > 0 and left or 0, whole(present))
