"""Puts the parts together, serves them, and drains them when the process is asked to end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import ClientSession, web

from .answer import Failure, Outgoing, Stream, Whole
from .asking import Asking
from .attempt import attempt
from .breaker import Breaker, State
from .bulkhead import Bulkhead
from .client import open_session
from .config import Config
from .errors import make_error, rendered
from .failover import Failover, Send
from .formats.registry import build_formats
from .health import Health
from .log import note
from .metrics import Metrics
from .pipeline import build_pipeline
from .provider import Provider
from .relay import Relay
from .settings.breaker import BreakerConfig
from .settings.provider import ProviderConfig
from .shared import Shared
from .translating import translating
from .windows import ErrorRate, FailureCount, Window


@dataclass(frozen=True, slots=True)
class Gateway:
    """The running parts that reloading and draining need."""

    app: web.Application
    relay: Relay
    health: Health
    shared: Shared


def build(config: Config) -> Gateway:
    """Return the gateway of `config`, not yet listening. Needs a running event loop."""
    metrics = Metrics()
    shared = Shared(
        tuple(_provider(provider, config, metrics) for provider in config.providers), metrics, config.store_url
    )
    metrics.watch(shared.providers)
    session = open_session(config.timeouts.connect_s)
    shared.closing.push_async_callback(session.close)
    failover = Failover(
        shared.providers,
        translating(_sender(session), build_formats(config.provider_formats)),
        timeouts=config.timeouts,
        retry=config.retry,
        hedging=config.hedging,
        observer=metrics,
        clock=shared.clock,
    )
    pipeline = build_pipeline(config, shared, Asking(failover, metrics))
    relay = Relay(
        pipeline,
        metrics,
        body_s=config.timeouts.body_s,
        idle_s=config.timeouts.idle_s,
        tells=config.stream.on_failure == "error-event",
    )
    health = Health(metrics)

    app = web.Application(client_max_size=config.max_body_bytes)
    for path in ("/v1/chat/completions", "/v1/embeddings", "/v1/messages"):
        app.router.add_post(path, relay.serve)
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        app.router.add_route(method, "/rest/{resource:.+}", relay.serve)
    app.router.add_get("/v1/models", relay.serve, allow_head=False)
    app.router.add_get("/health/live", health.live)
    app.router.add_get("/health/ready", health.ready)
    app.router.add_get("/metrics", health.metrics)
    app.router.add_route("*", "/{path:.*}", _unknown)
    app.on_response_prepare.append(health.say_goodbye)

    async def close(app: web.Application) -> AsyncIterator[None]:
        yield
        await shared.close()

    app.cleanup_ctx.append(close)
    return Gateway(app, relay, health, shared)


async def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return."""
    gateway = build(config)
    # With handler_cancellation a client that leaves cancels its request, and the provider stops working for nobody.
    runner = web.AppRunner(
        gateway.app, access_log=None, handler_cancellation=True, shutdown_timeout=config.drain.timeout_s
    )
    await runner.setup()
    site = web.TCPSite(runner, config.host, config.port, backlog=1024)
    await site.start()
    gc.freeze()  # what start-up made stays; no collection needs to walk it while requests wait
    asked_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, gateway.shared.reload)
    note(logging.INFO, "listening", host=config.host, port=site.port)
    await asked_to_end.wait()
    await _drain(gateway, site, config)
    await runner.cleanup()


async def _drain(gateway: Gateway, site: web.TCPSite, config: Config) -> None:
    """Turn readiness red, give balancers `delay_s` to look elsewhere, stop listening, and let requests finish."""
    note(logging.INFO, "draining")
    gateway.health.draining = True
    await asyncio.sleep(config.drain.delay_s)
    await site.stop()
    try:
        async with asyncio.timeout(config.drain.timeout_s):
            await gateway.relay.until_idle()
    except TimeoutError:
        note(logging.WARNING, "requests were still running at the end of the drain time")


def _provider(provider: ProviderConfig, config: Config, metrics: Metrics) -> Provider:
    def changed(state: State) -> None:
        metrics.breaker_changed(provider.name, state)
        note(logging.WARNING, "breaker changed", provider=provider.name, state=state.value)

    breaker = Breaker(
        _window(config.breaker),
        open_s=config.breaker.open_s,
        slow_call_s=config.breaker.slow_call_s,
        probes=config.breaker.probes,
        on_change=changed,
    )
    return Provider(provider.name, provider.url, breaker, Bulkhead(config.shedding.bulkhead))


def _window(config: BreakerConfig) -> Window:
    if config.mode == "rate":
        return ErrorRate(error_rate=config.error_rate, least_calls=config.least_calls, window_s=config.window_s)
    return FailureCount(failures=config.failures, window_s=config.window_s)


def _sender(session: ClientSession) -> Send:
    async def send(provider: Provider, outgoing: Outgoing, limit_s: float) -> Whole | Stream | Failure:
        return await attempt(session, provider.url, outgoing, limit_s)

    return send


async def _unknown(request: web.Request) -> web.Response:
    return rendered(make_error(404, "unknown_url", f"There is nothing at {request.method} {request.path}."))
