"""Faults of a provider: when they are on, whom they hit, and how a new one is made."""

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from gatebench.execution.upstream.active import ActiveFaults, Cleared
from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.faults import registry
from gatebench.execution.upstream.faults.contract import Fault
from gatebench.execution.upstream.faults.drop import Drop
from gatebench.stamp import RequestId

IDS = ("", "first", "second")


def attempt(number: int, seen: int = 1) -> Attempt:
    """An attempt at the request of arrival `number`, for a completion."""
    return at(Attempt(b"p", number + 1, 0, 1, request_id=RequestId("0123abcd", number, 0, 0), seen=seen))


def at(made: Attempt, path: str = "/v1/chat/completions") -> Attempt:
    """The attempt, at a path."""
    made.path = path
    return made


def victims(faults: ActiveFaults, count: int = 2000) -> set[int]:
    """Which of the first requests are hit."""
    return {number for number in range(count) if faults.hitting(attempt(number), 0)}


class TestTimeToLive:
    def test_a_fault_is_on_from_put_to_its_time_to_live(self) -> None:
        """It hits at the first nanosecond and at the last one before its end, and not at its end, with nobody's doing."""
        faults = ActiveFaults(7, IDS)
        active = faults.put("second", "provider.drop", Drop(), now_ns=100, ttl_ns=50)
        assert (active.since_ns, active.expires_ns) == (100, 150)
        assert [bool(faults.hitting(attempt(1), now_ns)) for now_ns in (100, 149, 150, 151)] == [
            True,
            True,
            False,
            False,
        ]
        assert not faults.any

    def test_an_expired_fault_keeps_its_books(self) -> None:
        """Clearing it afterwards says when it really ended and how many it hit, as often as one asks."""
        faults = ActiveFaults(7, IDS)
        faults.put("first", "provider.drop", Drop(), 0, 50)
        faults.hitting(attempt(1), 10)
        assert faults.clear("first", 1000) == faults.clear("first", 2000) == Cleared(50, False, 1)

    def test_clearing_twice_is_harmless(self) -> None:
        """The first one ends it; the second one is told what became of it."""
        faults = ActiveFaults(7, IDS)
        faults.put("first", "provider.drop", Drop(), 0, 1000)
        assert faults.clear("first", 10) == Cleared(10, True, 0)
        assert faults.clear("first", 20) == Cleared(10, False, 0)

    def test_clearing_what_never_was(self) -> None:
        """It is off, and was."""
        assert ActiveFaults(7, IDS).clear("nothing", 10) == Cleared(10, False, 0)

    def test_renewing_keeps_the_beginning(self) -> None:
        """Put again while it is on, a fault lives longer and keeps its hits; put again after its end, it begins anew."""
        faults = ActiveFaults(7, IDS)
        faults.put("first", "provider.drop", Drop(), 0, 50)
        faults.hitting(attempt(1), 10)
        renewed = faults.put("first", "provider.drop", Drop(), 40, 50)
        assert (renewed.since_ns, renewed.expires_ns, renewed.hits) == (0, 90, 1)
        again = faults.put("first", "provider.drop", Drop(), 90, 50)
        assert (again.since_ns, again.hits) == (90, 0)

    def test_renewing_keeps_what_it_remembers(self) -> None:
        """A step of a ramp changes its parameters and not what it counted; its end forgets, and another mechanism does."""
        faults = ActiveFaults(7, IDS)
        active = faults.put("first", "provider.drop", Drop(nth=2), 0, 50)
        active.memory["key"] = 1
        faults.hitting(attempt(1), 0)
        renewed = faults.put("first", "provider.drop", Drop(nth=3), 10, 50)
        assert (renewed.matched, renewed.memory, renewed.fault) == (1, {"key": 1}, Drop(nth=3))
        assert faults.put("first", "provider.other", Drop(), 20, 50).memory == {}
        active.memory["key"] = 1
        faults.clear("first", 30)
        assert active.memory == {}

    def test_who_waits_is_woken_by_the_end(self) -> None:
        """Once, when somebody clears it; renewing it wakes nobody."""
        woken: list[str] = []
        faults = ActiveFaults(7, IDS)
        active = faults.put("first", "provider.drop", Drop(), 0, 50)
        active.waiting.add(lambda: woken.append("now"))
        faults.put("first", "provider.drop", Drop(), 10, 50)
        assert woken == []
        faults.clear("first", 20)
        faults.clear("first", 30)
        assert woken == ["now"]

    def test_an_id_that_no_row_can_name(self) -> None:
        """It is refused, also the empty one that stands for no fault."""
        for id_ in ("third", ""):
            with pytest.raises(KeyError):
                ActiveFaults(7, IDS).put(id_, "provider.drop", Drop(), 0, 1)


