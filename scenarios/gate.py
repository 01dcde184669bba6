"""A short run made to be repeated: is this build of the gateway slower, or worse, than that one?"""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat, mix

# Providers that always take as long: what differs between two rounds is the gateway, or the machine.
_STEADY = {"latency": {"kind": "constant", "ttft_ms": 20}}

scenario = Scenario(
    traffic=mix(
        chat(tenants=3, weight=3),
        chat(tenants=3, stream=True, weight=1),
    ),
    load=poisson("100/s"),  # 50/s through the gateway, and as many past it: a load that leaves a busy machine room
    lanes=("target", "direct"),
    providers={"provider-a": _STEADY, "provider-b": _STEADY},
    phases=[
        phase("warmup", "1s"),
        phase("baseline", "5s"),  # about 250 pairs; the p95 of what the gateway adds needs 200
    ],
    objective={"response_ms": 250},
    checks=[
        check("error_share", phase="baseline", at_most=0.0, estimate="point"),
        check("wrong_answer", at_most=0),
    ],
)
