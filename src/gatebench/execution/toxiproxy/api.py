"""The operations of Toxiproxy's HTTP API: what each route does, and the exact statuses and bodies of its answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gatebench.execution.toxiproxy import metrics
from gatebench.execution.toxiproxy.body import Fields, decode, encode
from gatebench.execution.toxiproxy.proxies import Proxies
from gatebench.execution.toxiproxy.proxy import Proxy
from gatebench.execution.toxiproxy.refusal import Refusal
from gatebench.execution.toxiproxy.wanted import wanted_change, wanted_proxies, wanted_proxy, wanted_toxic

JSON = "application/json"


@dataclass(frozen=True)
class Engine:
    """What the operations act on. `version` is what /version says; clients choose PATCH or POST by it."""

    proxies: Proxies
    version: str


@dataclass(frozen=True)
class Request:
    """An operation's input: the names in the path, in order, and the body as it came."""

    names: tuple[str, ...]
    body: bytes

    def fields(self) -> Fields:
        """Return the body as an object; raises Refusal when it is none."""
        return Fields(decode(self.body))


@dataclass(frozen=True)
class Answer:
    """An operation's output. `at_ns` is the monotonic time at which a mutation had taken effect, None for a question."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    at_ns: int | None = None


Operation = Callable[[Engine, Request], Answer]


@dataclass(frozen=True)
class Route:
    """A path of the API, `{}` where a name stands, and what its methods do."""

    path: str
    operations: dict[str, Operation]

    def match(self, path: str) -> tuple[str, ...] | None:
        """Return the names in `path`, None when it is another route's."""
        wanted, given = self.path.split("/"), path.split("/")
        if len(wanted) != len(given) or not all(given[1:]):
            return None
        if any(want not in ("{}", have) for want, have in zip(wanted, given, strict=True)):
            return None
        return tuple(have for want, have in zip(wanted, given, strict=True) if want == "{}")


def _shown(value: Any, status: int = 200) -> Answer:
    return Answer(status, encode(value))


def _done(value: dict[str, Any] | None, status: int = 200) -> Answer:
    """Answer a mutation that has just taken effect; the moment is our extension of the protocol."""
    at_ns = time.monotonic_ns()
    return Answer(status, b"" if value is None else encode({**value, "at_ns": at_ns}), at_ns=at_ns)


def _version(engine: Engine, _request: Request) -> Answer:
    return Answer(200, b'{"version": %s}\n' % encode(engine.version), "application/json;charset=utf-8")


def _metrics(engine: Engine, _request: Request) -> Answer:
    return Answer(200, metrics.render(engine.proxies), metrics.CONTENT_TYPE)


def _list_proxies(engine: Engine, _request: Request) -> Answer:
    return _shown(engine.proxies.to_json())


def _create_proxy(engine: Engine, request: Request) -> Answer:
    return _done(engine.proxies.create(wanted_proxy(request.fields())).to_json(), 201)


def _show_proxy(engine: Engine, request: Request) -> Answer:
    return _shown(engine.proxies.get(request.names[0]).to_json())


def _update_proxy(engine: Engine, request: Request) -> Answer:
    proxy = engine.proxies.get(request.names[0])
    fields = request.fields()
    listen, upstream = fields.optional_text("listen"), fields.optional_text("upstream")
    enabled, ttl_ms = fields.flag("enabled", proxy.enabled), fields.count("ttl_ms")
    proxy.move(listen, upstream)
    if enabled:
        proxy.enable()
    elif fields.has("enabled"):  # a proxy that is down for a while stays so when something else is changed
        proxy.disable(ttl_ms)
    return _done(proxy.to_json())


def _remove_proxy(engine: Engine, request: Request) -> Answer:
    engine.proxies.remove(request.names[0])
    return _done(None, 204)


def _populate(engine: Engine, request: Request) -> Answer:
    """Put a list of proxies in place, in order; the first failure ends it, and what was done stays and is shown."""
    done: list[Proxy] = []
    try:
        for wanted in wanted_proxies(decode(request.body)):
            done.append(engine.proxies.put(wanted))  # noqa: PERF401 - what was done before a failure is kept
    except Refusal as refusal:
        return _shown({**refusal.to_json(), "proxies": _proxies_json(done)}, refusal.status)
    return _done({"proxies": _proxies_json(done)}, 201)


def _proxies_json(proxies: list[Proxy]) -> list[dict[str, Any]] | None:
    return [proxy.to_json() for proxy in proxies] or None


def _reset(engine: Engine, _request: Request) -> Answer:
    engine.proxies.reset()
    return _done(None, 204)


def _list_toxics(engine: Engine, request: Request) -> Answer:
    return _shown(engine.proxies.get(request.names[0]).toxics_json())


def _add_toxic(engine: Engine, request: Request) -> Answer:
    proxy = engine.proxies.get(request.names[0])
    wanted = wanted_toxic(request.fields(), proxy.name, [toxic.name for toxic in proxy.toxics])
    return _done(proxy.add_toxic(wanted.toxic, wanted.ttl_ms).to_json())


def _show_toxic(engine: Engine, request: Request) -> Answer:
    return _shown(engine.proxies.get(request.names[0]).toxic(request.names[1]).to_json())


def _update_toxic(engine: Engine, request: Request) -> Answer:
    proxy = engine.proxies.get(request.names[0])
    old = proxy.toxic(request.names[1])
    wanted = wanted_change(request.fields(), old.kind, old)
    changed = proxy.change_toxic(old.name, wanted.toxic.toxicity, wanted.toxic.attributes, wanted.ttl_ms)
    return _done(changed.to_json())


def _remove_toxic(engine: Engine, request: Request) -> Answer:
    engine.proxies.get(request.names[0]).remove_toxic(request.names[1])
    return _done(None, 204)


ROUTES = (
    Route("/version", {"GET": _version}),
    Route("/metrics", dict.fromkeys(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"), _metrics)),
    Route("/reset", {"POST": _reset}),
    Route("/populate", {"POST": _populate}),
    Route("/proxies", {"GET": _list_proxies, "POST": _create_proxy}),
    Route(
        "/proxies/{}",
        {"GET": _show_proxy, "POST": _update_proxy, "PATCH": _update_proxy, "DELETE": _remove_proxy},
    ),
    Route("/proxies/{}/toxics", {"GET": _list_toxics, "POST": _add_toxic}),
    Route(
        "/proxies/{}/toxics/{}",
        {"GET": _show_toxic, "POST": _update_toxic, "PATCH": _update_toxic, "DELETE": _remove_toxic},
    ),
)
