"""Routing in the reference gateway: shares that are met, callers that stay, and flags that change at once."""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from pathlib import Path

import pytest

from targets.reference.refgate.metrics import Metrics
from targets.reference.refgate.routing.flags import FlagsFile
from targets.reference.refgate.routing.weights import drawn, parse_weights, sticky
from targets.reference.refgate.settings.routing import RoutingConfig
from targets.reference.refgate.shared import Shared
from targets.reference.refgate.stage import Stage
from targets.reference.refgate.stages.routing import Routing, routing
from tests.targets.calling import Clock, Last, make_call, pass_through
from tests.targets.test_reference_parts import provider

NAMES = ("provider-a", "provider-b", "provider-c")
SPLIT = {"provider-a": 90.0, "provider-b": 10.0}


def test_weights_are_read() -> None:
    """Pairs with or without blanks; nothing is no weights."""
    assert parse_weights("provider-a=90, provider-b = 10") == SPLIT
    assert parse_weights("") == {}


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a=x", "a=-1", "a=nan", "a=inf", "a=1,b"])
def test_what_is_no_weight_is_told(text: str) -> None:
    """The message shows the part that is wrong."""
    with pytest.raises(ValueError, match="is no weight"):
        parse_weights(text)


@pytest.mark.parametrize(
    ("draw", "name"),
    [(0.0, "provider-a"), (0.8999, "provider-a"), (0.9, "provider-b"), (0.9999999999999999, "provider-b")],
)
def test_a_draw_decides_by_shares(draw: float, name: str) -> None:
    """90 of 100 to the first; a provider without a weight is never chosen."""
    assert drawn(NAMES, SPLIT, draw) == name


@pytest.mark.parametrize("weights", [{}, {"provider-a": 0.0}, {"provider-x": 1.0}])
def test_nobody_with_a_weight_is_no_choice(weights: dict[str, float]) -> None:
    """Then the configured order stands."""
    assert drawn(NAMES, weights, 0.5) is None
    assert sticky(NAMES, weights, "tenant-1") is None


def test_callers_stay_and_spread() -> None:
    """The same caller always has the same provider; of 10 000 callers a tenth has the second one (within 4 sigma)."""
    chosen = {f"tenant-{number}": sticky(NAMES, SPLIT, f"tenant-{number}") for number in range(10_000)}
    assert all(sticky(NAMES, SPLIT, caller) == name for caller, name in chosen.items())
    counts = Counter(chosen.values())
    assert set(counts) == {"provider-a", "provider-b"}
    assert abs(counts["provider-b"] - 1000) < 4 * 30  # sqrt(10000 * 0.1 * 0.9) = 30


def test_only_those_move_who_must() -> None:
    """From 90:10 to 80:20 callers move to the second provider and none back."""
    callers = [f"tenant-{number}" for number in range(2000)]
    moves = Counter(
        (sticky(NAMES, SPLIT, one), sticky(NAMES, {"provider-a": 80, "provider-b": 20}, one)) for one in callers
    )
    assert ("provider-b", "provider-a") not in moves
    assert moves["provider-a", "provider-b"] == pytest.approx(200, abs=60)


def order(stage: Stage, tenant: str = "tenant-1", body: bytes = b"{}") -> tuple[str, ...] | None:
    """Return in which order a call's providers are asked."""
    call = make_call(tenant, body=body)
    pass_through(stage, call, Last())
    return call.providers


def test_the_chosen_one_is_asked_first_and_the_rest_in_order() -> None:
    """Those without a weight stay behind, for when it fails."""
    draws = iter((0.95, 0.1))
    stage = Routing(NAMES, SPLIT, None, is_sticky=False, draw=lambda: next(draws))
    assert order(stage) == ("provider-b", "provider-a", "provider-c")
    assert order(stage) == NAMES


def test_a_share_is_met() -> None:
    """A tenth of 2 000 requests (within 4 sigma)."""
    stage = Routing(NAMES, SPLIT, None, is_sticky=False, draw=random.Random(5).random)
    calls = Counter((order(stage) or ("",))[0] for _ in range(2000))
    assert abs(calls["provider-b"] - 200) < 4 * 13.5  # sqrt(2000 * 0.1 * 0.9) = 13.4


def test_sticky_goes_by_tenant_then_by_user() -> None:
    """A tenant has one provider whatever its users; without a tenant the body's user decides."""
    stage = Routing(NAMES, {"provider-a": 1, "provider-b": 1}, None, is_sticky=True)
    assert len({order(stage, body=json.dumps({"user": f"u{number}"}).encode()) for number in range(50)}) == 1
    by_user = [order(stage, "", json.dumps({"user": f"u{number}"}).encode()) for number in range(50)]
    assert len(set(by_user)) == 2
    assert by_user == [order(stage, "", json.dumps({"user": f"u{number}"}).encode()) for number in range(50)]


def test_ordered_is_no_stage() -> None:
    """Today's order needs nothing."""
    assert routing(RoutingConfig(), Shared((), Metrics())) is None


def with_flags(path: Path, clock: Clock) -> tuple[Stage, Shared]:
    """Return a stage whose weights send everything to the first provider, and whose flags are in `path`."""
    shared = Shared(tuple(provider(name) for name in NAMES), Metrics(), clock=clock)
    config = RoutingConfig.model_validate({"kind": "sticky", "weights": "provider-a=1", "flags": str(path)})
    stage = routing(config, shared)
    assert stage is not None
    return stage, shared


def test_flags_are_read_again_when_they_change(tmp_path: Path) -> None:
    """Weights, weights of a tenant, the way back, and no file at all, each at the next look."""
    path, clock = tmp_path / "flags.json", Clock()
    stage, _ = with_flags(path, clock)

    def now(flags: object, tenant: str = "tenant-1") -> str:
        if flags is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(json.dumps(flags))
        clock.now_s += 0.2
        return (order(stage, tenant) or ("configured",))[0]

    assert now(None) == "provider-a"
    assert now({"weights": {"provider-b": 1}}) == "provider-b"
    assert now({"tenants": {"tenant-1": {"provider-c": 1}}}) == "provider-c"
    assert now({"tenants": {"tenant-1": {"provider-c": 1}}}, "tenant-2") == "provider-a"
    assert (
        now({"weights": {"provider-b": 1}, "tenants": {"tenant-1": {"provider-c": 1}}, "rollback": True})
        == "configured"
    )
    assert now(None) == "provider-a"


def test_flags_are_not_looked_at_for_every_request(tmp_path: Path) -> None:
    """Five times a second; who cannot wait sends SIGHUP."""
    path, clock = tmp_path / "flags.json", Clock()
    stage, shared = with_flags(path, clock)
    assert order(stage) == NAMES
    path.write_text('{"weights": {"provider-b": 1}}')
    clock.now_s += 0.19
    assert order(stage) == NAMES
    shared.reload()
    assert order(stage) == ("provider-b", "provider-a", "provider-c")


@pytest.mark.parametrize("text", ["", "{", '{"weights": {"provider-b": -1}}', '{"wieghts": {}}', "[]"])
def test_flags_that_cannot_be_used_change_nothing(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """The last good ones stand, and a line of the log says so, once."""
    path, clock = tmp_path / "flags.json", Clock()
    path.write_text('{"weights": {"provider-b": 1}}')
    flags = FlagsFile(path, clock)
    good = flags.current()
    path.write_text(text)
    with caplog.at_level(logging.ERROR, "refgate"):
        for _ in range(3):
            clock.now_s += 1
            assert flags.current() == good
    assert [record.getMessage() for record in caplog.records] == ["the flags cannot be used"]
