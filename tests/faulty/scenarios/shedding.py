"""Twice as many requests as there are places, a third of them of each priority."""

from gatebench import Scenario, check, phase, spike
from gatebench.traffic import chat, mix

SLOW = {"kind": "constant", "ttft_ms": 300}

scenario = Scenario(
    traffic=mix(
        *(
            chat(tenants=3, prompt_words=5, max_tokens=1, name=name, headers={"x-priority": name})
            for name in ("low", "normal", "high")
        )
    ),
    load=spike("40/s", "150/s", at="5s", lasting="6s"),
    phases=[phase("baseline", "5s"), phase("overload", "6s"), phase("after", "3s")],
    providers={"provider-a": {"latency": SLOW}},
    objective={"response_ms": 800},
    target_settings={"shed_in_flight": 24},
    checks=[
        check("plateau", phase="overload", at_least=0.9),
        check("shed_p95_ms", phase="overload", at_most=150),
        check("shed_p99_ms", phase="overload", at_most=150, estimate="point"),
        check("priority_inversions", phase="overload", at_most=0.02),
        check("response_p95_ms", phase="after", at_most=1000, estimate="point"),
    ],
)
