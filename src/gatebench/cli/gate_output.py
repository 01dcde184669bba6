"""Where the findings of a gate go: the terminal, one JSON document, files for a CI, and the CI that runs us."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from gatebench.analysis.exporters.annotations import annotate
from gatebench.analysis.exporters.document import GATE_SCHEMA, document
from gatebench.analysis.exporters.markdown import markdown
from gatebench.cli import gate_view, say
from gatebench.comparing.gated import Gated
from gatebench.content import Content
from gatebench.errors import Problem

if TYPE_CHECKING:
    from gatebench.experiment.gate import Prepared


def export(gated: Gated, *, junit: Path | None, markdown_: Path | None, as_json: bool) -> None:
    """Print what was found, write the files that were asked for, and tell the CI that runs us."""
    if as_json:
        _document(document(gated))
    else:
        gitlab = os.environ.get("GITLAB_CI") == "true"
        with gate_view.section("gatebench_gate", f"bench gate: {gated.subject}", gitlab=gitlab):
            gate_view.print_gated(gated)
    if markdown_ is not None:
        markdown_.parent.mkdir(parents=True, exist_ok=True)
        markdown_.write_text(markdown(gated), encoding="utf-8")
    if junit is not None:
        from gatebench.analysis.exporters.junit import write_junit

        write_junit(gated, junit)
    sys.stdout.flush()
    annotate(gated, sys.stderr if as_json else sys.stdout, Content().workspace)


def show(prepared: Prepared, *, as_json: bool) -> None:
    """Print what a live gate would do."""
    if not as_json:
        gate_view.print_prepared(prepared)
        return
    order = prepared.order
    plans = {side: plan.model_dump(mode="json") for side, plan in prepared.plans.items()}
    _document(
        {
            "schema": "gatebench.gate-plan/1",
            "scenario": order.scenario,
            "base": order.base.title,
            "head": order.head.title,
            "pairs": order.pairs,
            "looks": [
                {"pairs": pairs, "share": share}
                for pairs, share in zip(prepared.looks.pairs, prepared.looks.shares, strict=True)
            ],
            "tolerances": [str(one) for one in prepared.tolerances],
            "notes": list(prepared.notes),
            "plans": plans,
        }
    )


def refuse(problems: list[Problem], *, as_json: bool) -> NoReturn:
    """Say every problem at once and end with exit code 2."""
    say.problems(problems)
    if as_json:
        sentences = [str(problem) for problem in dict.fromkeys(problems)]
        _document({"schema": GATE_SCHEMA, "exit_code": 2, "problems": sentences, "lines": [], "checks": []})
    raise typer.Exit(2)


def writable(path: Path, problems: list[Problem]) -> None:
    """Refuse a file that could not be written in the end, before anything is started."""
    there = path if path.exists() else next((one for one in path.absolute().parents if one.exists()), Path("/"))
    if path.is_dir() or not os.access(there, os.W_OK):
        problems.append(Problem(str(path), "cannot be written.", "Name another file."))


def _document(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