class TestVictims:
    def test_certain_faults_hit_everybody(self) -> None:
        """Each request, with an id or without, of any kind; the row names the fault, the fault counts its hits."""
        faults = ActiveFaults(7, IDS)
        active = faults.put("second", "provider.drop", Drop(), 0, 1)
        canary = at(Attempt(b"p", 1, 0, 1, request_id=RequestId("0123abcd", 5, 0, 2), seen=1))
        nameless = at(Attempt(b"p", 2, 0, 1))
        assert [len(faults.hitting(each, 0)) for each in (canary, nameless)] == [1, 1]
        assert (canary.fault, nameless.fault, active.hits) == (2, 2, 2)

    def test_nobody_is_hit_at_probability_zero(self) -> None:
        """A fault may be on and hit nobody."""
        faults = ActiveFaults(7, IDS)
        faults.put("first", "provider.drop", Drop(probability=0), 0, 1)
        assert victims(faults) == set()

    def test_the_share_is_the_probability(self) -> None:
        """A quarter of many requests is hit, within five standard deviations of the binomial: sqrt(2000 * 3 / 16) = 19."""
        faults = ActiveFaults(7, IDS)
        active = faults.put("first", "provider.drop", Drop(probability=0.25), 0, 1)
        hit = victims(faults)
        assert abs(len(hit) - 500) < 5 * 19.4
        assert active.hits == len(hit)

    def test_victims_follow_from_the_seed(self) -> None:
        """The same seed hits the same requests, another one others; a request that comes again is hit again."""
        hit: list[set[int]] = []
        for seed in (7, 7, 8):
            faults = ActiveFaults(seed, IDS)
            faults.put("first", "provider.drop", Drop(probability=0.5), 0, 1)
            hit.append(victims(faults))
        assert hit[0] == hit[1] != hit[2]
        assert {number for number in range(2000) if faults.hitting(attempt(number, seen=2), 0)} == hit[2]

    def test_two_faults_choose_for_themselves(self) -> None:
        """Two halves overlap in a quarter, and not in a half."""
        faults = ActiveFaults(7, IDS)
        faults.put("first", "provider.drop", Drop(probability=0.5), 0, 1)
        faults.put("second", "provider.drop", Drop(probability=0.5), 0, 1)
        both = sum(len(faults.hitting(attempt(number), 0)) == 2 for number in range(2000))
        assert abs(both - 500) < 5 * 19.4

    def test_faults_hit_in_the_order_in_which_they_came(self) -> None:
        """The row names the last one of them."""
        faults = ActiveFaults(7, IDS)
        faults.put("second", "provider.drop", late := Drop(), 0, 1)
        faults.put("first", "provider.drop", Drop(probability=1), 0, 1)
        hit = attempt(1)
        assert faults.hitting(hit, 0)[0].fault is late
        assert hit.fault == 1


class TestRegistry:
    @pytest.fixture(autouse=True)
    def _clean(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(registry, "_mechanisms", dict(registry.mechanisms()))
        yield

    def test_files_are_found(self) -> None:
        """Whatever stands in the folder is known by its name."""
        assert registry.mechanisms()["provider.drop"] is Drop

    def test_a_name_is_taken_once(self) -> None:
        """Registering again is harmless; another fault of the same name is a mistake."""

        class Other(Fault):
            """Some other fault."""

        registry.register("provider.drop", Drop)
        with pytest.raises(ValueError, match=r"provider\.drop is already the name of Drop"):
            registry.register("provider.drop", Other)

    @pytest.mark.parametrize("parameters", [{"probability": -0.1}, {"probability": 1.1}, {"propability": 0.5}])
    def test_parameters_are_checked(self, parameters: dict[str, float]) -> None:
        """A probability is a share, and a parameter that is not known is a mistake."""
        with pytest.raises(ValidationError):
            Drop.model_validate(parameters)
