"""What a body asks for is read whole, and everything that is wrong with it is said at once."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.execution.toxiproxy.body import Fields
from gatebench.execution.toxiproxy.refusal import Refusal
from gatebench.execution.toxiproxy.toxic import kinds
from gatebench.execution.toxiproxy.wanted import wanted_proxies, wanted_toxic

PROXY = {"name": "it", "upstream": "127.0.0.1:1"}


def refused(value: Any) -> Refusal:
    """Return the refusal of a list of proxies."""
    with pytest.raises(Refusal) as caught:
        wanted_proxies(value)
    return caught.value


def test_an_array_and_an_object_mean_the_same() -> None:
    """[...] and {"proxies": [...]}; null is nothing."""
    assert wanted_proxies([PROXY]) == wanted_proxies({"Proxies": [PROXY]})
    assert wanted_proxies(None) == wanted_proxies({"proxies": None}) == []


def test_toxics_come_with_their_proxy() -> None:
    """In order; absent is not the same as none."""
    with_toxics = PROXY | {"toxics": [{"type": "latency", "attributes": {"latency": 5}}, {"type": "noop", "ttl_ms": 7}]}
    (one,) = wanted_proxies([with_toxics])
    assert one.toxics is not None
    assert [(wanted.toxic.name, wanted.ttl_ms) for wanted in one.toxics] == [
        ("latency_downstream", 0),
        ("noop_downstream", 7),
    ]
    assert one.toxics[0].toxic.draw_as == "it"
    assert wanted_proxies([PROXY])[0].toxics is None
    assert wanted_proxies([PROXY | {"toxics": []}])[0].toxics == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, 'bad request body: write an array of proxies, or {"proxies": [...]}'),
        (3, "bad request body: the body must be an array of proxies"),
        ([1], "bad request body: the body must be an object, not a whole number at proxy 1"),
        ([PROXY, {}], "missing required field: name at proxy 2"),
        ([PROXY | {"toxics": [{"type": "gremlins"}]}], "invalid toxic type at toxic 1 at proxy 1"),
        ([PROXY | {"toxics": [{"type": "noop"}] * 2}], "toxic already exists at toxic 2 at proxy 1"),
        ([PROXY | {"toxics": 3}], 'bad request body: "toxics" must be an array, not a whole number at proxy 1'),
    ],
)
def test_what_is_wrong_is_placed(value: Any, message: str) -> None:
    """A sentence that says where."""
    assert refused(value).message == message


def test_everything_wrong_is_said_at_once() -> None:
    """Three mistakes in one toxic, and one in the next proxy: four sentences in one refusal."""
    bad = {"type": "slicer", "toxicity": 2, "attributes": {"average_size": 0, "delay": -1}}
    refusal = refused([PROXY | {"toxics": [bad]}, {"name": "x"}])
    assert refusal.status == 400
    assert refusal.problems == (
        '"toxicity" must lie between 0 and 1 at toxic 1 at proxy 1',
        '"average_size" of slicer must be at least 1 B at toxic 1 at proxy 1',
        '"delay" of slicer must be at least 0 µs at toxic 1 at proxy 1',
        "missing required field: upstream at proxy 2",
    )
    assert refusal.to_json()["problems"] == list(refusal.problems)


@pytest.mark.parametrize("value", [-0.01, 1.01, 2, "0.5", True, 1e999])
def test_a_probability_lies_between_0_and_1(value: Any) -> None:
    """packet_loss takes any number in the range, whole or not, and nothing else."""
    with pytest.raises(Refusal, match="loss_rate"):
        kinds()["packet_loss"].merge({}, {"loss_rate": value})
    assert kinds()["packet_loss"].merge({}, {"loss_rate": 1, "correlation": 0.25}) == {
        "loss_rate": 1,
        "correlation": 0.25,
    }


def test_a_slicer_needs_a_size() -> None:
    """Its default of 0 kills the real server; here it is a sentence."""
    with pytest.raises(Refusal, match=r'"average_size" of slicer must be at least 1 B'):
        wanted_toxic(Fields({"type": "slicer"}), "it", ())
