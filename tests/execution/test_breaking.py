"""Faults and plans become windows on places, or every reason why not."""

from pathlib import Path
from typing import Any

import pytest

from gatebench.content import Content
from gatebench.errors import ConfigurationError
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan
from gatebench.plan import Plan

METRICS = {"availability"}
S = 1_000_000_000

SCENARIO = '''"""Planned chaos."""
from gatebench import Scenario, at_random, check, fault, flap, phase, poisson, ramped
from gatebench.traffic import chat
scenario = Scenario(traffic=chat(), load=poisson("20/s"), objective={{"response_ms": 100}},
    phases=[phase("baseline", "5s"), phase("fault", "20s", {breaks}), phase("recovery", "10s")],
    checks=[check("availability", at_least=0.5)], {more})
'''


def planned(root: Path, breaks: str, more: str = "", **asked: Any) -> Plan:
    """Plan a scenario in whose fault phase `breaks` stands."""
    for name in ("scenarios", "chaos"):
        (root / name).mkdir(exist_ok=True)
    (root / "scenarios" / "mine.py").write_text(SCENARIO.format(breaks=breaks, more=more))
    request = RunRequest(**{"scenario": "mine", "target": "reference", "seed": 1, **asked})
    return make_plan(request, Content(root), METRICS)


def refusals(root: Path, breaks: str, more: str = "", **asked: Any) -> list[str]:
    """Every reason why it cannot be planned."""
    with pytest.raises(ConfigurationError) as caught:
        planned(root, breaks, more, **asked)
    return [str(problem) for problem in caught.value.problems]


def spans(plan: Plan) -> list[tuple[str, float, float]]:
    """Name, beginning and end of every window, in seconds."""
    return [(fault.name, fault.start_ns / S, fault.end_ns / S) for fault in plan.faults]


PLAN = """
description = "two places, two windows each, and a flap"
[[fault]]
name = "latency"
on = ["provider-a", "provider-b"]
windows = [{ after = "1s", duration = "2s" }, { after = "5s", duration = "3s" }]
parameters = { latency = 100 }
[[fault]]
name = "link-down"
on = "provider-a"
windows = [{ after = "10s", duration = "6s" }]
shape = { kind = "flap", period = "3s", duty = 0.5 }
"""


def test_a_plan_is_faults_times_places_times_windows(tmp_path: Path) -> None:
    """Every combination, counted from the start of the phase, each with an id of its own."""
    (tmp_path / "chaos").mkdir()
    (tmp_path / "chaos" / "storm.toml").write_text(PLAN)
    plan = planned(tmp_path, 'chaos="storm"')
    assert spans(plan) == [
        ("latency", 6.0, 8.0),
        ("latency", 10.0, 13.0),
        ("latency", 6.0, 8.0),
        ("latency", 10.0, 13.0),
        ("link-down", 15.0, 16.5),
        ("link-down", 18.0, 19.5),
    ]
    assert [fault.on for fault in plan.faults[:4]] == ["provider-a"] * 2 + ["provider-b"] * 2
    assert [fault.id for fault in plan.faults] == [f"f{number}" for number in range(1, 7)]
    assert {fault.chaos for fault in plan.faults} == {"storm"}
    assert [fault.part for fault in plan.faults[4:]] == ["1 of 2", "2 of 2"]
    assert plan.faults[0].parameters == {"latency": 100, "jitter": 0, "toxicity": 1.0}


def test_the_scale_of_time_stretches_windows_and_periods(tmp_path: Path) -> None:
    """A plan at twice the time has every moment twice as late."""
    (tmp_path / "chaos").mkdir()
    (tmp_path / "chaos" / "storm.toml").write_text(PLAN)
    once, twice = planned(tmp_path, 'chaos="storm"'), planned(tmp_path, 'chaos="storm"', time_scale=2.0)
    assert [(2 * fault.start_ns, 2 * fault.end_ns) for fault in once.faults] == [
        (fault.start_ns, fault.end_ns) for fault in twice.faults
    ]


