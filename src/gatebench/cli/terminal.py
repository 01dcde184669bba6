"""What a run looks like in a terminal 80 columns wide: the verdict, the phases, the checks, where the report is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from gatebench.analysis.wording import text
from gatebench.cli import say
from gatebench.cli.overhead import overhead_tables
from gatebench.cli.plot import plot, timeline

if TYPE_CHECKING:
    from gatebench.plan import Plan
    from gatebench.run.folder import RunFolder
    from gatebench.run.summary import CheckResult, MetricValue, Summary

_VERDICTS = {"pass": ("✓", "green"), "fail": ("✗", "red"), "inconclusive": ("?", "yellow"), "invalid": ("!", "magenta")}
_CHECKS = {"pass": ("✓", "green"), "fail": ("✗", "red"), "unknown": ("?", "yellow"), "n/a": ("–", "dim")}
_COLUMNS = (
    ("p50 ms", "response_p50_ms"),
    ("p95 ms", "response_p95_ms"),
    ("p99 ms", "response_p99_ms"),
    ("good %", "availability"),
)
_FACTS = (
    ("failover time", "failover_time_s"),
    ("time to recover", "time_to_recover_s"),
    ("requests lost", "requests_lost"),
    ("requests duplicated", "duplicate_execution"),
)


def print_summary(summary: Summary, folder: RunFolder) -> None:
    """Print what came of a run."""
    console = say.out()
    symbol, colour = _VERDICTS[summary.verdict]
    console.print()
    invalid = summary.verdict == "invalid"
    console.print(f"[bold {colour}]{symbol} {summary.verdict.upper()}[/bold {colour}]  {escape(summary.headline)}")
    for reason in summary.reasons if invalid else ():
        console.print(Padding(f"• {escape(reason)}", (0, 0, 0, 2), expand=False))
    for warning in summary.warnings:
        console.print(Padding(f"[yellow]![/yellow] {escape(warning)}", (0, 0, 0, 2), expand=False))
    console.print()
    console.print(_phase_table(summary))
    facts = [(label, _metric(summary, name)) for label, name in _FACTS]
    if any(metric is not None for _, metric in facts):
        console.print()
        for label, metric in facts:
            if metric is not None:
                console.print(f"  {label:<20} {escape(amount(metric))}{_of_them(summary, metric)}")
    for table in overhead_tables(summary):
        console.print()
        console.print(table)
    console.print()
    for check in summary.checks:
        console.print(_check_line(check))
    console.print(f"\n[dim]{escape(' '.join(summary.ledger.sentences[:1]))}[/dim]")
    console.print(f"report  {folder.report}", soft_wrap=True, markup=False)


def _of_them(summary: Summary, metric: MetricValue) -> str:
    """Return how many of the lost requests were refused."""
    from gatebench.analysis.headline import refused  # not before the run, for it brings pandas

    on_purpose = refused(summary.metrics) if metric.name == "requests_lost" else 0
    return f", {on_purpose} of them refused" if on_purpose else ""


def _phase_table(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("phase")
    for title in ("requests", *(title for title, _ in _COLUMNS)):
        table.add_column(title, justify="right")
    for phase in summary.phases:
        if phase.role == "warmup":
            continue
        cells = [_metric(summary, name, phase.name) for _, name in _COLUMNS]
        if any(cell is not None for cell in cells):
            table.add_row(phase.name, str(max(cell.n for cell in cells if cell)), *(_cell(cell) for cell in cells))
    return table


def _metric(summary: Summary, name: str, phase: str | None = None) -> MetricValue | None:
    found = [m for m in summary.metrics if m.name == name and m.route is None]
    return next((m for m in found if m.phase == phase), found[0] if phase is None and found else None)


def _cell(metric: MetricValue | None) -> str:
    if metric is None:
        return "–"
    if metric.value is None:
        return metric.status
    if metric.name == "availability":
        return f"{metric.value * 100:.2f}"
    return f"{metric.value:.1f}"


def amount(metric: MetricValue) -> str:
    """Return a metric in words: its value with unit, or why there is none."""
    if metric.value is None:
        return f"{metric.status}: {metric.why}"
    sign = "> " if metric.status == "censored" else ""
    if metric.unit == "share":
        return f"{sign}{metric.value * metric.n:.0f} of {metric.n}"
    if metric.unit == "s":
        return f"{sign}{metric.value:.3f} s"
    return f"{sign}{metric.value:g} {metric.unit}".strip()


def _check_line(check: CheckResult) -> RenderableType:
    symbol, colour = _CHECKS[check.verdict]
    line = f"  [{colour}]{symbol} {check.verdict:<7}[/{colour}] {escape(check.sentence)}{_found(check)}"
    return (
        Group(line, Padding(f"[dim]{escape(check.why)}[/dim]", (0, 0, 0, 12), expand=False))
        if check.verdict != "pass" and check.why
        else line
    )


def _found(check: CheckResult) -> str:
    """Return what a check found, with the interval that it judged where there is one."""
    if check.value is None:
        return ""
    found = f"{'above ' if check.censored else ''}{text(check.value)}"
    if check.estimate == "interval" and check.low is not None and check.high is not None and check.low < check.high:
        found += f" [dim]({text(check.low)} to {text(check.high)})[/dim]"
    return f": {found}"


def requests(plan: Plan) -> str:
    """Return how many requests a run holds, with a blank behind; of a closed load, which nobody knows, its users."""
    users, locustfile = plan.load.users, plan.load.locustfile
    if locustfile is not None:
        return f"{locustfile.users} users " if locustfile.users else ""
    return f"{plan.load.scheduled} requests " if users is None else f"{users.count} users "


def print_plan(plan: Plan, due_ns: Sequence[int]) -> None:
    """Print what a run would do, its schedule drawn."""
    console = say.out()
    console.print(
        f"[bold]{escape(plan.scenario)}[/bold] on [bold]{escape(plan.target.name)}[/bold]: {escape(plan.title)}"
    )
    load = plan.load
    console.print(
        f"  {escape(load.load.sentence())}, {requests(plan)}in {load.duration_ns / 1e9:g} s, {load.workers} worker(s), "
        f"up to {load.pool} in flight, seed {plan.seed}"
    )
    if len(plan.lanes) > 1:
        console.print(f"  dealt to the lanes {', '.join(plan.lanes)}; past the gateway lies {plan.control_provider()}")
    if load.users is None and load.locustfile is None:
        console.print()
        console.print(*plot(due_ns, load.duration_ns, plan.phases), sep="\n")
        console.print()
    if plan.faults:
        console.print(*timeline(plan.faults, load.duration_ns), sep="\n")
        console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), header_style="bold")
    for title in ("from", "to", "phase", "breaks"):
        table.add_column(title)
    for phase in plan.phases:
        faults = dict.fromkeys(f"{fault.name} on {fault.on}" for fault in plan.faults if fault.phase == phase.name)
        table.add_row(f"{phase.start_ns / 1e9:g} s", f"{phase.end_ns / 1e9:g} s", phase.name, ", ".join(faults) or "–")
    console.print(table)
    for check in plan.checks:
        bound = f"≥ {check.at_least:g}" if check.at_least is not None else f"≤ {check.at_most:g}"
        console.print(f"  check {check.metric}{f' in {check.phase}' if check.phase else ''} {bound}")
    settings = ", ".join(f"{key}={value}" for key, value in plan.target.settings.items())
    if settings:
        console.print(f"  settings {escape(settings)}")
    for warning in plan.warnings:
        console.print(f"  [yellow]![/yellow] {escape(warning)}")
