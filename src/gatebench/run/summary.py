"""What summary.json holds: the reading of one run, versioned, with its JSON Schema published from these models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gatebench.run.folder import SUMMARY_SCHEMA

Verdict = Literal["pass", "fail", "inconclusive", "invalid"]
CheckVerdict = Literal["pass", "fail", "unknown", "n/a"]

EXIT_CODES: dict[Verdict, int] = {"pass": 0, "fail": 1, "invalid": 3, "inconclusive": 4}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Finding(_Part):
    """One question to the validity of the measurement: what was measured against which limit."""

    name: str = Field(description="short name, stable between versions")
    status: Literal["ok", "invalid", "unknown"]
    sentence: str = Field(description="what was found and, when it is not ok, what to do about it")
    measured: float | None = None
    limit: float | None = None
    unit: str = ""


class Ledger(_Part):
    """The books.

    scheduled + further = sent + unsent(pool) + unsent(generator) + unsent(stopped) + unsent(task); sent = ok + rejected + error
    + timeout + in flight. A locustfile has no schedule: `scheduled` is then what Locust's own statistics counted.
    """

    scheduled: int
    sent: int
    unsent_pool: int
    unsent_generator: int
    unsent_stopped: int
    unsent_task: int = Field(default=0, description="arrivals whose task asked for nothing, or raised before it did")
    further: int = Field(default=0, description="requests beyond the first of their arrival, which a task asked for")
    ok: int
    rejected: int
    error: int
    timeout: int
    in_flight: int
    missing: int = Field(description="arrivals that were due and have no row")
    doubled: int = Field(description="rows beyond the first for the same request id")
    balances: bool
    causes: dict[str, int] = Field(description="rows by cause, load and warm-up together")
    attempts: int | None = Field(description="arrivals at our providers, canaries left out; null without a ledger")
    attempts_joined: int | None = Field(description="attempts whose request id is a sample's")
    attempts_foreign: int | None = Field(description="attempts that carry no request id, or one of no sample")
    answers_joined: int | None = Field(description="ok samples whose stamp names an attempt in the ledger")
    answers_unjoined: int | None = Field(description="ok answers that should carry a stamp and name no attempt")
    client_resends: int | None = Field(
        description="requests that the client put on the wire more than once; null when that cannot be known"
    )
    sentences: list[str] = Field(description="the books in words, each imbalance named")


class PhaseWindow(_Part):
    """A phase: its planned window and the effective one (cut at the acknowledged edges of its faults).

    Seconds from the start of the load.
    """

    name: str
    role: str
    planned_start_s: float
    planned_end_s: float
    start_s: float
    end_s: float


class MetricValue(_Part):
    """One number of one metric in one scope, with its interval; unknown and censored say why."""

    name: str
    title: str
    unit: str
    better: Literal["lower", "higher", "neither"]
    phase: str | None = None
    route: str | None = None
    status: Literal["known", "unknown", "censored"]
    value: float | None = None
    low: float | None = Field(default=None, description="lower end of the interval; null when the data show none")
    high: float | None = Field(default=None, description="upper end of the interval; null when the data show none")
    confidence: float | None = Field(default=None, description="of the interval; null when it is a resolution in time")
    judged_low: float | None = Field(default=None, description="lower end that checks use, alpha = 0.001")
    judged_high: float | None = Field(default=None, description="upper end that checks use, alpha = 0.001")
    n: int = Field(default=0, description="rows or events behind the number")
    why: str = ""


class CheckResult(_Part):
    """A check: its bound, the number it judged, the verdict, and rows that show it."""

    sentence: str
    metric: str
    phase: str | None = None
    route: str | None = None
    bound: float
    direction: Literal["at_least", "at_most"]
    estimate: Literal["interval", "point"]
    unit: str
    verdict: CheckVerdict
    value: float | None = None
    censored: bool = Field(
        default=False, description="the moment was not reached: all that is known is that it is above value"
    )
    low: float | None = Field(default=None, description="lower end of the interval that was judged, alpha = 0.001")
    high: float | None = Field(default=None, description="upper end of the interval that was judged, alpha = 0.001")
    n: int = 0
    why: str = ""
    evidence: list[dict[str, Any]] = Field(default_factory=list)


class FaultTimes(_Part):
    """A fault that was planned, and the six times of it, seconds from the start of the load; null means it did not happen."""

    id: str
    name: str
    on: str
    layer: str
    effect: str
    planned_start_s: float
    planned_end_s: float
    requested_s: float | None = None
    acknowledged_s: float | None = None
    proven_s: float | None = None
    clear_requested_s: float | None = None
    cleared_s: float | None = None
    proven_clear_s: float | None = None
    bit: bool | None = None
    gone: bool | None = None
    fidelity: float | None = None
    hits: int | None = None
    part: str = Field(default="", description="which window of a flapping or random fault, as in 2 of 5")
    chaos: str = Field(default="", description="the fault plan that it comes from; empty: the scenario itself")
    manual: bool = Field(default=False, description="somebody injected it from a second terminal")
    sentence: str = ""


class OverheadLine(_Part):
    """One estimate of what the gateway adds, over the whole run, and the same estimate for two equal paths past it."""

    metric: str = Field(description="name of the metric; its floor is a metric of its own")
    title: str
    unit: str
    pairs: int = Field(description="pairs behind the number")
    left_out: int = Field(description="pairs of which one side was not answered completely")
    value: float | None = None
    low: float | None = None
    high: float | None = None
    floor: float | None = Field(default=None, description="the same estimate between two equal paths: our own noise")
    floor_low: float | None = None
    floor_high: float | None = None
    distinguishable: bool | None = Field(
        description="whether the interval lies beyond what the floor's interval reaches; null when either is unknown"
    )
    why: str = ""


class ProcessCost(_Part):
    """What one process used for each request that passed through it, warm-up left out."""

    process: str
    role: Literal["target", "provider", "links", "load", "other"]
    unit: str = "µs/request"
    counted: str = Field(description="what was counted as a request of this process")
    status: Literal["known", "unknown"]
    value: float | None = Field(default=None, description="processor time ÷ requests")
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    cpu_s: float = Field(description="processor seconds that were read")
    requests: int
    why: str = ""


class Summary(_Part):
    """One run, read."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, title="gatebench summary")

    schema_version: str = Field(default=SUMMARY_SCHEMA, alias="schema")
    run_id: str
    scenario: str
    title: str
    target: str
    engine: str
    seed: int
    status: str
    evidence: str
    verdict: Verdict
    exit_code: int
    headline: str
    reasons: list[str]
    deaths: list[str] = Field(
        default_factory=list,
        description="processes of the target that ended by themselves, in words; such a round counts in no comparison",
    )
    warnings: list[str]
    validity: list[Finding]
    ledger: Ledger
    phases: list[PhaseWindow]
    faults: list[FaultTimes]
    metrics: list[MetricValue]
    checks: list[CheckResult]
    served: dict[str, dict[str, int]] = Field(
        description="phase → provider (or 'nobody') → good, complete answers it made"
    )
    overhead: list[OverheadLine] = Field(
        default_factory=list, description="what the gateway adds; empty in a run without control lanes"
    )
    cpu: list[ProcessCost] = Field(default_factory=list, description="processor time for each request, by process")
