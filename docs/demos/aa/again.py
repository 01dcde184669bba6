"""Repeats what `bench aa` proves from rounds that are stored: ten thousand simulated gates for each line, and no run.

Usage: python docs/demos/aa/again.py [FILE] [METRIC=AMOUNT...]. FILE is what `bench aa` keeps in noise/; without it, the rounds
that docs/aa.md shows. Takes a quarter of a minute.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gatebench.analysis.metrics import metrics
from gatebench.cli.aa_tables import print_findings
from gatebench.comparing.tolerance import default_tolerances, parse
from gatebench.errors import Problem
from gatebench.experiment.noise import Noise
from gatebench.experiment.study import study

STORED = Path(__file__).resolve().parent / "gate-reference.json"


def main(arguments: list[str]) -> None:
    """Study one file of rounds and print it."""
    files = [word for word in arguments if "=" not in word]
    file = Path(files[0]) if files else STORED
    if not file.is_file():
        raise SystemExit(
            f"{file}: there is no such file; `bench aa` keeps one in noise/, scripts/aa-page makes {STORED.name}"
        )
    noise = Noise.model_validate_json(file.read_text(encoding="utf-8"))
    problems: list[Problem] = []
    units = {name: metric.unit for name, metric in metrics().items()}
    parsed = [parse(word, units, "tolerance", problems) for word in arguments if "=" in word]
    if problems:
        raise SystemExit("\n".join(str(problem) for problem in problems))
    known = {one.metric for one in noise.series}
    defaults = default_tolerances(known, lanes="overhead_median_ms" in known)
    print_findings(study(noise, [one for one in parsed if one is not None] or defaults))


if __name__ == "__main__":
    main(sys.argv[1:])
