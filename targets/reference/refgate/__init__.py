"""The reference gateway: a small OpenAI-compatible proxy with failover, retries and circuit breakers."""

__version__ = "0.1.0"
