"""Users ask the same in other words, and other things in nearly the same words: which of them does a semantic cache answer?

Sixty questions, each with four paraphrases (an answer to one is an answer to all) and three look-alikes that mean something else:
another number, name or direction, or a negation. A cosine threshold decides which prompts share an answer: a low one answers
more paraphrases, and more look-alikes wrongly. Run it at several: `--set cache_threshold=0.85`. Personal and time-bound prompts
must never be answered from a cache.
"""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(questions=True, skew=0.3, tenants=1, max_tokens=8),
    load=poisson("50/s"),
    phases=[
        phase("warmup", "4s"),
        phase("baseline", "40s"),
    ],
    objective={"response_ms": 500},
    target_settings={"cache": "semantic", "cache_ttl": "120s", "cache_threshold": 0.95, "cache_scope": "tenant"},
    needs=("cache-semantic",),
    checks=[
        check("false_hit_ratio", at_most=0.1, estimate="point"),
        check("paraphrase_hit_ratio", at_least=0.02, estimate="point"),
        check("private_cached", at_most=0),
        check("true_hit_ratio", phase="baseline", at_least=0.5),
        check("header_honesty", at_least=1.0),
        check("requests_lost", at_most=0),
    ],
)
