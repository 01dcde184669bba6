"""What `bench aa` found, in a terminal 80 columns wide: alarms, noise, what a gate sees and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from gatebench.cli import say
from gatebench.experiment.findings import percent_or_amount

if TYPE_CHECKING:
    from gatebench.experiment.findings import Alarms, Findings, MeasureNoise


def print_findings(found: Findings, folder: Path | None = None, kept: Path | None = None) -> None:
    """Print everything that was found, and where it is kept."""
    console = say.out()
    console.print()
    console.print(
        f"[bold]{escape(found.scenario)}[/bold] on [bold]{escape(found.target)}[/bold] against itself: {found.pairs} "
        f"pairs of identical rounds, {found.pair_s:.1f} s a pair"
    )
    for table in (_alarms(found), _noise(found), _seen(found), _smallest(found)):
        console.print()
        console.print(table)
    console.print()
    for sentence in found.sentences:
        console.print(Padding(f"• {escape(sentence)}", (0, 0, 0, 2), expand=False))
    for sentence in found.left_out:
        console.print(Padding(f"[yellow]![/yellow] {escape(sentence)}", (0, 0, 0, 2), expand=False))
    console.print()
    if kept is not None:
        console.print(f"noise       {kept}", soft_wrap=True, markup=False)
    if folder is not None:
        console.print(f"experiment  {folder}", soft_wrap=True, markup=False)


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(first)
    for title in others:
        table.add_column(title, justify="right")
    return table


def _alarms(found: Findings) -> RenderableType:
    table = _table("alarms where nothing changed", "alarms", "share", "exact 95 %")
    looks = ", ".join(str(look) for look in found.looks)
    rows: list[tuple[str, Alarms | None]] = [
        ("gates made of these pairs, in order", found.live),
        ("rule “p99 is 10 % slower”, each pair", found.plain),
        ("simulated gates", found.nothing.alarms),
        ("simulated gates, nothing tolerated", found.bare),
    ]
    for title, alarms in rows:
        if alarms is None:
            table.add_row(title, "no p99", "", "")
        else:
            share = f"{alarms.share * 100:.2f} %" if alarms.of else "–"
            table.add_row(title, f"{alarms.count} of {alarms.of}", share, _ends(alarms))
    table.caption = f"a gate looks after {looks} pairs; pairs are drawn in blocks of {found.block}"
    table.caption_justify = "left"
    return table


def _ends(alarms: Alarms) -> str:
    return f"{alarms.low * 100:.2f} … {alarms.high * 100:.2f} %"


def _noise(found: Findings) -> RenderableType:
    table = _table("noise", "level", "rounds", "pairs", "memory", "drift", "tolerance", "floor")
    for one in found.measures:
        drift = percent_or_amount(one, one.drift) + ("*" if one.drift_p < 0.05 else "")
        memory = f"{one.memory:+.2f}" + ("*" if abs(one.memory) > one.memory_limit else "")
        table.add_row(
            _name(one),
            _level(one),
            percent_or_amount(one, one.rounds),
            percent_or_amount(one, one.pairs),
            memory,
            drift,
            percent_or_amount(one, one.margin),
            "unknown" if one.floor is None else percent_or_amount(one, one.floor),
        )
    table.caption = "standard deviations between rounds and within pairs; * more than chance"
    table.caption_justify = "left"
    return table


def _name(one: MeasureNoise) -> str:
    metric, at, phase = one.label.partition("@")
    # With spaces, where a narrow terminal may break it.
    short = metric.removeprefix("response_").removesuffix("_ms").replace("_", " ")
    return escape(short if phase in {"", "baseline"} else short + at + phase)


def _level(one: MeasureNoise) -> str:
    if one.unit == "share":
        return f"{one.level * 100:.2f} %"
    return f"{one.level:.3g} {one.unit}"


def _seen(found: Findings) -> RenderableType:
    table = _table("change", "alarms", "passes", "cannot tell", "pairs", "takes", "saved")
    for scene in found.scenes:
        alarms = scene.alarms.share * 100
        table.add_row(
            scene.change,
            f"{alarms:.2f} %",
            f"{scene.passed * 100:.1f} %",
            f"{scene.undecided * 100:.1f} %",
            f"{scene.mean_pairs:.1f}",
            f"{scene.mean_pairs * found.pair_s:.0f} s",
            f"{(1 - scene.mean_pairs / found.gate_pairs) * 100:.0f} %",
        )
    full = found.gate_pairs * found.pair_s
    table.caption = f"{found.gates} simulated gates a line; one that never stops early takes {full:.0f} s"
    table.caption_justify = "left"
    return table


def _smallest(found: Findings) -> RenderableType:
    sizes = dict.fromkeys((one.pairs, one.power) for measure in found.measures for one in measure.detectable)
    table = _table("smallest change seen", *(f"{pairs} pairs, {power * 100:.0f} %" for pairs, power in sizes))
    for measure in found.measures:
        cells = ["none" if one.change is None else _change(measure, one.change) for one in measure.detectable]
        table.add_row(_name(measure), *cells)
    return table


def _change(measure: MeasureNoise, change: float) -> str:
    if measure.relative:
        return f"{change * 100:.1f} %"
    return percent_or_amount(measure, change)
