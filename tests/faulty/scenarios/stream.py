"""Streams that flow, streams that the provider cuts, and clients that leave long ones."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat, mix

scenario = Scenario(
    traffic=mix(
        chat(tenants=3, prompt_words=5, stream=True, max_tokens=24, weight=5),
        chat(tenants=3, prompt_words=5, stream=True, name="abandoned", max_tokens=3000, weight=1),
    ),
    load=poisson("30/s"),
    phases=[
        phase("baseline", "8s"),
        phase("cut", "5s", role="fault", faults=[fault("stream-cut", on="provider-a", after_tokens=8)]),
    ],
    objective={"response_ms": 1000},
    deadlines={"total": "1s"},
    target_settings={"breaker_failures": 1000, "breaker_window": "1s", "breaker_open": "1s"},
    checks=[
        check("ttft_added_p50_ms", phase="baseline", route="chat-stream", at_most=18),
        check("ttft_p99_ms", phase="baseline", route="chat-stream", at_most=350, estimate="point"),
        check("stalls_added", phase="baseline", route="chat-stream", at_most=0.15),
        check("lost_tokens", at_most=0),
        check("duplicate_tokens", at_most=0),
        check("silent_truncation", at_most=0),
        check("false_endings", at_most=0),
        check("work_after_leaving", at_most=0),
    ],
)
