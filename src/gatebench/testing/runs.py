"""Makes runs inside a test: planned first, alone on the machine, and taken down whatever becomes of the test."""

from __future__ import annotations

import contextlib
import fcntl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gatebench.analysis.metrics import known_metrics
from gatebench.cli.progress import watcher
from gatebench.content import Content
from gatebench.errors import ConfigurationError, EnvironmentFailure, Problem
from gatebench.execution.load.wire import header_problems
from gatebench.execution.locustfile_plan import is_locustfile, make_locustfile_plan
from gatebench.execution.planning import make_plan
from gatebench.execution.secrets import header_values
from gatebench.experiment import making
from gatebench.plan import Plan
from gatebench.testing.options import RunOptions, read_options
from gatebench.testing.result import RunResult, shown

_INTERRUPTED = 130
_LOCK = ".one-run-at-a-time"


class BadRequest(ConfigurationError):
    """A run was asked for that cannot be made as written; holds every problem at once, and nothing was started."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__(dict.fromkeys(problems))

    def __str__(self) -> str:
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        return "\n".join([f"{count}; nothing was started.", *(f"  • {one}" for one in self.problems)])


class RunFailed(Exception):
    """A run has no numbers that a test could stand on: something would not start, or the measurement cannot be trusted."""


@dataclass(repr=False)
class Gatebench:
    """What the `gatebench` fixture is.

    `workspace` holds the content folders, runs go below `out`; `defaults` and `marked()` are options of the session and of
    the test, by where they were given. `made` is told of every run: its folder and what came of it.
    """

    workspace: Path
    out: Path
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    marked: Callable[[], Mapping[str, Any]] = dict
    made: Callable[[Path, str, RunResult | None], None] = lambda folder, verdict, result: None

    def run(
        self,
        scenario: str,
        target: str,
        *,
        seed: int | None = None,
        rate: str | float | None = None,
        time_scale: float | None = None,
        engine: str | None = None,
        workers: int | None = None,
        settings: Mapping[str, str | bool | int | float] | None = None,
        headers: Mapping[str, str] | None = None,
        allow_remote: Sequence[str] | None = None,
        tls_ca: str | None = None,
        tls_server_name: str | None = None,
        tls_verify: bool | None = None,
        users: int | None = None,
        spawn_rate: float | None = None,
        run_time: str | None = None,
        keep_invalid: bool | None = None,
    ) -> RunResult:
        """Make a run and return it; the options are those of `bench run`, None stands for "not said".

        `scenario` is a scenario's name or the path of a locustfile, `target` a target's name or a URL. A run that is invalid
        raises RunFailed, because nothing may be asserted on its numbers; `keep_invalid=True` returns it instead. Raises
        BadRequest with every problem at once, RunFailed when something would not start, and KeyboardInterrupt when
        somebody stopped it; in each case nothing is left running.
        """
        __tracebackhide__ = True
        said = {
            name: value for name, value in locals().items() if value is not None and name in RunOptions.model_fields
        }
        problems = _place_problems()
        sources = {**self.defaults, "@pytest.mark.gatebench": self.marked(), "gatebench.run()": said}
        options = read_options(sources, problems)
        headers_sent = header_values(options.headers, "gatebench.run()", problems)
        problems += header_problems(headers_sent)
        plan = self._plan(scenario, target, options, problems)
        if plan is None or problems:
            raise BadRequest(problems)
        with _alone(self.out) as refused:
            if refused is not None:
                raise BadRequest([refused])
            how = making.Making(
                options.command(scenario, target), partial(watcher, quiet=False), headers_sent, self.workspace
            )
            made = making.make(plan, self.out, how)
        return self._result(made, keep_invalid=options.keep_invalid)

    def __repr__(self) -> str:
        return f"<gatebench, runs go below {shown(self.out)}>"

    def _plan(self, scenario: str, target: str, options: RunOptions, problems: list[Problem]) -> Plan | None:
        """Return the plan, or None with every reason why there is none."""
        content = Content(self.workspace)
        request = options.request(scenario, target)
        try:
            if is_locustfile(scenario):
                return make_locustfile_plan(request, content)
            return make_plan(request, content, known_metrics())
        except ConfigurationError as error:
            problems.extend(error.problems)
            return None

    def _result(self, made: making.Made, *, keep_invalid: bool) -> RunResult:
        __tracebackhide__ = True
        folder = made.folder.path if made.folder else None
        result = RunResult(folder, made.summary) if folder and made.summary else None
        if folder is not None:
            self.made(folder, result.verdict if result else "unread", result)
        if made.code == _INTERRUPTED:
            kept = f"; what was measured until then is in {shown(folder)}" if folder else ""
            raise KeyboardInterrupt(f"the run was interrupted{kept}")
        if isinstance(made.error, ConfigurationError):
            raise BadRequest(made.error.problems)
        if made.error is not None or result is None:
            raise RunFailed(_environment(made.error, folder))
        if result.verdict == "invalid" and not keep_invalid:
            raise RunFailed(f"This measurement cannot be trusted.\n{result.explain()}")
        return result


def _environment(error: BaseException | None, folder: Path | None) -> str:
    """Return what would not start, with its last log lines."""
    lines = [f"The environment failed: {error}"]
    if isinstance(error, EnvironmentFailure):
        lines += [f"  │ {line}" for line in error.log_tail]
    return "\n".join([*lines, *([f"  run     {shown(folder)}"] if folder else [])])


def _place_problems() -> list[Problem]:
    """Return what is wrong with where we are: a run needs the main thread, and sockets that nobody replaced."""
    problems = []
    if threading.current_thread() is not threading.main_thread():
        cure = "Call it from the test itself; Ctrl-C must be able to end the run."
        problems.append(Problem("gatebench.run()", "is called in a thread.", cure))
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and getattr(monkey, "saved", None):
        cure = "Import locust (or gevent.monkey) in no test and no conftest.py of this pytest process."
        problems.append(Problem("gatebench.run()", "finds this process's sockets replaced by gevent.", cure))
    return problems


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[Problem | None]:
    """Hold the place below `out` where one run is made at a time; pytest-xdist's processes wait for each other here."""
    with contextlib.ExitStack() as held:
        try:
            out.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context((out / _LOCK).open("w"))
        except OSError as error:
            yield Problem(f"gatebench_out {out}", f"cannot be written: {error.strerror}.", "Choose another folder.")
            return
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield None
