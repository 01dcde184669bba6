"""Whom a fault is about: routes, tenants, models, every nth request, and the canaries that are there to prove it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gatebench.execution.upstream.active import ActiveFaults
from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.faults.contract import Fault
from gatebench.execution.upstream.faults.drop import Drop
from gatebench.execution.upstream.faults.fail_first import FailFirst, request_key
from gatebench.execution.upstream.faults.outage import Outage
from gatebench.execution.upstream.faults.registry import mechanisms
from gatebench.faults import common_parameters
from gatebench.sample import COMPLETED, DROPPED, FAILED, NO_ARRIVAL
from gatebench.stamp import RequestId
from tests.execution.upstream.serving import CHAT, Rig, one, post

IDS = ("", "first", "second")


def attempt(
    number: int = 1,
    *,
    path: str = "/v1/chat/completions",
    tenant: bytes = b"tenant-0",
    model: str = "small",
    kind: int = 0,
) -> Attempt:
    """An attempt at the request of arrival `number`."""
    made = Attempt(b"p", number, 0, 1, request_id=RequestId("0123abcd", number, 0, kind), seen=1)
    made.path, made.tenant_name, made.model = path, tenant, model
    return made


def on(fault: Fault) -> ActiveFaults:
    """A provider with this fault on."""
    faults = ActiveFaults(7, IDS)
    faults.put("first", "provider.x", fault, 0, 10**9)
    return faults


@pytest.mark.parametrize(
    ("about", "hits"),
    [
        ({}, True),
        ({"route": "/v1/chat"}, True),
        ({"route": "/v1/chat/completions"}, True),
        ({"route": "/v1/embeddings"}, False),
        ({"tenant": "tenant-0"}, True),
        ({"tenant": "tenant"}, False),
        ({"model": "small"}, True),
        ({"model": "smal"}, False),
        ({"route": "/v1/", "tenant": "tenant-0", "model": "small"}, True),
        ({"route": "/v1/", "tenant": "tenant-0", "model": "large"}, False),
    ],
)
def test_a_fault_is_about_some_requests(about: dict[str, str], hits: bool) -> None:
    """Those whose path begins so, of this tenant, for this model; all of what is given must hold."""
    faults = on(Drop.model_validate(about))
    assert bool(faults.hitting(attempt(), 0)) is hits


def test_what_was_refused_is_for_no_model() -> None:
    """A request that could not be read matches by its path alone."""
    assert on(Drop(route="/v1/")).hitting(attempt(model=""), 0)
    assert not on(Drop(model="small")).hitting(attempt(model=""), 0)


@pytest.mark.parametrize(
    ("path", "drop", "outage"),
    [
        ("/v1/x", True, True),
        ("/model/m/invoke", True, True),
        ("/rest/items/0", True, True),
        ("/chat/completions", False, True),
        ("/", False, True),
    ],
)
def test_faults_sit_on_the_apis_and_an_outage_on_everything(path: str, drop: bool, outage: bool) -> None:
    """A path beside the APIs is nobody's business but an outage's."""
    assert bool(on(Drop()).hitting(attempt(path=path), 0)) is drop
    assert bool(on(Outage()).hitting(attempt(path=path), 0)) is outage


class TestEveryNth:
    @pytest.mark.parametrize(("nth", "hit"), [(0, [1, 2, 3, 4, 5, 6]), (1, [1, 2, 3, 4, 5, 6]), (3, [3, 6]), (7, [])])
    def test_every_nth_is_hit(self, nth: int, hit: list[int]) -> None:
        """The third and the sixth; 0 and 1 are each."""
        faults = on(Drop(nth=nth))
        assert [number for number in range(1, 7) if faults.hitting(attempt(number), 0)] == hit

    def test_only_what_matches_counts(self) -> None:
        """Requests that it is not about come in between and change nothing."""
        faults = on(Drop(nth=2, tenant="tenant-1"))
        tenants = [b"tenant-1", b"tenant-0", b"tenant-0", b"tenant-1", b"tenant-1", b"tenant-0", b"tenant-1"]
        hit = [place for place, tenant in enumerate(tenants) if faults.hitting(attempt(tenant=tenant), 0)]
        assert hit == [3, 6]

    def test_each_fault_counts_for_itself(self) -> None:
        """Two faults with other numbers meet where both are due."""
        faults = on(Drop(nth=2))
        faults.put("second", "provider.x", Drop(nth=3), 0, 10**9)
        assert [len(faults.hitting(attempt(number), 0)) for number in range(1, 7)] == [0, 1, 1, 1, 0, 2]

    def test_a_share_of_every_nth(self) -> None:
        """The seed chooses among those that are due: all hits are multiples of two, and not all of these are hit."""
        faults = on(Drop(nth=2, probability=0.5))
        hit = [number for number in range(1, 401) if faults.hitting(attempt(number), 0)]
        assert not any(number % 2 for number in hit)
        assert abs(len(hit) - 100) < 5 * 7.1  # sqrt(200 / 4)


class TestCanaries:
    def test_it_is_hit_by_the_fault_that_it_names(self) -> None:
        """Whatever that fault is about, and by no other; it is in no count."""
        faults = on(Drop(probability=0, route="/v1/models", tenant="nobody", model="none", nth=5))
        second = faults.put("second", "provider.x", Drop(), 0, 10**9)
        canary = attempt(kind=2)
        (active,) = faults.hitting(canary, 0, "first")
        assert (active.id, active.hits, active.matched, second.hits, canary.fault) == ("first", 0, 0, 0, 1)

    @pytest.mark.parametrize("named", ["second", "nothing"])
    def test_a_fault_that_is_off_leaves_it_alone(self, named: str) -> None:
        """Before and after its fault a canary is answered, whatever else is on."""
        canary = attempt(kind=2)
        assert on(Drop()).hitting(canary, 0, named) == []
        assert canary.fault == 0

    def test_it_is_known_by_its_header_in_the_ledger(self, tmp_path: Path) -> None:
        """Also where ids are looked for elsewhere, or nowhere."""
        for mode in ("user", "none"):
            rig = Rig(tmp_path, request_id=mode)
            named = (b"x-request-id: gb-0123abcd-3-0-c", b"x-gatebench-canary: broken")
            _, row = one(rig, post(CHAT, *named))
            assert (row["arrival_id"], row["kind"]) == (3, 2)
            rig = Rig(tmp_path, request_id=mode)
            _, row = one(rig, post(CHAT, named[0]))
            assert row["arrival_id"] == NO_ARRIVAL

    def test_it_is_charged_to_no_limit(self, tmp_path: Path) -> None:
        """One request a second is let through, and ten canaries beside it; their answers speak of no limits."""
        rig = Rig(tmp_path, limits={"requests_per_minute": 1, "tokens_per_minute": 100})

        async def test(rig: Rig) -> list[bytes]:
            canaries = [await rig.ask(post(CHAT, b"x-request-id: gb-0123abcd-%d-0-c" % n)) for n in range(10)]
            return [*canaries, await rig.ask(post()), await rig.ask(post())]

        answers = rig.run(test)
        assert [answer[9:12] for answer in answers] == [b"200"] * 11 + [b"429"]
        assert b"x-ratelimit" not in answers[0]
        assert b"x-ratelimit-remaining-requests: 0" in answers[10]

    def test_no_time_is_drawn_for_it(self, tmp_path: Path) -> None:
        """A provider that takes an hour answers its canaries at once: what they measure is the fault."""
        rig = Rig(tmp_path, latency={"ttft_median_ms": 3_600_000, "ttft_sigma": 0})
        answer, row = one(rig, post(CHAT | {"stream": True}, b"x-request-id: gb-0123abcd-3-0-c"))
        assert answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert row["service_ns"] < 10**9


class TestOnTheWire:
    def test_model_route_and_tenant_are_read_from_the_request(self, tmp_path: Path) -> None:
        """Of five requests the one is hit that fits in everything; the fault counted one hit."""
        rig = Rig(tmp_path)
        rig.put(Drop(route="/v1/chat", tenant="tenant-1", model="big"))
        fits = CHAT | {"model": "big"}
        tenant = b"x-gatebench-tenant: tenant-1"

        async def test(rig: Rig) -> list[bytes]:
            return [
                await rig.ask(post(fits)),
                await rig.ask(post(CHAT, tenant)),
                await rig.ask(post({"model": "big", "input": "x"}, tenant, path=b"/v1/embeddings")),
                await rig.ask(post(fits, tenant)),
                await rig.ask(post(fits | {"user": "tenant-1"}, b"x-gatebench-canary: other")),
            ]

        assert [bool(answer) for answer in rig.run(test)] == [True, True, True, False, True]
        assert [(row["end"], row["fault"]) for row in rig.rows] == [(COMPLETED, 0)] * 3 + [(DROPPED, 1), (COMPLETED, 0)]
        assert [active.hits for active in rig.faults.on(0)] == [1]

    def test_a_canary_on_the_wire(self, tmp_path: Path) -> None:
        """The header brings the fault upon a request that it is not about."""
        rig = Rig(tmp_path)
        rig.put(Outage(status=503, tenant="nobody"))
        _, row = one(rig, post(CHAT, b"x-request-id: gb-0123abcd-3-0-c", b"x-gatebench-canary: broken"))
        assert (row["status"], row["fault"], row["kind"], row["end"]) == (503, 1, 2, FAILED)
        assert rig.faults.clear("broken", 0).hits == 0


class TestParameters:
    @pytest.mark.parametrize("name", mechanisms())
    def test_every_mechanism_takes_the_common_ones(self, name: str) -> None:
        """What `faults.py` gives every provider fault is what the provider knows, with the same defaults."""
        common = {key: parameter.default for key, parameter in common_parameters(name).items()}
        fault = mechanisms()[name].model_validate(common)
        assert fault == mechanisms()[name]()

    @pytest.mark.parametrize(
        "wrong", [{"nth": -1}, {"probability": 1.5}, {"route": 3}, {"tenants": "x"}, {"nth": "two"}]
    )
    def test_what_is_wrong_is_refused(self, wrong: dict[str, Any]) -> None:
        """Numbers in their range, texts that are texts, and no name that is not known."""
        with pytest.raises(ValidationError):
            Drop.model_validate(wrong)

    def test_a_step_of_a_ramp_is_rounded(self) -> None:
        """Between two whole numbers lies none."""
        assert FailFirst.model_validate({"count": 2.4, "nth": 1.6}) == FailFirst(count=2, nth=2)


def test_a_request_without_an_id_is_known_by_what_it_asks() -> None:
    """The same path and prompt are the same request; another prompt is another."""
    nameless = [Attempt(b"p", number, 0, 1) for number in range(3)]
    for made, print_ in zip(nameless, (5, 5, 6), strict=True):
        made.path, made.fingerprint = "/v1/embeddings", print_
    keys = [request_key(made) for made in nameless]
    assert keys[0] == keys[1] != keys[2]
    assert request_key(attempt(4)) == b"4-0-0"


def test_two_runs_of_askedseed_have_the_same_victims() -> None:
    """The run's token is no part of the draw; another seed has others."""

    def victims(seed: int, run: str) -> list[int]:
        faults = ActiveFaults(seed, ("", "f1"))
        faults.put("f1", "provider.error", mechanisms()["provider.error"](probability=0.3), 0, 10**12)
        made = [attempt(number) for number in range(400)]
        for number, asked in enumerate(made):
            asked.request_id = RequestId(run, number, 0, 0)
        return [number for number, asked in enumerate(made) if faults.hitting(asked, 1)]

    assert victims(7, "0123abcd") == victims(7, "fedc4321")
    assert victims(7, "0123abcd") != victims(8, "0123abcd")
    assert 80 < len(victims(7, "0123abcd")) < 160
