"""The reference gateway: a small OpenAI-compatible proxy with failover, retries and circuit breakers."""
