-- What every algorithm is given, and how numbers are kept: as whole ones, below 2^53, where doubles are exact.
local key, op = KEYS[1], ARGV[1]
local now, rate, period, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local cost, ticket = tonumber(ARGV[6]), ARGV[7]
if now < 0 then  -- the gateway leaves the time to Redis: one clock for all replicas
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local function whole(number) return string.format('%.0f', number) end
local function keep(name, us) redis.call('PEXPIRE', name, whole(math.ceil(us / 1000) + 1000)) end
local function read(...)
  local numbers = redis.call('HMGET', key, ...)
  for i = 1, select('#', ...) do numbers[i] = tonumber(numbers[i]) end
  return unpack(numbers, 1, select('#', ...))
end
local function answer(admitted, wait, remaining, reset, name)
  return {admitted and 1 or 0, whole(wait), math.max(0, remaining), whole(reset), name or ''}
end
