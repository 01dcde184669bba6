"""Plans of load alone, for the tests of this room."""

from __future__ import annotations

from typing import Any

from gatebench.plan import DeadlinesPlan, Plan
from gatebench.schedule import Load
from gatebench.traffic import Route
from tests.planned import MS, Knobs, S, make_plan


def load_plan(
    *,
    rate: str = "200/s",
    duration_s: float = 2.0,
    warmup_s: float = 0.0,
    arrivals: str = "even",
    workers: int = 1,
    pool: int = 1000,
    late_ms: int = 60_000,
    deadlines_ms: tuple[int, int, int] = (1000, 5000, 5000),
    stream: bool = False,
    **plan: Any,
) -> Plan:
    """Return a plan whose load is `rate` over `duration_s`; `deadlines_ms` are connect, read and total.

    It forgives lateness by default, so that a busy machine decides no test.
    """
    route = Route(name="chat", tenants=3, prompt_words=4, stream=stream)
    knobs = Knobs(warmup_s=warmup_s, baseline_s=duration_s - warmup_s, fault_s=0, recovery_s=0, routes=(route,))
    made = make_plan(knobs)
    load = made.load.model_copy(
        update={
            "load": Load.model_validate({"curve": "flat", "arrivals": arrivals, "rates": (rate,)}),
            "duration_ns": round(duration_s * S),
            "workers": workers,
            "pool": pool,
            "late_ns": late_ms * MS,
            "deadlines": DeadlinesPlan(
                **{f"{n}_ns": ms * MS for n, ms in zip(("connect", "read", "total"), deadlines_ms, strict=True)}
            ),
        }
    )
    planned = made.model_copy(update={"load": load, **plan})
    scheduled = len(planned.schedule().due_ns)
    return planned.model_copy(update={"load": load.model_copy(update={"scheduled": scheduled})})
