"""What /metrics says, as Prometheus reads it: the real server's two counters, live, and what every toxic has done.

The real one adds a connection's bytes when it ends, so that a load test over kept connections reads 0 until it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields

from gatebench.execution.toxiproxy.effects import Effects
from gatebench.execution.toxiproxy.proxies import Proxies
from gatebench.execution.toxiproxy.proxy import Proxy

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_EFFECTS = tuple(field.name for field in fields(Effects))
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

Sample = tuple[Mapping[str, str], int]


def render(proxies: Proxies) -> bytes:
    """Return all metrics of an engine in Prometheus' text format."""
    every = list(proxies)
    families: tuple[tuple[str, str, str, Iterable[Sample]], ...] = (
        ("gatebench_proxy_connections", "gauge", "Open connections.", _per_proxy(every, "open")),
        ("gatebench_proxy_connections_total", "counter", "Accepted connections.", _per_proxy(every, "accepted")),
        ("gatebench_toxic_effects_total", "counter", "What each toxic has done so far.", _effects(every)),
        ("toxiproxy_proxy_received_bytes_total", "counter", "", _bytes(every, "received_bytes")),
        ("toxiproxy_proxy_sent_bytes_total", "counter", "", _bytes(every, "sent_bytes")),
    )
    lines: list[str] = []
    for name, kind, help_text, samples in families:
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{{{_labels(labels)}}} {value}" for labels, value in samples]
    return "\n".join([*lines, ""]).encode("utf-8", "replace")


def _per_proxy(proxies: Iterable[Proxy], what: str) -> Iterable[Sample]:
    for proxy in proxies:
        yield {"proxy": proxy.name}, len(proxy.connections) if what == "open" else proxy.accepted


def _bytes(proxies: Iterable[Proxy], counter: str) -> Iterable[Sample]:
    for proxy in proxies:
        for direction, flow in (("downstream", proxy.flows.downstream), ("upstream", proxy.flows.upstream)):
            labels = {
                "direction": direction,
                "listener": proxy.listen,
                "proxy": proxy.name,
                "upstream": proxy.upstream,
            }
            yield labels, getattr(flow, counter)


def _effects(proxies: Iterable[Proxy]) -> Iterable[Sample]:
    for proxy in proxies:
        for (toxic, kind, direction), effects in proxy.effects.items():
            for effect in _EFFECTS:
                labels = {
                    "effect": effect,
                    "proxy": proxy.name,
                    "stream": direction,
                    "toxic": toxic,
                    "type": kind,
                }
                yield labels, getattr(effects, effect)


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
