"""Errors in the shape that OpenAI's clients read: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

import math

from aiohttp import web

from .failover import GaveUp


def error_answer(status: int, code: str, message: str, retry_after_s: float | None = None) -> web.Response:
    """Return an answer with `status`; `retry_after_s` is rounded up to whole seconds, at least one."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, math.ceil(retry_after_s)))}
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return web.json_response(body, status=status, headers=headers)


def no_answer(result: GaveUp) -> web.Response:
    """Return the answer to a request that no provider served.

    503: come back later (every breaker refuses, or the last provider said 429); 504: it took too long; else 502.
    """
    if result.last is None:
        return error_answer(
            503, "providers_unavailable", "No provider is available at the moment.", result.retry_after_s
        )
    provider, failure = result.last
    message = f"No provider answered; the last one, {provider.name}, {failure}."
    if failure.status == 429:
        return error_answer(503, "providers_saturated", message, result.retry_after_s)
    if failure.reason == "timeout":
        return error_answer(504, "provider_timeout", message)
    return error_answer(502, "provider_failed", message)
