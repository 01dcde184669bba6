"""The provider breaks off its streams, then stalls in them, and clients leave: nothing may look whole that is not.

A stream that broke off has to be seen as broken: by a cut connection or an error event, never by a clean end. A token must not come
twice when somebody else takes over. And when a client leaves, the provider has to stop: every token after that is paid for nobody.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat, mix

scenario = Scenario(
    traffic=mix(
        chat(tenants=5, stream=True, max_tokens=24, weight=4),
        chat(
            tenants=5, stream=True, name="abandoned", max_tokens=4000, weight=1
        ),  # about four seconds: longer than anybody waits
    ),
    load=poisson("40/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "12s"),
        phase("cut", "10s", role="fault", faults=[fault("stream-cut", on="provider-a", after_tokens=8)]),
        phase("recovery", "6s"),
        phase("stall", "10s", role="fault", faults=[fault("stream-stall", on="provider-a", after_tokens=8)]),
        phase("after", "6s", role="recovery"),
    ],
    objective={"response_ms": 1000},
    deadlines={"total": "1500ms"},
    needs=("streaming",),
    target_settings={"stream_idle_timeout": "1s", "breaker_window": "1s", "breaker_open": "1s"},
    checks=[
        check("silent_truncation", at_most=0),
        check("false_endings", at_most=0),
        check("duplicate_tokens", at_most=0),
        check("lost_tokens", at_most=0),
        check("work_after_leaving", at_most=0),
        check("cancellation_lag_p50_ms", route="abandoned", at_most=100),
    ],
)
