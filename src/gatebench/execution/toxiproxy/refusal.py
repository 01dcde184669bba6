"""The API's answer when it does not do what it was asked: a status and one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

BAD_BODY = "bad request body: "

T = TypeVar("T")


class Refusal(Exception):
    """Nothing was done, unless the text says otherwise; `status` is the HTTP status, `message` goes into the body.

    `problems` lists each thing that is wrong with what was asked for, where more than one may be.
    """

    def __init__(self, status: int, message: str, problems: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.problems = tuple(problems)

    def at(self, where: str) -> Refusal:
        """Return this refusal with every sentence saying where."""
        return Refusal(self.status, f"{self.message} {where}", [f"{problem} {where}" for problem in self.problems])

    def to_json(self) -> dict[str, Any]:
        """Return the error as the API shows it; `problems` is our extension."""
        shown: dict[str, Any] = {"error": self.message, "status": self.status}
        return {**shown, "problems": list(self.problems)} if self.problems else shown


class Findings:
    """Reads the parts of a request one after the other, so that one refusal says everything that is wrong."""

    def __init__(self) -> None:
        self._refusals: list[Refusal] = []

    def read(self, part: Callable[[], T], default: T) -> T:
        """Return what `part` returns; when it refuses, remember that and return `default`."""
        try:
            return part()
        except Refusal as refusal:
            self.add(refusal)
            return default

    def add(self, refusal: Refusal) -> None:
        """Remember a refusal."""
        self._refusals.append(refusal)

    def settle(self) -> None:
        """Raise one Refusal if there were any, with the status of the first; a single one is raised as it was."""
        if len(self._refusals) == 1:
            raise self._refusals[0]
        if self._refusals:
            problems = [problem for refusal in self._refusals for problem in refusal.problems or (refusal.message,)]
            message = "; ".join(refusal.message for refusal in self._refusals)
            raise Refusal(self._refusals[0].status, message, [text.removeprefix(BAD_BODY) for text in problems])
