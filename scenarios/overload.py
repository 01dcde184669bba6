"""Twice as many requests as the gateway has places for: does goodput hold, and are the least important refused first, and at once?

A third of the traffic each is of low, normal and high priority. The baseline offers what there are places for, the overload twice as
much. Beyond its capacity a gateway cannot serve everybody; it can choose whom. Goodput has to stay where it was, refusals have to
be quick, and nobody important is refused while somebody unimportant is let in.
"""

from gatebench import Scenario, check, phase, spike
from gatebench.traffic import chat, mix

SLOW = {
    "kind": "constant",
    "ttft_ms": 400,
}  # forty places for 0.4 s each are 100 requests a second: what the baseline offers

scenario = Scenario(
    traffic=mix(
        *(
            chat(tenants=5, prompt_words=20, max_tokens=1, name=priority, headers={"x-priority": priority})
            for priority in ("low", "normal", "high")
        )
    ),
    load=spike("100/s", "200/s", at="24s", lasting="12s"),
    phases=[
        phase("warmup", "4s"),
        phase("baseline", "20s"),
        phase("overload", "12s"),
        phase("after", "12s"),
    ],
    providers={"provider-a": {"latency": SLOW}},
    objective={"response_ms": 1000},
    needs=("shedding",),
    target_settings={"shed_in_flight": 40},
    checks=[
        check("plateau", phase="overload", at_least=0.9),
        check("shed_p99_ms", phase="overload", at_most=100),
        check("priority_inversions", phase="overload", at_most=0.02, needs=("priorities",)),
        check("ok_share", route="high", phase="overload", at_least=0.9, needs=("priorities",)),
        check("response_p95_ms", phase="after", at_most=1000),
        check("ok_share", route="high", phase="baseline", at_least=0.98, needs=("priorities",)),
    ],
)
