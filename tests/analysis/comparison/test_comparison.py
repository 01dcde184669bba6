"""What a comparison says: rows with winners, the sentence above them, and what must be read with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatebench.analysis.comparison.alike import refusals
from gatebench.analysis.comparison.comparison import Comparison, compare, document
from gatebench.analysis.comparison.material import Material, Party, Taken
from gatebench.analysis.comparison.rows import Row
from gatebench.analysis.comparison.verdict import change
from gatebench.comparing.contrast import Contrast
from tests.compared import AVAILABLE, LOST, P50, P95, Numbers, example, plan_of, summary_of

SCENARIO = "failover-outage"


def taken(side: str, pair: int, order: int, numbers: Numbers, **facts: Any) -> Taken:
    """Return a round of a side with these numbers."""
    plan = plan_of(side, 1 + pair, facts.get("scenario", SCENARIO))
    record = example()[0].model_copy(update={"plan": plan.model_copy(update=facts.pop("plan", {}))})
    record = record.model_copy(update={"provenance": record.provenance | facts.pop("provenance", {})})
    known: dict[str, Any] = {"scenario": SCENARIO, "valid": True} | facts
    return Taken(
        side=side, pair=pair, order=order, seed=1 + pair, name=f"{side}-{order}", record=record,
        summary=summary_of(plan, numbers), **known,
    )  # fmt: skip


def material(*rounds: Taken, pairs: int = 0, floor: tuple[Taken, ...] = (), kind: str = "compare") -> Material:
    """Return what is compared; the sides stand in the order in which they first occur."""
    sides = tuple(Party(side, side) for side in dict.fromkeys(one.side for one in rounds))
    scenarios = tuple(dict.fromkeys(one.scenario for one in rounds))
    return Material("x", kind, "", ("bench", "compare"), "finished", scenarios, sides, pairs, 1, rounds, floor)


def in_turn(base: list[Numbers], head: list[Numbers], **facts: Any) -> list[Taken]:
    """Return pairs of rounds in ABBA order."""
    rounds = []
    for pair, (one, other) in enumerate(zip(base, head, strict=True)):
        sides = [("old", one), ("new", other)]
        for place, (side, numbers) in enumerate(sides if pair % 2 == 0 else reversed(sides)):
            rounds.append(taken(side, pair, 2 * pair + place, numbers, **facts))
    return rounds


def row(found: Comparison, scope: tuple[str, str | None]) -> Row:
    """Return the row of a number."""
    return next(one for one in found.rows if (one.metric, one.phase) == scope)


def test_a_winner_is_marked_where_the_interval_excludes_zero_and_nowhere_else() -> None:
    """p50 is 10 % higher in each of four pairs; p95 is as often lower as higher."""
    base: list[Numbers] = [{P50: 50 + i, P95: 100} for i in range(4)]
    head: list[Numbers] = [
        {P50: (50 + i) * (1.10 + i / 1000), P95: value} for i, value in enumerate((110, 90, 112, 91))
    ]
    found = compare(material(*in_turn(base, head)))
    slower, open_ = row(found, P50), row(found, P95)
    assert slower.winner(1) == "base" and open_.winner(1) is None
    assert slower.contrasts[1] is not None and change(slower.contrasts[1], "ms").startswith("+10.1 % (+")
    assert found.verdict.sentence.startswith("new against old over 4 pairs: worse in 1 of ")
    assert "response time p50 in baseline +10.1 %" in found.verdict.findings[0].largest
    assert found.verdict.exit_code == 0


def test_less_than_our_instruments_can_see_is_never_a_winner() -> None:
    """0.1 ms of 1 ms are 10 %, in every pair, and stay without a mark."""
    base: list[Numbers] = [{P50: 1 + i / 100} for i in range(4)]
    head: list[Numbers] = [{P50: 1.1 + i / 99} for i in range(4)]
    found = row(compare(material(*in_turn(base, head))), P50)
    assert found.contrasts[1] is not None and found.contrasts[1].shown
    assert found.winner(1) is None


def test_a_higher_share_is_better_where_higher_is_better() -> None:
    """Availability is compared by differences in percentage points."""
    base: list[Numbers] = [{AVAILABLE: 0.90 + i / 1000} for i in range(4)]
    head: list[Numbers] = [{AVAILABLE: 0.99 + i / 2000} for i in range(4)]
    found = row(compare(material(*in_turn(base, head))), AVAILABLE)
    assert found.winner(1) == "head"
    assert found.contrasts[1] is not None and change(found.contrasts[1], "share").startswith("+8.92 pp (")


@pytest.mark.parametrize(
    ("contrast", "unit", "words"),
    [
        (Contrast(-0.1, -0.2, -0.05, 3, True, True), "ms", "−9.5 % (−18.1 to −4.9)"),
        (Contrast(2.0, 2.0, 2.0, 6, False, True), "requests", "+2 in every pair"),
        (Contrast(0.0, 0.0, 0.0, 6, False, True), "share", "the same"),
        (Contrast(0.5, None, None, 1, False, True, "one pair"), "ratio", "+0.5"),
    ],
)
def test_a_difference_in_words(contrast: Contrast, unit: str, words: str) -> None:
    """Sign first, unit once."""
    assert change(contrast, unit) == words


def test_one_round_of_each_cannot_tell() -> None:
    """It says that there is no interval, marks nothing, and ends with 4."""
    found = compare(material(*in_turn([{P50: 50}], [{P50: 100}]), pairs=1))
    assert found.verdict.word == "one round" and found.verdict.exit_code == 4
    assert "no between-run interval" in found.verdict.sentence
    assert row(found, P50).winner(1) is None and row(found, P50).cells[0].typical is not None


def test_an_invalid_round_counts_in_nothing_and_is_missed() -> None:
    """Two of three pairs are complete: the sentence says so, and the exit code is 3."""
    rounds = in_turn([{P50: 50}, {P50: 51}, {P50: 52}], [{P50: 50}, {P50: 51}, {P50: 900}])
    rounds = [
        Taken(**{**one.__dict__, "valid": False, "why": "late"}) if (one.side, one.pair) == ("new", 2) else one
        for one in rounds
    ]
    found = compare(material(*rounds, pairs=3))
    assert row(found, P50).cells[1].rounds == 2
    assert found.verdict.word == "incomplete" and found.verdict.exit_code == 3
    assert "2 of 3" in found.verdict.sentence
    assert [one.why for one in found.invalid] == ["late"]


def test_a_number_that_nobody_knows_is_never_nothing() -> None:
    """It is unknown with its reason, one that some rounds lack says how many, and neither wins."""
    base: list[Numbers] = [{LOST: 5.0, P50: 50.0} for _ in range(3)]
    head: list[Numbers] = [{LOST: None, P50: 60.0 if i else None} for i in range(3)]
    found = compare(material(*in_turn(base, head)))
    lost, half = row(found, LOST), row(found, P50)
    assert lost.cells[1].typical is None and lost.cells[1].why == "nobody was there to see"
    assert lost.contrasts[1] is None and lost.winner(1) is None
    assert half.cells[1].missing == 1


def test_rounds_without_shared_seeds_are_said_not_to_be_paired() -> None:
    """And that they were not run in turn."""
    rounds = [taken("old", i, i, {P50: 50 + i}) for i in range(3)]
    rounds += [taken("new", 3 + i, 3 + i, {P50: 60 + i}) for i in range(3)]
    found = compare(material(*rounds))
    contrast = row(found, P50).contrasts[1]
    assert contrast is not None and not contrast.paired
    assert "6 unpaired rounds" in found.verdict.sentence
    assert any("not paired" in one for one in found.remarks) and any("not in turn" in one for one in found.remarks)


def test_rounds_in_turn_with_shared_seeds_need_no_remark() -> None:
    """Nothing is said where nothing is to be said."""
    assert compare(material(*in_turn([{}] * 3, [{}] * 3))).remarks == ()


def test_other_engines_machines_and_versions_are_said() -> None:
    """Each fact once, with which side had which."""
    rounds = [taken("old", i, 2 * i, {}, provenance={"gatebench": "0.1.0", "machine": {"cores": 2}}) for i in range(2)]
    rounds += [
        taken(
            "new",
            i,
            2 * i + 1,
            {},
            provenance={"gatebench": "0.2.0", "machine": {"cores": 8}, "engine": {"kind": "url"}},
        )
        for i in range(2)
    ]
    remarks = " ".join(compare(material(*rounds)).remarks)
    for words in (
        "versions of gatebench: 0.1.0 (old); 0.2.0 (new)",
        "machines: 2 cores (old); 8 cores (new)",
        "engines",
    ):
        assert words in remarks


def test_another_version_of_the_scenario_file_is_said() -> None:
    """The digest differs, the load does not."""
    rounds = [taken("old", 0, 0, {}), taken("new", 0, 1, {}, plan={"scenario_digest": "sha256:other"})]
    found = material(*rounds)
    assert refusals(found) == []
    assert any("versions of the scenario file" in one for one in compare(found).remarks)


def test_other_scenarios_and_other_loads_are_refused() -> None:
    """All at once, each in a sentence with its cure."""
    apart = material(taken("old", 0, 0, {}), taken("new", 0, 1, {}, scenario="smoke"))
    assert [str(one) for one in refusals(apart)] == [
        "the sides: have no scenario in common (old: failover-outage; new: smoke). Compare runs of the same scenario."
    ]
    scaled = material(taken("old", 0, 0, {}), taken("new", 0, 1, {}, plan={"time_scale": 2.0, "faults": ()}))
    assert "different time scale and faults" in str(refusals(scaled)[0])


def test_a_run_without_one_of_its_phases_is_said() -> None:
    """Its numbers there are missing, not nothing."""
    rounds = in_turn([{}] * 2, [{}] * 2)
    short = rounds[1].summary
    assert short is not None
    cut = short.model_copy(update={"phases": short.phases[:-1]})
    rounds[1] = Taken(**{**rounds[1].__dict__, "summary": cut})
    assert any("has no phase recovery" in one for one in compare(material(*rounds)).remarks)


def test_a_time_that_is_not_above_the_null_target_says_nothing() -> None:
    """It is greyed; a slower one is not."""
    rounds = in_turn([{P50: 40.0}] * 2, [{P50: 90.0}] * 2)
    floor = (taken("direct", 0, 0, {P50: 45.0}),)
    found = row(compare(material(*rounds, floor=floor)), P50)
    assert found.floor == 45.0
    assert found.under_floor(0) and not found.under_floor(1)


def test_each_of_three_sides_stands_against_the_first() -> None:
    """Two findings, two contrasts a row."""
    rounds = [
        taken(side, pair, 3 * pair + n, {P50: 50.0 + 10 * n + pair})
        for pair in range(3)
        for n, side in enumerate("abc")
    ]
    found = compare(material(*rounds))
    assert [(one.head, one.base) for one in found.verdict.findings] == [("b", "a"), ("c", "a")]
    assert [row(found, P50).winner(place) for place in (1, 2)] == ["base", "base"]


def test_the_document_holds_every_number_and_no_infinity() -> None:
    """It is JSON that any reader takes, with its schema."""
    found = document(compare(material(*in_turn([{P50: 50.0}] * 2, [{P50: 60.0}] * 2))))
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text)["schema"] == "gatebench.comparison/1"
    first = next(one for one in found["rows"] if (one["metric"], one["phase"]) == P50)
    assert first["sides"]["new"]["points"][1]["value"] == 60.0
    assert first["sides"]["old"]["change"] is None


def test_the_page_escapes_what_a_server_said_and_links_to_every_round(tmp_path: Path) -> None:
    """A hostile name is text; the link is relative."""
    from gatebench.analysis.report.comparison import write_comparison

    rounds = in_turn([{P50: 50.0}] * 2, [{P50: 60.0}] * 2)
    evil = "</script><script>alert(1)</script>"
    rounds[0] = Taken(**{**rounds[0].__dict__, "valid": False, "why": evil, "link": "rounds/a/report.html"})
    page = write_comparison(compare(material(*rounds)), tmp_path / "report.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert 'href="rounds/a/report.html"' in page
    assert "cannot be shown" not in page
