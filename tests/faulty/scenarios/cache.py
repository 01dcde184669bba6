"""A small cache under popular prompts of three tenants, while providers answer and while they fail."""

from gatebench import LatencyModel, Scenario, check, fault, phase, poisson, provider
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompts=30, skew=1.0, prompt_words=5, max_tokens=4),
    load=poisson("100/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "8s"),
        phase(
            "failing",
            "4s",
            role="fault",
            faults=[
                fault("provider-errors", on=name, status=503, probability=0.8) for name in ("provider-a", "provider-b")
            ],
        ),
        phase("recovery", "4s"),
    ],
    objective={"response_ms": 500},
    providers={name: provider(latency=LatencyModel(ttft_median_ms=100)) for name in ("provider-a", "provider-b")},
    target_settings={
        "cache": "exact",
        "cache_ttl": "2s",
        "cache_capacity": 30,
        "cache_scope": "tenant",
        "cache_coalescing": True,
        "retries": 0,
        "breaker_failures": 1000,
        "breaker_window": "1s",
        "breaker_open": "1s",
    },
    checks=[
        check("true_hit_ratio", phase="baseline", at_least=0.35),
        check("offload", phase="baseline", at_least=0.5),
        check("cache_efficiency", phase="baseline", at_least=0.75),
        check("hit_p95_ms", phase="baseline", at_most=60),
        check("header_honesty", at_least=1.0),
        check("stampede_factor", phase="baseline", at_most=1),
        check("coalescing_efficiency", phase="baseline", at_least=1.0),
        check("stale_answers", at_most=0),
        check("wrong_hit", at_most=0),
        check("cross_tenant_leak", at_most=0),
        check("errors_cached", at_most=0),
    ],
)
