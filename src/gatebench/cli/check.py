"""`bench check`: load every content file and list every problem; send nothing."""

from __future__ import annotations

import typer


def check() -> None:
    """Load every scenario, target and fault, list every problem, send nothing.

    bench check
    """
    from gatebench.analysis.metrics import known_metrics
    from gatebench.cli import say
    from gatebench.cli.suites import suite_problems
    from gatebench.content import Content
    from gatebench.errors import Problem

    content = Content()
    problems = list(content.problems())
    broken = {problem.where for problem in problems}
    metrics = known_metrics()
    for name in content.scenario_names():
        where = f"scenarios/{name.replace('-', '_')}.py"
        if any(place.startswith(where) for place in broken):
            continue
        scenario = content.scenario(name).scenario
        problems += [
            Problem(where, f'check("{use.metric}") names no metric.', "`bench ls metrics` lists them.")
            for use in scenario.checks
            if use.metric not in metrics
        ]
    for name in content.suite_names():
        problems += suite_problems(name, content, metrics)
    if problems:
        say.problems(problems)
        raise typer.Exit(2)
    counts = {
        "scenarios": content.scenario_names(),
        "suites": content.suite_names(),
        "targets": content.target_names(),
        "faults": content.fault_names(),
        "fault plans": content.plan_names(),
    }
    told = ", ".join(
        f"{len(names)} {what if len(names) != 1 else what.removesuffix('s')}" for what, names in counts.items()
    )
    say.out().print(f"{told}: no problem.")
