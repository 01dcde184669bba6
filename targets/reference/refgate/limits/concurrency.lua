-- The requests under way, as in concurrency.py, each with a lease: a gateway that died gives its places back in the end.
-- An end may overtake its own beginning, on another connection: it is kept in `ended`, and the beginning takes no place.
local lease, ended = 60000000, KEYS[2]
redis.call('ZREMRANGEBYSCORE', key, '-inf', whole(now))
local admitted, name = true, ''
if op == 'settle' then
  if redis.call('ZREM', key, ticket) == 0 then
    redis.call('ZREMRANGEBYSCORE', ended, '-inf', whole(now))
    redis.call('ZADD', ended, whole(now + lease), ticket)
    keep(ended, lease)
  end
else
  admitted = redis.call('ZCARD', key) < rate and not redis.call('ZSCORE', ended, ticket)
  if admitted then
    name = ticket
    redis.call('ZADD', key, whole(now + lease), name)
    keep(key, lease)
  end
end
local running = redis.call('ZCARD', key)
return answer(admitted, admitted and 0 or 1000000, rate - running, running > 0 and 1000000 or 0, name)
