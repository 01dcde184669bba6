"""What was asked for on the command line becomes requests, and requests become plans: every problem at once, nothing started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatebench.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from gatebench.content import Content, LoadedTarget
    from gatebench.execution.asking import RunRequest
    from gatebench.plan import Plan
    from gatebench.suite import Suite


@dataclass(frozen=True)
class Wanted:
    """Every scenario on every target, the request of each, the plan of each for the first seed, and what goes into headers.

    `left_out` are targets that `all` does not stand for, because they lack what the sentence says; `absent` are those that were
    named, lack something, and are left out so that the others go on.
    """

    content: Content
    scenarios: tuple[str, ...]
    targets: tuple[str, ...]
    requests: Mapping[tuple[str, str], RunRequest]
    plans: Mapping[tuple[str, str], Plan]
    headers: dict[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    def plan(self, scenario: str, target: str, seed: int) -> Plan:
        """Return the plan of a run with a seed of its own. Raises ConfigurationError."""
        return planned(replace(self.requests[scenario, target], seed=seed), self.content)


def wanted(
    scenarios: Iterable[str],
    targets: Iterable[str],
    options: Mapping[str, Any],
    problems: list[Problem],
    *,
    settings: Iterable[str] = (),
    header: Iterable[str] = (),
    allow_remote: Iterable[str] = (),
    suite: Suite | None = None,
    named: str | None = "SCENARIO",
    others_go_on: bool = False,
) -> Wanted:
    """Return what is wanted, planned; `options` are the fields of a RunRequest, to which a `suite` adds its own; `named` is how
    scenarios are named here (None: that there is none has been said).

    Whatever is wrong goes to `problems`; but where `others_go_on`, a target that cannot be started here is left out as long as two
    are left. `all` targets are those that are ready here; what the others lack is in `left_out`.
    """
    from gatebench.cli.options import commas, headers, pairs
    from gatebench.comparing.order import SIDES_OF_A_PAIR
    from gatebench.content import Content
    from gatebench.execution.asking import RunRequest
    from gatebench.execution.locustfile_plan import is_locustfile

    content = Content()
    names, chosen = commas(scenarios), commas(targets)
    if not chosen:
        cure = f"Add --target NAME; the targets are: {', '.join(content.target_names())}."
        problems.append(Problem("--target", "is missing.", cure))
    if not names and named is not None:
        cure = f"Name one; the scenarios are: {', '.join(content.scenario_names())}."
        problems.append(Problem(named, "is missing.", cure))
    left_out: dict[str, str] = {}
    absent: dict[str, str] = {}
    if chosen == ["all"]:
        chosen, left_out = _ready(content, problems)
    elif others_go_on:
        absent = _absent(content, chosen)
        if len(chosen) - len(absent) >= SIDES_OF_A_PAIR:
            chosen = [target for target in chosen if target not in absent]
        else:
            absent = {}
    sent = headers(header, problems)
    set_to = pairs("--set", settings, problems)
    if sent and any(is_locustfile(name) for name in names):
        cure = "Set headers in the file: self.client.headers of an HttpUser, default_headers of a FastHttpUser."
        problems.append(Problem(f"--header {', '.join(sent)}", "does not reach a locustfile's requests.", cure))
    requests, plans = {}, {}
    for name in names:
        for target in chosen or ["direct"]:
            request = RunRequest(
                scenario=name,
                target=target,
                settings=set_to,
                allow_remote=tuple(commas(allow_remote)),
                **options,
            )
            if suite is not None:
                request = _of_suite(request, suite)
            requests[name, target] = request
            try:
                plans[name, target] = planned(request, content)
            except ConfigurationError as error:
                problems.extend(error.problems)
    return Wanted(content, tuple(names), tuple(chosen), requests, plans, sent, left_out, absent)


def _of_suite(request: RunRequest, suite: Suite) -> RunRequest:
    """Return the request with what a suite says of its scenario; `--set` goes over that."""
    entry = suite.entry(request.scenario)
    settings = {**entry.told(request.target), **request.settings}
    scale = request.time_scale * entry.time_scale
    return replace(request, settings=settings, rate=request.rate or entry.rate, time_scale=scale)


def _absent(content: Content, chosen: Iterable[str]) -> dict[str, str]:
    """Return the targets that cannot be started here, and what they lack, in sentences."""
    found = {}
    for target in chosen:
        name = target.partition(":")[0]
        if name in content.target_names():
            try:
                loaded = content.target(name)
            except ConfigurationError:
                continue  # its plan says what is wrong
            lacks = _lacks(loaded)
            if lacks:
                found[target] = " ".join(lacks)
    return found


def _lacks(loaded: LoadedTarget) -> list[str]:
    """Return what keeps a target from starting here, in sentences: programs, its environment, its port."""
    from gatebench.environments import lacking
    from gatebench.execution.topology.ports import is_free

    definition = loaded.definition
    found = [f"{one.what} {one.cure}" for one in lacking(definition, loaded.folder, loaded.own)]
    _, _, port = definition.listen.rpartition(":")
    if definition.front is not None and port.isdigit() and not is_free(int(port)):
        found.append(f'listens on {definition.listen}, which is in use. Free it, or write listen = "auto".')
    return found


def _ready(content: Content, problems: list[Problem]) -> tuple[list[str], dict[str, str]]:
    """Return the targets that can be started here, and what each of the others lacks, in sentences."""
    ready, left_out = [], {}
    for name in content.target_names():
        try:
            loaded = content.target(name)
        except ConfigurationError as error:
            problems.extend(error.problems)
            continue
        lacks = _lacks(loaded)
        if lacks:
            left_out[name] = " ".join(lacks)
        else:
            ready.append(name)
    return ready, left_out


def planned(request: RunRequest, content: Content) -> Plan:
    """Return the plan of a request for a scenario or a locustfile. Raises ConfigurationError with every problem."""
    from gatebench.analysis.metrics import known_metrics
    from gatebench.execution.locustfile_plan import is_locustfile, make_locustfile_plan
    from gatebench.execution.planning import make_plan

    if is_locustfile(request.scenario):
        return make_locustfile_plan(request, content)
    return make_plan(request, content, known_metrics())


def writable(out: Path, problems: list[Problem]) -> None:
    """Make the folder that receives runs; one that cannot be written is a problem."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".gatebench-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        problems.append(Problem(f"--out {out}", f"cannot be written: {error.strerror}.", "Choose another folder."))


def redacted(argv: list[str]) -> list[str]:
    """Return the command line with every header's value left out."""
    shown = []
    hide = False
    for word in argv[1:]:
        if hide:
            word = f"{word.partition('=')[0]}=…"  # noqa: PLW2901 - the word as it may be shown
        elif word.startswith("--header="):
            word = f"--header={word[9:].partition('=')[0]}=…"  # noqa: PLW2901 - as above
        shown.append(word)
        hide = word == "--header"
    return ["bench", *shown]
