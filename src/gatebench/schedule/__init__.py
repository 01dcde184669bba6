"""When requests are due: loads that are fixed by a seed before anything starts, and closed ones under their own name."""

from gatebench.schedule.arrivals import MAX_ARRIVALS, due_times_ns
from gatebench.schedule.closed import ThinkTimes, Users, users
from gatebench.schedule.curve import Rate
from gatebench.schedule.load import AnyLoad, Mixed, Trace, mixed, trace
from gatebench.schedule.locustfile import Locustfile
from gatebench.schedule.open import Load, breakpoint, constant, poisson, ramp, sine, spike, steps
from gatebench.schedule.schedule import DRAWN, NS_PER_S, DueTimes, Schedule, phase_of, replayed, schedule_of, share
from gatebench.schedule.trace_file import read_trace

__all__ = [
    "DRAWN",
    "MAX_ARRIVALS",
    "NS_PER_S",
    "AnyLoad",
    "DueTimes",
    "Load",
    "Locustfile",
    "Mixed",
    "Rate",
    "Schedule",
    "ThinkTimes",
    "Trace",
    "Users",
    "breakpoint",
    "constant",
    "due_times_ns",
    "mixed",
    "phase_of",
    "poisson",
    "ramp",
    "read_trace",
    "replayed",
    "schedule_of",
    "share",
    "sine",
    "spike",
    "steps",
    "trace",
    "users",
]