def test_a_ramp_has_steps_and_is_proven_where_it_is_strongest(tmp_path: Path) -> None:
    """Up it is the last step, down the first; a rate is strongest where it is lowest."""
    up = planned(
        tmp_path, 'faults=[fault("latency", on="provider-a", shape=ramped("latency", 20, 200, steps=4))]'
    ).faults[0]
    assert [step.parameters["latency"] for step in up.steps] == [20, 80, 140, 200]
    assert [step.at_ns / S for step in up.steps] == [5, 10, 15, 20]
    assert (up.parameters["latency"], up.proven_at_ns / S, up.proven_until_ns / S) == (200, 20, 25)
    assert up.initial["latency"] == 20
    down = planned(
        tmp_path, 'faults=[fault("latency", on="provider-a", shape=ramped("latency", 200, 20, steps=4))]'
    ).faults[0]
    assert (down.parameters["latency"], down.proven_at_ns / S, down.proven_until_ns / S) == (200, 5, 10)
    rate = planned(
        tmp_path, 'faults=[fault("bandwidth", on="provider-a", shape=ramped("rate", 100, 500, steps=4))]'
    ).faults[0]
    assert rate.parameters["rate"] == 100


def test_random_windows_come_from_the_seed(tmp_path: Path) -> None:
    """The same seed plans the same, another one something else."""
    breaks = 'faults=[fault("latency", on="provider-a", shape=at_random(every="2s", lasting="1500ms"))]'
    assert spans(planned(tmp_path, breaks)) == spans(planned(tmp_path, breaks))
    assert spans(planned(tmp_path, breaks)) != spans(planned(tmp_path, breaks, seed=2))


def test_two_uses_of_one_shape_do_not_share_their_windows(tmp_path: Path) -> None:
    """Each use draws for itself."""
    one = 'fault("latency", on="provider-{}", shape=at_random(every="2s", lasting="1500ms"))'
    plan = planned(tmp_path, f"faults=[{one.format('a')}, {one.format('b')}]")
    starts = {on: [fault.start_ns for fault in plan.faults if fault.on == on] for on in ("provider-a", "provider-b")}
    assert starts["provider-a"] != starts["provider-b"]


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        ('faults=[fault("nosuch", on="provider-a")]', "there is no fault of this name"),
        ('faults=[fault("latency", on="store")]', "Choose one of: front, provider-a, provider-b"),
        ('faults=[fault("provider-drops", on="front")]', "sits in a provider"),
        ('faults=[fault("process-kill", on="front")]', "sits in a process"),
        ('faults=[fault("flags-set", on="provider-a", rollback=1)]', "provider-a reads no flags"),
        ('faults=[fault("flags-set", on="gateway")]', "it says nothing"),
        (
            'faults=[fault("flags-set", on="gateway", rollback=1, duration="5s"), '
            'fault("flags-set", on="gateway", rollback=1, after="5s")]',
            "within less than 500 ms",
        ),
        ('faults=[fault("flags-set", on="gateway", weights="provider-a")]', "says nothing of a name"),
        ('faults=[fault("latency", on="provider-a", latency=0)]', "out of range"),
        ('faults=[fault("latency", on="provider-a", latency=1.5)]', "is not a whole number"),
        ('faults=[fault("latency", on="provider-a", latency="much")]', "is not a number"),
        ('faults=[fault("latency", on="provider-a", speed=3)]', "has no parameter speed"),
        ('faults=[fault("latency", on="provider-a", toxicity=1.5)]', "out of range"),
        ('faults=[fault("provider-drops", on="provider-a", tenant=7)]', "is not a text"),
        ('faults=[fault("latency", on="provider-a", toxicity=0.01)]', "too few for canaries"),
        ('faults=[fault("provider-errors", on="provider-a", status=200)]', "status"),
        ('faults=[fault("stream-unterminated", on="provider-a", route="/v1/embeddings")]', "nothing is streamed"),
        ('faults=[fault("latency", on="provider-a", shape=ramped("speed", 1, 2))]', "no number called speed"),
        ('faults=[fault("latency", on="provider-a", shape=ramped("latency", 0, 200))]', "out of range"),
        (
            'faults=[fault("latency", on="provider-a", shape=ramped("latency", 20, 200, steps=100))]',
            "a step of its ramp",
        ),
        ('faults=[fault("latency", on="provider-a", shape=flap("500ms"))]', "but its proof takes"),
        ('faults=[fault("link-down", on="provider-a", shape=flap("2s", duty=0.8))]', "rests for"),
        ('faults=[fault("link-down", on="provider-a", duration="500ms", shape=flap("2s"))]', "is on at no time"),
        (
            'faults=[fault("link-down", on="provider-a"), fault("latency", on="provider-a")]',
            "lets nothing through unharmed",
        ),
        ('faults=[fault("process-kill", on="gateway"), fault("latency", on="front")]', "lets nothing through unharmed"),
        ('faults=[fault("latency", on="provider-a"), fault("latency", on="provider-a")]', "twice at the same time"),
        ('chaos="nosuch"', "there is no fault plan of this name"),
        ('chaos="latency"', "is a fault, not a fault plan"),
        ('faults=[fault("shaky-provider", on="provider-a")]', "is a fault plan, not a fault"),
        ('faults=[fault("latency", on="provider-a", after="15s", duration="6s")]', "past the end"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, breaks: str, words: str) -> None:
    """One sentence names it."""
    found = refusals(tmp_path, breaks)
    assert any(words in text for text in found), found


