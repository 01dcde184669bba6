"""From pairs of readings to what a gate shows: the numbers by their tolerances, and the scenario's own checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatebench.comparing.checks import CheckRounds, CheckVerdict, judge_checks
from gatebench.comparing.judging import LineVerdict, judge
from gatebench.comparing.looks import Looks
from gatebench.comparing.tolerance import Tolerance
from gatebench.experiment.lines import lines, measures
from gatebench.experiment.tolerances import unmeasured
from gatebench.run.summary import Summary

Pair = tuple[Summary | None, Summary | None]


@dataclass(frozen=True)
class Conclusion:
    """What pairs show: `code` is 1, 4 or 0; `settled` when further pairs would not be looked at."""

    lines: tuple[LineVerdict, ...]
    checks: tuple[CheckVerdict, ...]
    code: int
    settled: bool


def conclude(pairs: Sequence[Pair], tolerances: Sequence[Tolerance], looks: Looks) -> Conclusion:
    """Judge what (base, head) of each pair found; a side that is None has nothing, which is never a pass."""
    wanted = measures(tolerances, [base for base, _ in pairs if base is not None])
    wanted += unmeasured(tolerances, wanted)
    judgement = judge(lines(wanted, pairs), looks)
    checks = judge_checks(check_rounds(pairs), looks, len(pairs))
    words = [check.word for check in checks]
    code = judgement.exit_code
    if "regressed" in words:
        code = 1
    elif code == 0 and "cannot tell" in words:
        code = 4
    at_a_look = len(pairs) in looks.pairs
    settled = len(pairs) >= looks.most or (at_a_look and code in {0, 1})
    return Conclusion(judgement.lines, tuple(checks), code, settled)


def check_rounds(pairs: Sequence[Pair]) -> list[CheckRounds]:
    """Return what every check of base said in each pair; a check that head alone has is judged by nothing."""
    said = [(_checks(base), _checks(head)) for base, head in pairs]
    keys = dict.fromkeys(key for base, _ in said for key in base)
    return [
        CheckRounds(
            sentence=key[0],
            base=tuple(base.get(key, "") for base, _ in said),
            head=tuple(head.get(key, "") for _, head in said),
        )
        for key in keys
    ]


def _checks(summary: Summary | None) -> dict[tuple[str, str | None, str | None], str]:
    if summary is None:
        return {}
    return {
        (_sentence(check.sentence, check.phase), check.phase, check.route): check.verdict for check in summary.checks
    }


def _sentence(sentence: str, phase: str | None) -> str:
    return sentence if phase is None or phase in sentence else f"{sentence} in {phase}"
