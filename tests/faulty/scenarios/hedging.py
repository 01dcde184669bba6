"""One request in thirty takes long at the first provider, then four of five: hedging has to cut the tail, and to know its limit."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("150/s"),
    phases=[
        phase("baseline", "2s"),
        phase(
            "tail",
            "12s",
            role="fault",
            faults=[fault("slow-first-token", on="provider-a", delay_ms=600, probability=0.03)],
        ),
        phase(
            "slow",
            "5s",
            role="fault",
            faults=[fault("slow-first-token", on="provider-a", delay_ms=600, probability=0.8)],
        ),
    ],
    objective={"response_ms": 1500},
    needs=("hedging",),
    target_settings={
        "hedge_after": "120ms",
        "hedge_ratio": 0.4,
        "request_timeout": "2s",
        "breaker_window": "100ms",
        "breaker_open": "100ms",
    },
    checks=[
        check("hedge_tail_cut_p99", phase="tail", at_least=0.4),
        check("hedge_share", phase="slow", at_most=0.5),
        check("duplicate_execution", at_most=0.01),  # two that end in the same moment are both paid
        check("requests_lost", at_most=0),
    ],
)
