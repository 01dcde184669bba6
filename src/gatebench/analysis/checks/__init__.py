"""The checks of a run: each bound of the plan judged from what was measured, with the rows that show it."""

from gatebench.analysis.checks.judging import judge, judge_one, sentence

__all__ = ["judge", "judge_one", "sentence"]
