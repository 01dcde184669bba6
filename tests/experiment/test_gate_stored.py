"""A gate on runs that are there: paired by seed, and whatever is not alike, not whole or not there is said or refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gatebench.analysis.metrics import known_metrics
from gatebench.comparing.gated import Gated, headline
from gatebench.content import Content
from gatebench.errors import Problem
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan
from gatebench.experiment.baselines import save, take
from gatebench.experiment.record import ExperimentFolder, Round, Side
from gatebench.experiment.stored_gate import judge_stored, read_groups
from gatebench.run.folder import RunFolder
from tests.gate_rounds import noise, reading


def run(root: Path, seed: int, factor: float, **facts: Any) -> Path:
    """Write a run folder of smoke on the reference gateway and return it."""
    request = RunRequest("smoke", "reference", seed, time_scale=facts.pop("time_scale", 1.0))
    plan = make_plan(request, Content(), known_metrics())
    folder = RunFolder.create(root, plan)
    machine = {"cores": facts.pop("cores", 2), "processor": "a processor"}
    record = folder.new_record(plan, [], {"gatebench": facts.pop("gatebench", "0.1.0"), "machine": machine})
    record.status = "finished"
    folder.save(record)
    level = factor * noise(seed, 1)[0]
    values = facts.pop("values", {"response_p50_ms": 20 * level, "response_p95_ms": 40 * level, "error_share": 0.0})
    found = reading(seed, values=values, **facts)
    (folder.path / "summary.json").write_text(found.model_dump_json(by_alias=True))
    return folder.path


def rounds(root: Path, factor: float = 1.0, seeds: Sequence[int] = range(1, 9), **facts: Any) -> list[Path]:
    """Write a run for each seed."""
    salt = sum(root.name.encode())
    return [run(root, seed, factor * noise(salt + 100 * seed, 1)[0], **dict(facts)) for seed in seeds]


def decide(
    tmp_path: Path, head: Sequence[Path], base: Sequence[Path | str], *said: str, table: Sequence[str] = ()
) -> tuple[Gated | None, str]:
    """Return what the gate finds, and every problem in one text."""
    problems: list[Problem] = []
    groups = read_groups(head, [str(one) for one in base], tmp_path, command_line=said, table=table, problems=problems)
    found = judge_stored(groups, ["bench", "gate"]) if groups is not None else None
    return found, "\n".join(map(str, problems))


def judged(tmp_path: Path, head: Sequence[Path], base: Sequence[Path | str], *said: str, **more: Any) -> Gated:
    """Return what the gate finds; there is no problem."""
    found, problems = decide(tmp_path, head, base, *said, **more)
    assert found is not None, problems
    return found


def test_a_slower_candidate_is_red_and_the_doubt_is_said(tmp_path: Path) -> None:
    """Eight pairs by seed, one look; they were not made in turn."""
    gated = judged(tmp_path, rounds(tmp_path / "new", 1.3), rounds(tmp_path / "old"))
    assert (gated.code, gated.pairs, gated.how) == (1, 8, "stored")
    assert "not made in turn" in gated.notes[0]


def test_the_same_rounds_are_green(tmp_path: Path) -> None:
    """Against a second series of the same seeds."""
    gated = judged(tmp_path, rounds(tmp_path / "new", 1.002), rounds(tmp_path / "old"))
    assert gated.code == 0, headline(gated)


def test_a_missing_round_is_no_pass(tmp_path: Path) -> None:
    """The candidate has six of the baseline's eight seeds: the rest is missing, and named."""
    gated = judged(tmp_path, rounds(tmp_path / "new", seeds=range(1, 7)), rounds(tmp_path / "old"))
    assert gated.code == 4
    assert {line.word for line in gated.lines} == {"missing"}
    assert any("no round with the seed 7, 8" in note for note in gated.notes)


def test_further_rounds_are_left_out_and_said(tmp_path: Path) -> None:
    """They have no partner."""
    gated = judged(tmp_path, rounds(tmp_path / "new", seeds=range(1, 11)), rounds(tmp_path / "old"))
    assert gated.pairs == 8
    assert any("seed 9, 10 have no partner" in note for note in gated.notes)


def test_an_invalid_round_is_three(tmp_path: Path) -> None:
    """What cannot be trusted shows nothing, however fast the others were."""
    head = [*rounds(tmp_path / "new", seeds=range(1, 8)), run(tmp_path / "new", 8, 1, verdict="invalid", why="Late.")]
    gated = judged(tmp_path, head, rounds(tmp_path / "old"))
    assert gated.code == 3
    assert "cannot be trusted: Late." in headline(gated)


def test_an_invalid_round_that_was_made_again_does_no_harm(tmp_path: Path) -> None:
    """The seed has a valid one."""
    head = [*rounds(tmp_path / "new"), run(tmp_path / "new", 8, 1, verdict="invalid", why="Late.")]
    assert judged(tmp_path, head, rounds(tmp_path / "old")).code == 0