def test_a_plan_whose_window_lies_past_the_end_is_refused(tmp_path: Path) -> None:
    """Its length is not known before it is used in a phase."""
    (tmp_path / "chaos").mkdir()
    (tmp_path / "chaos" / "long.toml").write_text(
        'description = "x"\n[[fault]]\nname = "latency"\non = "provider-a"\nwindows = [{ after = "15s", duration = "9s" }]\n'
    )
    assert any(
        "chaos/long.toml" in text and "past the end of fault" in text for text in refusals(tmp_path, 'chaos="long"')
    )


def test_every_problem_is_said_at_once(tmp_path: Path) -> None:
    """A wrong place, a wrong name and a wrong parameter are three problems."""
    breaks = 'faults=[fault("nosuch", on="x"), fault("latency", on="x"), fault("latency", on="front", latency=-1)]'
    assert len(refusals(tmp_path, breaks)) == 3


def test_no_more_faults_at_once_than_allowed(tmp_path: Path) -> None:
    """Three at one time, and two is the most."""
    breaks = 'faults=[fault("latency", on=place) for place in ("front", "provider-a", "provider-b")]'
    assert any("2 is the most" in text for text in refusals(tmp_path, breaks, "most_faults=2"))
    assert len(planned(tmp_path, breaks, "most_faults=3").faults) == 3


def test_faults_one_after_the_other_may_exclude_each_other(tmp_path: Path) -> None:
    """The end of one is the beginning of the next: they never meet."""
    breaks = (
        'faults=[fault("link-down", on="provider-a", duration="5s"), '
        'fault("latency", on="provider-a", after="5s", duration="5s")]'
    )
    assert len(planned(tmp_path, breaks).faults) == 2


def test_stop_conditions_come_from_the_scenario_and_the_command_line(tmp_path: Path) -> None:
    """--set adds to what the scenario says; nonsense is refused."""
    plan = planned(tmp_path, "", 'stop_when={"error_rate": 0.5}', settings={"stop_when.p99_ms": "900"})
    assert plan.stop_when is not None
    assert (plan.stop_when.error_rate, plan.stop_when.p99_ms) == (0.5, 900.0)
    assert any("stop_when" in text for text in refusals(tmp_path, "", settings={"stop_when.error_rate": "2"}))
    assert any("stops never" in text for text in refusals(tmp_path, "", 'stop_when={"over": "1s"}'))


@pytest.mark.parametrize(("start", "end"), [(0, 1), (1, 0)])
def test_a_ramp_of_victims_is_proven_where_most_are_hit(tmp_path: Path, start: int, end: int) -> None:
    """From nobody to everybody, or back: the step that everybody meets is the one that canaries can tell."""
    ramp = f'shape=ramped("toxicity", {start}, {end}, steps=2)'
    plan = planned(tmp_path, f'faults=[fault("reset-peer", on="provider-a", {ramp})]')
    (found,) = plan.faults
    assert found.parameters["toxicity"] == 1


def test_a_flap_of_a_microsecond_is_refused_in_time(tmp_path: Path) -> None:
    """Not after twenty million windows."""
    said = refusals(tmp_path, 'faults=[fault("latency", on="provider-a", shape=flap("1us"))]')
    assert any("its proof takes" in sentence for sentence in said)


def test_a_jitter_beyond_the_latency_is_refused(tmp_path: Path) -> None:
    """Delays are cut off at nothing, so that their mean is not the latency that was written down."""
    said = refusals(tmp_path, 'faults=[fault("latency", on="provider-a", latency=100, jitter=101)]')
    assert any("jitter of at most the latency" in sentence for sentence in said)
    assert planned(tmp_path, 'faults=[fault("latency", on="provider-a", latency=100, jitter=100)]').faults
