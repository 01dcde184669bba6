"""Turns what somebody orders by hand into planned faults whose windows count from now, or into every reason why not."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

from gatebench.content import Content
from gatebench.errors import ConfigurationError, Problem
from gatebench.execution.breaking import Ground, Stretch, seed_of, use_windows
from gatebench.execution.desk_state import DeskState
from gatebench.execution.places import Places, overlapping
from gatebench.execution.toxiproxy.client import Engine
from gatebench.faults import FaultDefinition, FaultUse, Value
from gatebench.plan import PlannedFault
from gatebench.units import duration_s

_NS = 1_000_000_000
_LONGEST_S = 86_400.0


@dataclass(frozen=True)
class Order:
    """One fault as the command line asks for it."""

    fault: str
    on: str
    lasting: str
    settings: tuple[str, ...] = ()


def single_fault(order: Order, desk: DeskState | None, problems: list[Problem]) -> list[PlannedFault]:
    """Return the one window of an order, from now on; what is wrong with it goes to `problems`.

    Without a desk, which is a problem already, the fault is looked at as far as it can be.
    """
    content = Content()
    use, length_s = _use(order, content, problems)
    where = f"bench chaos inject {order.fault}"
    if desk is None:
        return []
    if use is None:
        known = {name for layer in ("link", "provider", "process") for name in desk.where().of(layer)}
        if order.on not in known:
            problems.append(
                Problem(
                    f"--on {order.on}", "there is no such place here.", f"Choose one of: {', '.join(sorted(known))}."
                )
            )
        return []
    ground = Ground(content, desk.where(), where, engine=desk.engine.kind)
    return use_windows(use, Stretch("", 0, round(length_s * _NS)), ground, 0, problems)


def whole_plan(
    name: str, lasting: str | None, seed: int, desk: DeskState | None, problems: list[Problem]
) -> list[PlannedFault]:
    """Return the windows of a fault plan, from now on; what is wrong with it goes to `problems`."""
    content = Content()
    try:
        plan = content.fault_plan(name)
        length_s = _length_s(lasting, problems)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return []
    uses = plan.uses()
    longest_s = max(duration_s(use.after) + duration_s(use.duration or "0s") for use in uses)
    if longest_s > _LONGEST_S:
        problems.append(Problem(f"chaos/{name}.toml", "lasts longer than a day.", "Shorten its windows."))
    if lasting is None and any(use.duration is None for use in uses):
        what = "has a window without an end of its own."
        problems.append(Problem(f"chaos/{name}.toml", what, "Say how long the plan is, as in --for 30s."))
    if desk is None or problems:
        return []
    end_s = length_s or longest_s
    ground = Ground(content, desk.where(), f"chaos/{name}.toml", engine=desk.engine.kind)
    found: list[PlannedFault] = []
    for number, use in enumerate(uses, start=1):
        found += use_windows(use, Stretch("", 0, round(end_s * _NS)), ground, seed_of(seed, number), problems)
    for place, first in enumerate(found):
        whys = (overlapping(first, second) for second in found[place + 1 :])
        problems += [Problem(ground.where, why, "Move one of the two windows.") for why in whys if why]
    return [fault.model_copy(update={"chaos": name}) for fault in found]


def foreign_fault(order: Order, engine: Engine, problems: list[Problem]) -> PlannedFault | None:
    """Return an order as a fault on a proxy of ours at a server that somebody else runs."""
    content = Content()
    use, length_s = _use(order, content, problems)
    if use is None:
        return None
    there = engine.state()
    links = {name: name for name in there}
    found = [name for name in links if name == use.on or name.endswith(f"-{use.on}")]
    if len(found) == 1:
        use = use.model_copy(update={"on": found[0]})
    ground = Ground(
        content,
        Places(link=links),
        f"bench chaos inject {order.fault}",
        engine="embedded" if engine.is_embedded() else "toxiproxy",
    )
    windows = use_windows(use, Stretch("", 0, round(length_s * _NS)), ground, 0, problems)
    if windows and windows[0].definition.mechanism == "link.down" and not there[use.on].enabled:
        what = f"{use.on} is down already: the end of the first would end the second."
        problems.append(Problem(ground.where, what, f"Clear it first: bench chaos clear --engine {engine.url}."))
    return windows[0].model_copy(update={"id": f"hand-{secrets.token_hex(4)}", "manual": True}) if windows else None


def _use(order: Order, content: Content, problems: list[Problem]) -> tuple[FaultUse | None, float]:
    length_s = _length_s(order.lasting, problems)
    try:
        definition = content.fault(order.fault)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None, length_s
    parameters = _parameters(order, definition, problems)
    if length_s <= 0 or not order.on:
        return None, length_s
    return FaultUse(name=order.fault, on=order.on, duration=order.lasting, parameters=parameters), length_s


def _length_s(text: str | None, problems: list[Problem]) -> float:
    """Return a duration above nothing and of at most a day; 0 when there is none, or a wrong one."""
    if text is None:
        return 0.0
    try:
        length_s = duration_s(text)
    except ValueError as error:
        problems.append(Problem(f"--for {text}", f"{error}.", "Write for instance 30s."))
        return 0.0
    if not 0 < length_s <= _LONGEST_S:
        problems.append(Problem(f"--for {text}", "must lie above 0 and be a day at most.", "Write for instance 30s."))
        return 0.0
    return length_s


def _parameters(order: Order, definition: FaultDefinition, problems: list[Problem]) -> dict[str, Value]:
    """Return KEY=VALUE settings as the parameters that they mean; `latency_ms` is `latency`, whose unit is ms."""
    known = definition.settings
    units = {f"{name}_{one.unit}": name for name, one in known.items() if one.unit.isidentifier()}
    found: dict[str, Value] = {}
    for setting in order.settings:
        key, equals, text = setting.partition("=")
        name = units.get(key.strip(), key.strip())
        if not equals:
            problems.append(Problem(f"--set {setting}", "has no KEY=VALUE form.", "Write --set key=value."))
        elif name in known:
            found[name] = _value(text.strip(), known[name].default)
        else:
            found[name] = text.strip()  # its name is the problem
    return found


def _value(text: str, like: Value) -> Value:
    """Return `text` as a number where one is wanted; what is none stays text, and its refusal says so."""
    if isinstance(like, str):
        return text
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if isinstance(number, int) or math.isfinite(number) else text
    return text
