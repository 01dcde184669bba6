"""Rounds on the command line: plays what was planned, says how each round went, and shows what all of them show."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gatebench.cli import say
from gatebench.cli.requests import Wanted, redacted
from gatebench.errors import EnvironmentFailure

if TYPE_CHECKING:
    from gatebench.analysis.comparison.comparison import Comparison
    from gatebench.execution.runner import Watcher
    from gatebench.experiment.making import Made
    from gatebench.experiment.record import ExperimentFolder, Round
    from gatebench.plan import Plan
    from gatebench.suite import Suite

_MARKS = {"pass": "[green]✓[/green]", "fail": "[red]✗[/red]", "inconclusive": "[yellow]?[/yellow]"}


@dataclass(frozen=True)
class Rounds:
    """How rounds are made and shown: `kind` rounds exits as the worst round does, compare as the comparison does."""

    kind: Literal["rounds", "compare"]
    pairs: int
    seed: int
    out: Path
    quiet: bool = False
    as_json: bool = False
    report_to: Path | None = None
    notes: tuple[str, ...] = ()
    floor: Mapping[str, Plan] = field(default_factory=dict)
    suite: Suite | None = None
    not_applicable: dict[str, dict[str, str]] = field(default_factory=dict)
    suite_name: str = ""
    watch: Callable[[Plan], AbstractContextManager[Watcher]] | None = None

    def make(self, asked: Wanted) -> int:
        """Play the rounds, write the experiment and its report, print what they show, and return the exit code."""
        from gatebench.cli.progress import watcher
        from gatebench.experiment.comparing import conclude
        from gatebench.experiment.making import Making
        from gatebench.experiment.record import ExperimentFolder, Side
        from gatebench.experiment.rounds import Books
        from gatebench.experiment.series import Series, play_series

        name = self.suite_name or "+".join(_stem(name) for name in asked.scenarios[:2])
        folder = ExperimentFolder.create(self.out, self.kind, name)
        sides = [Side(label=name, target=name, settings=dict(_settings(asked, name))) for name in asked.targets]
        command = redacted(sys.argv)
        record = folder.new_record(
            self.kind,
            command,
            scenarios=[_stem(name) for name in asked.scenarios],
            sides=sides,
            pairs=self.pairs,
            seed=self.seed,
            suite=self.suite,
            not_applicable=self.not_applicable,
            result={"notes": list(self.notes)} if self.notes else {},
        )
        by_stem = {_stem(name): name for name in asked.scenarios}
        series = Series(
            record.scenarios,
            asked.targets,
            lambda scenario, target, seed: asked.plan(by_stem[scenario], target, seed),
            self.pairs,
            self.seed,
            self.floor,
            self.not_applicable,
        )
        making = Making(
            command, self.watch or partial(watcher, quiet=self.quiet), asked.headers, asked.content.workspace
        )
        said = partial(self._said, others_go_on=series.others_go_on)
        played = play_series(series, Books(folder, record, making), said)
        for scenario, error in played.errors.items():
            if isinstance(error, EnvironmentFailure):
                if not series.others_go_on:
                    say.failure(error)
            else:
                say.err().print(f"{scenario} ended early: {error}", markup=False)
        found = conclude(folder, record)
        made = {one.exit_code for one in record.rounds}
        absent = EnvironmentFailure.exit_code if asked.absent else 0
        return self._end(found, folder, played.code or absent or self._code(found, made))

    def _code(self, found: Comparison, made: set[int]) -> int:
        from gatebench.cli.run import worst

        return found.verdict.exit_code if self.kind == "compare" else worst(made)

    def _end(self, found: Comparison, folder: ExperimentFolder, code: int) -> int:
        show(found, folder, code, as_json=self.as_json, report_to=self.report_to)
        return code

    def _said(self, one: Round, made: Made, *, others_go_on: bool) -> None:
        if others_go_on and isinstance(made.error, EnvironmentFailure):
            say.failure(made.error)
        if self.quiet:
            return
        mark = _MARKS.get(made.summary.verdict, "[magenta]![/magenta]") if made.summary is not None else "[red]✗[/red]"
        why = "" if one.valid else f", does not count: {one.why}"
        say.err().print(f"  {mark} pair {one.pair + 1}: {one.side}, {one.took_s:.1f} s", end="")
        say.err().print(why, markup=False)


def show(
    found: Comparison, folder: ExperimentFolder, code: int, *, as_json: bool, report_to: Path | None = None
) -> None:
    """Print a comparison, in words or as one JSON document, and copy its report to where it was asked for."""
    from gatebench.analysis.comparison.comparison import document
    from gatebench.cli.comparison_view import print_comparison
    from gatebench.experiment.comparing import rebuild

    if report_to is not None:
        rebuild(folder.path, [], report_to)
    if as_json:
        written: dict[str, Any] = document(found) | {"exit_code": code, "folder": str(folder.path)}
        sys.stdout.write(json.dumps(written, allow_nan=False) + "\n")
        return
    print_comparison(found, report_to or folder.report)


def _stem(scenario: str) -> str:
    """Return the name that a run has for its scenario: that of the file, for a locustfile."""
    return Path(scenario).stem if scenario.endswith(".py") else scenario


def _settings(asked: Wanted, target: str) -> Mapping[str, str]:
    plan = next(plan for (_, name), plan in asked.plans.items() if name == target)
    return {key: str(value) for key, value in plan.target.settings.items()}
