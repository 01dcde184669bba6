"""The errors that end a run before or instead of a result; each one knows its exit code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where it is, and what to do about it: three parts of one sentence."""

    where: str
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.cure}"


class GatebenchError(Exception):
    """Base of all errors that gatebench raises on purpose."""

    exit_code = 1


class ConfigurationError(GatebenchError):
    """What was asked for cannot be done as written; holds every problem at once and nothing was started."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class EnvironmentFailure(GatebenchError):
    """A target, proxy, provider or worker would not start or went away; holds its last log lines."""

    exit_code = 5

    def __init__(self, what: str, log_tail: Iterable[str] = ()) -> None:
        self.what = what
        self.log_tail = tuple(log_tail)
        super().__init__(what)


class Interrupted(BaseException):
    """Somebody pressed Ctrl-C or sent SIGTERM; the partial run is kept.

    Like KeyboardInterrupt it is no Exception: whoever catches whatever may go wrong in a metric or a template must not catch this.
    """

    exit_code = 130


Ending: TypeAlias = GatebenchError | Interrupted
"""What may end a run early."""
