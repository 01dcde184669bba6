"""A scenario says what its providers are, shortly or at length."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gatebench import LatencyModel, measured, provider
from gatebench.latency import constant, lognormal, uniform
from gatebench.plan import ProviderPlan
from gatebench.providers import AnyProvider, ProviderModel

MODELS: TypeAdapter[ProviderModel] = TypeAdapter(AnyProvider)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (LatencyModel(ttft_median_ms=3), "lognormal"),
        ({"ttft_median_ms": 3}, "lognormal"),
        ({}, "lognormal"),
        (provider(), "lognormal"),
        (provider(latency=lognormal(ttft_median_ms=3)), "lognormal"),
        (uniform(1, 2), "uniform"),
        (provider(latency=constant(3, token_ms=1)), "constant"),
        (measured("x.csv"), "measured"),
        (provider(latency=measured("x.csv", order="replayed")), "measured"),
    ],
)
def test_a_latency_alone_is_a_provider(said: Any, kind: str) -> None:
    """Whatever its kind; the rest is as usual."""
    model = MODELS.validate_python(said)
    assert model.latency.kind == kind
    assert (model.limits, model.processes, [*model.rest]) == (None, 1, ["items"])


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (provider(latency={"kind": "guess"}), ("latency",)),
        (provider(latency=measured(3)), ("latency", "path")),  # type: ignore[arg-type]  # wrong on purpose
        (provider(latency=uniform(2, 1)), ("latency",)),
        (provider(latency=LatencyModel(), processes=0), ("processes",)),
        (provider(processes=2, threads=2), ("threads",)),
        (provider(limits={}), ("limits",)),
        (provider(limits={"requests_per_s": 1, "requests_per_minute": 1}), ("limits",)),
        (provider(limits={"requests_per_s": 3}, processes=4), ()),  # each would have less than one
        (provider(limits={"requests_per_s": 30, "burst_s": 0.01}), ()),
        (provider(rest={"Items": {}}), ("rest", "Items", "[key]")),
        (provider(rest={"items": {"size_bytes": 3}}), ("rest", "items", "size_bytes")),
        (provider(rest={"items": {"cache_control": "a\r\nb: c"}}), ("rest", "items", "cache_control")),
    ],
)
def test_what_is_wrong_is_placed(said: Any, place: tuple[str, ...]) -> None:
    """A mistake is found where it was made."""
    with pytest.raises(ValidationError) as error:
        MODELS.validate_python(said)
    assert [detail["loc"] for detail in error.value.errors()] == [place]


def test_names_of_processes_and_streams() -> None:
    """One process has the provider's name; several have a number each."""
    assert ProviderPlan(name="a").process_names() == ("a",)
    assert ProviderPlan(name="a").stream_names() == ("attempts-a.arrow",)
    assert ProviderPlan(name="a", processes=2).process_names() == ("a.0", "a.1")
    assert ProviderPlan(name="a", processes=2).stream_names() == ("attempts-a.0.arrow", "attempts-a.1.arrow")


def test_a_plan_is_read_again() -> None:
    """Whatever a plan says of a provider, run.json gives back; plans from before there were kinds are read as well."""
    plan = ProviderPlan(name="a", latency=MODELS.validate_python(uniform(1, 2)).latency, processes=3)
    assert ProviderPlan.model_validate_json(plan.model_dump_json()) == plan
    old = {"name": "a", "latency": {"ttft_median_ms": 3, "ttft_sigma": 0, "token_ms": 0, "token_sigma": 0}}
    assert ProviderPlan.model_validate(old).latency == LatencyModel(
        ttft_median_ms=3, ttft_sigma=0, token_ms=0, token_sigma=0
    )
