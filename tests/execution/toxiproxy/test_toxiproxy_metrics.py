"""/metrics is what Prometheus reads: the bytes of every proxy and the effects of every toxic, gone ones too."""

from __future__ import annotations

from typing import Any, cast

from prometheus_client.parser import text_string_to_metric_families

from gatebench.execution.toxiproxy.context import Context
from gatebench.execution.toxiproxy.effects import Effects
from gatebench.execution.toxiproxy.metrics import render
from gatebench.execution.toxiproxy.proxies import Proxies
from gatebench.execution.toxiproxy.toxic import Toxic, kinds
from gatebench.execution.toxiproxy.wanted import wanted_proxies
from tests.execution.toxiproxy.fakes import FakeClock


def engine(*names: str) -> Proxies:
    """Return proxies that are not enabled."""
    proxies = Proxies(Context(cast(Any, None), FakeClock(), 1))  # nothing is enabled, and no loop is needed
    for wanted in wanted_proxies([{"name": name, "upstream": "127.0.0.1:1", "enabled": False} for name in names]):
        proxies.create(wanted)
    return proxies


def samples(proxies: Proxies, name: str) -> list[Any]:
    """Return the samples of one metric."""
    text = render(proxies).decode()
    return [one for family in text_string_to_metric_families(text) for one in family.samples if one.name == name]


def noop(name: str, **effects: int) -> Toxic:
    """Return a toxic that has done something."""
    return Toxic(name, kinds()["noop"], "upstream", 1.0, {}, "it", Effects(**effects))


def test_names_are_escaped() -> None:
    """A quote, a backslash and a newline in a proxy's name come back out of the parser."""
    name = 'a"b\\c\nd{}'
    assert samples(engine(name), "gatebench_proxy_connections")[0].labels == {"proxy": name}


def test_bytes_have_the_real_names_and_labels() -> None:
    """Both counters, both directions, sorted labels."""
    proxies = engine("it")
    proxies.get("it").flows.upstream.sent_bytes = 7
    text = render(proxies).decode()
    assert '{direction="upstream",listener="",proxy="it",upstream="127.0.0.1:1"} 7\n' in text
    assert {one.labels["direction"] for one in samples(proxies, "toxiproxy_proxy_received_bytes_total")} == {
        "upstream",
        "downstream",
    }


def test_effects_outlive_their_toxic() -> None:
    """Removed and put on again, it goes on counting; between, the count is still there."""
    proxies = engine("it")
    proxy = proxies.get("it")
    for total in (3, 3, 5):
        added = proxy.add_toxic(noop("n", chunks_dropped=3))
        added.effects.chunks_dropped = total
        proxy.remove_toxic("n")
        shown = {one.labels["effect"]: one.value for one in samples(proxies, "gatebench_toxic_effects_total")}
        assert shown["chunks_dropped"] == total


def test_counts_of_gone_toxics_are_bounded() -> None:
    """A thousand names leave the last ones, and the one that acts."""
    proxies = engine("it")
    proxy = proxies.get("it")
    proxy.add_toxic(noop("stays"))
    for number in range(1000):
        proxy.add_toxic(noop(str(number)))
        proxy.remove_toxic(str(number))
    names = {key[0] for key in proxy.effects}
    assert len(names) == 256
    assert {"stays", "999"} <= names
