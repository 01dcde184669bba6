"""Errors in the shape that OpenAI's clients read: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

import math

from aiohttp import web
from multidict import CIMultiDict

from .answer import Error
from .failover import GaveUp


def make_error(
    status: int,
    code: str,
    message: str,
    *,
    outcome: str = "bad_request",
    kind: str | None = None,
    retry_after_s: float | None = None,
) -> Error:
    """Return an error with `status`; `retry_after_s` is rounded up to whole seconds, at least one."""
    headers: CIMultiDict[str] = CIMultiDict()
    if retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    kind = kind or ("invalid_request_error" if status < 500 else "server_error")
    return Error(status, code, message, outcome, kind, headers)


def rendered(error: Error) -> web.Response:
    """Return `error` as it goes over the wire."""
    body = {"error": {"message": error.message, "type": error.kind, "param": None, "code": error.code}}
    return web.json_response(body, status=error.status, headers=error.headers)


def no_answer(result: GaveUp) -> Error:
    """Return the answer to a request that no provider served.

    503: come back later (every breaker refuses, or the last provider said 429); 504: it took too long; else 502.
    """
    if result.last is None:
        message = "No provider is available at the moment."
        return make_error(503, "providers_unavailable", message, outcome="refused", retry_after_s=result.retry_after_s)
    provider, failure = result.last
    message = f"No provider answered; the last one, {provider.name}, {failure}."
    if failure.status == 429:
        return make_error(503, "providers_saturated", message, outcome="failed", retry_after_s=result.retry_after_s)
    if failure.reason == "timeout":
        return make_error(504, "provider_timeout", message, outcome="failed")
    return make_error(502, "provider_failed", message, outcome="failed")
