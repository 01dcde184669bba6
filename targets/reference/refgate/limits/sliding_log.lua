-- The requests of the last period, as in sliding_log.py: a sorted set of "number:cost" by time, and the sum of the costs.
local sums = KEYS[2]
local function cost_of(entry) return tonumber(string.match(entry, ':(.*)$')) end
local used = tonumber(redis.call('HGET', sums, 'used') or '0')
local expired = whole(now - period)
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', expired)) do used = used - cost_of(entry) end
redis.call('ZREMRANGEBYSCORE', key, '-inf', expired)
local admitted, wait, name = true, 0, ''
if op == 'settle' then
  local at = redis.call('ZSCORE', key, ticket)
  if at then
    local before = cost_of(ticket)
    local after = math.max(0, before + cost)
    redis.call('ZREM', key, ticket)
    redis.call('ZADD', key, at, string.match(ticket, '^(.*):') .. ':' .. whole(after))
    used = used + after - before
  end
else
  local needed = math.min(cost, rate)
  admitted = used + needed <= rate
  if admitted then
    name = redis.call('HINCRBY', sums, 'number', 1) .. ':' .. whole(cost)
    redis.call('ZADD', key, whole(now), name)
    used = used + cost
  else
    local log = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    local freed = 0
    for i = 1, #log, 2 do
      freed = freed + cost_of(log[i])
      if used - freed + needed <= rate then
        wait = tonumber(log[i + 1]) + period - now
        break
      end
    end
  end
end
redis.call('HSET', sums, 'used', whole(used))
local newest = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
local reset = newest[2] and tonumber(newest[2]) + period - now or 0
keep(key, reset)
keep(sums, reset)
return answer(admitted, wait, rate - used, reset, name)
