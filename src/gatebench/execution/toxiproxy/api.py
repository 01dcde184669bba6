"""The operations of Toxiproxy's HTTP API: what each route does, and the exact statuses and bodies of its answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gatebench.execution.toxiproxy import toxics as _shipped_toxics  # noqa: F401 - importing it registers them
from gatebench.execution.toxiproxy.body import Fields, decode, encode
from gatebench.execution.toxiproxy.proxies import Proxies, Wanted
from gatebench.execution.toxiproxy.refusal import Refusal
from gatebench.execution.toxiproxy.toxic import DIRECTIONS, Toxic, kinds

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


def _list_proxies(engine: Engine, _request: Request) -> Answer:
    return _shown(engine.proxies.to_json())


def _create_proxy(engine: Engine, request: Request) -> Answer:
    return _done(engine.proxies.create(_wanted(request.fields())).to_json(), 201)


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
    shown: list[dict[str, Any]] = []
    try:
        entries = decode(request.body)
        if entries is not None and not isinstance(entries, list):
            raise Refusal(400, "bad request body: the body must be an array of proxies")
        wanted = [_wanted(Fields(entry), f" at proxy {place}") for place, entry in enumerate(entries or [], start=1)]
        for one in wanted:
            shown.append(engine.proxies.put(one).to_json())  # noqa: PERF401 - what was done before a failure is kept
    except Refusal as refusal:
        return _shown({"error": refusal.message, "status": refusal.status, "proxies": shown or None}, refusal.status)
    return _done({"proxies": shown or None}, 201)


def _reset(engine: Engine, _request: Request) -> Answer:
    engine.proxies.reset()
    return _done(None, 204)


def _list_toxics(engine: Engine, request: Request) -> Answer:
    return _shown(engine.proxies.get(request.names[0]).toxics_json())


def _add_toxic(engine: Engine, request: Request) -> Answer:
    proxy = engine.proxies.get(request.names[0])
    fields = request.fields()
    stream = fields.text("stream", "downstream")
    if stream.lower() not in DIRECTIONS:
        raise Refusal(400, "stream was invalid, can be either upstream or downstream")
    kind = kinds().get(fields.text("type"))
    if kind is None:
        raise Refusal(400, "invalid toxic type")
    name = fields.text("name") or f"{kind.name}_{stream}"
    if any(toxic.name == name for toxic in proxy.toxics):
        raise Refusal(409, "toxic already exists")
    toxic = Toxic(
        name=_usable(name),
        kind=kind,
        stream=stream,
        toxicity=fields.share("toxicity", 1.0),
        attributes=kind.merge({}, fields.object("attributes")),
        draw_as=fields.text("draw_as") or proxy.name,
    )
    proxy.add_toxic(toxic, fields.count("ttl_ms"))
    return _done(toxic.to_json())


def _show_toxic(engine: Engine, request: Request) -> Answer:
    return _shown(engine.proxies.get(request.names[0]).toxic(request.names[1]).to_json())


def _update_toxic(engine: Engine, request: Request) -> Answer:
    proxy = engine.proxies.get(request.names[0])
    old = proxy.toxic(request.names[1])
    fields = request.fields()
    changed = proxy.change_toxic(
        old.name,
        fields.share("toxicity", old.toxicity),
        old.kind.merge(old.attributes, fields.object("attributes")),
        fields.count("ttl_ms"),
    )
    return _done(changed.to_json())


def _remove_toxic(engine: Engine, request: Request) -> Answer:
    engine.proxies.get(request.names[0]).remove_toxic(request.names[1])
    return _done(None, 204)


def _wanted(fields: Fields, where: str = "") -> Wanted:
    name, upstream = fields.text("name"), fields.text("upstream")
    listen, enabled = fields.text("listen"), fields.flag("enabled", True)  # wrong types first, missing fields second
    for field, value in (("name", name), ("upstream", upstream)):
        if not value:
            raise Refusal(400, f"missing required field: {field}{where}")
    return Wanted(_usable(name), listen, upstream, enabled)


def _usable(name: str) -> str:
    if "/" in name:
        raise Refusal(400, f'the name "{name}" contains "/" and could never be reached by its URL; leave it out')
    return name


ROUTES = (
    Route("/version", {"GET": _version}),
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