def test_rounds_without_a_single_valid_one_are_three(tmp_path: Path) -> None:
    """And no defect."""
    head = rounds(tmp_path / "new", verdict="invalid", why="Late.")
    gated = judged(tmp_path, head, rounds(tmp_path / "old"))
    assert (gated.code, gated.lines) == (3, ())
    assert "no round can be trusted: Late." in headline(gated)


def experiment(root: Path, status: str, sides: Sequence[str], kind: str = "rounds") -> Path:
    """Write an experiment of eight pairs and return its folder."""
    folder = ExperimentFolder.create(root, "rounds", "smoke")
    record = folder.new_record(
        kind,  # type: ignore[arg-type]  # one of its words
        [],
        scenarios=["smoke"],
        sides=[Side(label=side, target="reference") for side in sides],
        pairs=8,
        seed=1,
    )
    for side in sides:
        for path in rounds(folder.path / "rounds"):
            seed = json.loads((path / "summary.json").read_text())["seed"]
            place = len(record.rounds)
            record.rounds.append(
                Round(
                    scenario="smoke",
                    pair=seed - 1,
                    order=place,
                    side=side,
                    seed=seed,
                    folder=str(path.relative_to(folder.path)),
                    exit_code=0,
                    valid=True,
                )
            )
    record.status = status  # type: ignore[assignment]  # one of its words
    folder.save(record)
    return folder.path


def test_an_experiment_is_a_candidate(tmp_path: Path) -> None:
    """Of one side; of a gate its head."""
    base = rounds(tmp_path / "old")
    assert judged(tmp_path, [experiment(tmp_path / "a", "finished", ["reference"])], base).code == 0
    assert judged(tmp_path, [experiment(tmp_path / "b", "finished", ["base", "head"], "gate")], base).pairs == 8


def test_an_interrupted_experiment_is_three(tmp_path: Path) -> None:
    """It is not whole."""
    gated = judged(tmp_path, [experiment(tmp_path / "a", "interrupted", ["reference"])], rounds(tmp_path / "old"))
    assert gated.code == 3
    assert "is interrupted" in headline(gated)


def test_a_comparison_of_several_is_no_candidate(tmp_path: Path) -> None:
    """Which one?"""
    found, said = decide(tmp_path, [experiment(tmp_path / "a", "finished", ["x", "y"], "compare")], ["x"])
    assert found is None
    assert "holds rounds of several sides: x, y" in said
    assert "there is no such baseline" in said  # both at once


def test_a_saved_baseline_brings_its_tolerances(tmp_path: Path) -> None:
    """They go before the workspace's; the command line goes over both, and says so."""
    stored = take(rounds(tmp_path / "old"), [])
    assert stored is not None
    save("accepted", stored, tmp_path, ["p95=40%"])
    head = rounds(tmp_path / "new", 1.1)
    table = ["p95=1%"]
    own = judged(tmp_path, head, ["accepted"], table=table)
    assert [str(line.measure.tolerance) for line in own.lines] == ["response_p95_ms=40%"]
    assert own.code == 0
    over = judged(tmp_path, head, ["accepted"], "p95=5%", table=table)
    assert [str(line.measure.tolerance) for line in over.lines] == ["response_p95_ms=5%"]
    assert over.code == 1
    assert any("goes over the baseline's own" in note for note in over.notes)


def test_what_is_not_the_same_on_both_sides_is_said(tmp_path: Path) -> None:
    """Machine and harness."""
    gated = judged(tmp_path, rounds(tmp_path / "new", cores=8, gatebench="0.2.0"), rounds(tmp_path / "old"))
    said = " ".join(gated.notes)
    assert "gatebench was 0.1.0 for the baseline and 0.2.0 for the candidate" in said
    assert "the machine's cores was 2 for the baseline and 8" in said


def test_another_question_is_refused(tmp_path: Path) -> None:
    """Other seeds, other phases: exit code 2 with the cure."""
    base = rounds(tmp_path / "old", seeds=[1, 2])
    _, said = decide(tmp_path, rounds(tmp_path / "new", seeds=[11, 12]), base)
    assert "has none of the baseline's seeds (1, 2)" in said
    assert "--seed 1" in said
    _, said = decide(tmp_path, rounds(tmp_path / "longer", seeds=[1, 2], time_scale=2.0), base)
    assert said.count("was made with another phases, load of smoke than the baseline.") == 2


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: (path / "summary.json").unlink(), "`bench report"),
        (lambda path: (path / "summary.json").write_text("{"), "damaged or cut short"),
        (lambda path: (path / "summary.json").write_text('{"schema": "gatebench.summary/9"}'), "newer gatebench"),
        (lambda path: (path / "run.json").unlink(), "is not there"),
    ],
    ids=["no summary", "cut short", "newer", "no run"],
)
def test_a_damaged_run_is_refused(tmp_path: Path, damage: Any, words: str) -> None:
    """With what would mend it."""
    head = rounds(tmp_path / "new", seeds=[1, 2])
    damage(head[0])
    found, said = decide(tmp_path, head, rounds(tmp_path / "old", seeds=[1, 2]))
    assert found is None
    assert words in said


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Both sides at once."""
    found, said = decide(tmp_path, [tmp_path / "nowhere"], ["nothing"])
    assert found is None
    assert "nowhere" in said
    assert "nothing" in said
