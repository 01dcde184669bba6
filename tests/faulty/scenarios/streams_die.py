"""Streams of the first provider die after three tokens, then before their first: they end visibly cut, then are saved."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

STEADY = {"kind": "constant", "ttft_ms": 20, "token_ms": 5}  # three tokens take longer than a retry may be early

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=12, stream=True),
    load=poisson("100/s"),
    providers={name: {"latency": STEADY} for name in ("provider-a", "provider-b")},
    phases=[
        phase("baseline", "2s"),
        phase("cut", "3s", role="fault", faults=[fault("stream-cut", on="provider-a", after_tokens=3)]),
        phase("between", "1s", role="recovery"),
        phase("early", "3s", role="fault", faults=[fault("provider-drops", on="provider-a")]),
    ],
    objective={"response_ms": 500},
    needs=("streaming",),
    target_settings={"breaker_failures": 1000, "breaker_window": "100ms", "breaker_open": "100ms"},
    checks=[
        check("duplicate_tokens", at_most=0),
        check("retries_after_first_byte", at_most=0),
        check("useless_retries", at_most=0),
        check("duplicate_execution", at_most=0),
        check("streams_saved", phase="early", at_least=0.95),
    ],
)
