"""Makes one run and reads it: what `bench run` does once, and every experiment many times."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gatebench.errors import ConfigurationError, Ending, EnvironmentFailure, Interrupted
from gatebench.execution.runner import Runner, Watcher
from gatebench.plan import Plan
from gatebench.run.folder import RunFolder
from gatebench.run.summary import Summary

_OF_SERIES: Final[set[Any]] = set()
"""The handlers of series that are under way."""


@dataclass(frozen=True)
class Making:
    """How runs are made: `command` is what was typed, keys left out; `watch` gives the one who looks on at a plan."""

    command: list[str]
    watch: Callable[[Plan], AbstractContextManager[Watcher]]
    headers: Mapping[str, str]
    workspace: Path
    token: str | None = None


@dataclass(frozen=True)
class Made:
    """A run that was made: its folder and reading, where it came that far, its exit code, and what ended it early."""

    folder: RunFolder | None
    summary: Summary | None
    code: int
    error: Ending | None = None


def make(plan: Plan, out: Path, making: Making) -> Made:
    """Make the run below `out` and read it; whatever ends it is in the result, an interruption too (130)."""
    code, ended = 0, None
    runner: Runner | None = None
    with heeding_signals() as calm, making.watch(plan) as watching:
        try:
            runner = Runner(
                plan, out, making.command, making.headers, making.workspace, watching, making.token, on_teardown=calm
            )
            runner.run()
        except (EnvironmentFailure, Interrupted, ConfigurationError) as error:
            code, ended = error.exit_code, error
        except KeyboardInterrupt:
            code, ended = Interrupted.exit_code, Interrupted("Ctrl-C")
    folder: RunFolder | None = getattr(runner, "folder", None)
    if folder is None or not (folder.path / "run.json").is_file() or code == ConfigurationError.exit_code:
        return Made(None, None, code, ended)
    try:
        with heeding_signals():
            summary = read(folder)
    except (Interrupted, KeyboardInterrupt):
        return Made(folder, None, Interrupted.exit_code, Interrupted("while reading"))
    return Made(folder, summary, code, ended)


def read(folder: RunFolder) -> Summary:
    """Summarise the run, write summary.json and report.html, and return the summary."""
    from gatebench.analysis.report import write_report
    from gatebench.analysis.summary import summarise
    from gatebench.analysis.tables import read as read_tables

    tables = read_tables(folder)
    summary = summarise(folder, tables)
    write_report(folder, tables=tables)
    return summary


@contextlib.contextmanager
def heeding_signals(*, series: bool = False) -> Iterator[Callable[[], None]]:
    """SIGTERM interrupts like Ctrl-C. The yielded function makes us deaf to both: taking down must not be cut short.

    Around a `series` of runs, what a single run was deaf to while it was taken down interrupts the series once it is down.
    """

    def interrupt(number: int, frame: Any) -> None:
        raise Interrupted(f"signal {number}")

    # What was ignored before stays ignored: `nohup bench run …` must survive its terminal.
    heard = [
        number
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, interrupt) for number in heard}
    missed: list[int] = []
    if series:
        _OF_SERIES.add(interrupt)

    def calm() -> None:
        for number in before:
            signal.signal(number, lambda number, frame: missed.append(number))

    try:
        yield calm
    finally:
        _OF_SERIES.discard(interrupt)
        for number, handler in before.items():
            signal.signal(number, handler)
        if missed and before[signal.Signals(missed[0])] in _OF_SERIES:
            signal.raise_signal(missed[0])
