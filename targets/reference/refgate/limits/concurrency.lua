-- The requests under way, as in concurrency.py, each with a lease: a gateway that died gives its places back in the end.
local lease = 600000000
redis.call('ZREMRANGEBYSCORE', key, '-inf', whole(now))
local admitted, name = true, ''
if op == 'settle' then
  redis.call('ZREM', key, ticket)
else
  admitted = redis.call('ZCARD', key) < rate
  if admitted then
    name = ticket
    redis.call('ZADD', key, whole(now + lease), name)
    keep(key, lease)
  end
end
local running = redis.call('ZCARD', key)
return answer(admitted, admitted and 0 or 1000000, rate - running, running > 0 and 1000000 or 0, name)
