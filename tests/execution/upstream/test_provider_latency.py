"""How long answers take follows from the seed, and follows the distribution that the model names."""

import math
from itertools import pairwise
from statistics import NormalDist

import pytest
from scipy.stats import kstest

from gatebench.execution.upstream.latency import Latency
from gatebench.latency import AnyLatency, ConstantLatency, LatencyModel, MeasuredLatency, UniformLatency

DRAWS = 4000
MODEL = LatencyModel(ttft_median_ms=20, ttft_sigma=0.25, token_ms=2, token_sigma=0.5)


def keys() -> list[bytes]:
    """Names of as many requests as are drawn."""
    return [b"gb-0123abcd-%d-0-l" % number for number in range(DRAWS)]


def first_tokens_ms(model: AnyLatency, seed: int = 7) -> list[float]:
    """Times to first token of many requests."""
    latency = Latency(model, seed, "provider-a")
    return [latency.token_due_ns(key, 1)[0] / 1e6 for key in keys()]


def standardised(values_ms: list[float], median_ms: float, sigma: float) -> list[float]:
    """Standard normal numbers, if `values_ms` are lognormal with that median and sigma."""
    return [math.log(value / median_ms) / sigma for value in values_ms]


def test_a_draw_is_repeatable() -> None:
    """Two processes with the same seed and name draw the same times for the same request, in any order."""
    one, other = Latency(MODEL, 7, "provider-a"), Latency(MODEL, 7, "provider-a")
    other.token_due_ns(b"another", 5)
    assert one.token_due_ns(b"key", 24) == other.token_due_ns(b"key", 24)


@pytest.mark.parametrize(
    ("seed", "provider", "key"),
    [(8, "provider-a", b"key"), (7, "provider-b", b"key"), (7, "provider-a", b"key/2"), (-7, "provider-a", b"key")],
)
def test_seed_name_and_key_all_matter(seed: int, provider: str, key: bytes) -> None:
    """Changing any one of the three changes the draw."""
    usual = Latency(MODEL, 7, "provider-a").token_due_ns(b"key", 3)
    assert Latency(MODEL, seed, provider).token_due_ns(key, 3) != usual


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_quantiles_are_the_models(share: float) -> None:
    """Each quantile of many draws lies where the lognormal has it: median * exp(sigma * z), within five standard errors."""
    drawn = sorted(first_tokens_ms(MODEL))[round(share * DRAWS) - 1]
    z = NormalDist().inv_cdf(share)
    # Standard error of a sample quantile of the normal: sqrt(p (1 - p) / n) / density(z).
    error = math.sqrt(share * (1 - share) / DRAWS) / NormalDist().pdf(z)
    assert math.log(drawn / 20) / 0.25 == pytest.approx(z, abs=5 * error)


def test_first_tokens_are_lognormal() -> None:
    """A Kolmogorov-Smirnov test finds nothing, and finds a sigma that is a fifth too small."""
    drawn = first_tokens_ms(MODEL)
    assert kstest(standardised(drawn, 20, 0.25), "norm").pvalue > 0.001
    assert kstest(standardised(drawn, 20, 0.20), "norm").pvalue < 0.001


def test_token_times_are_lognormal_and_their_own() -> None:
    """The gaps between tokens follow the token's median and sigma, and differ within an answer."""
    latency = Latency(MODEL, 7, "provider-a")
    due_ns = latency.token_due_ns(b"key", DRAWS)
    gaps_ms = [(after - before) / 1e6 for before, after in pairwise(due_ns)]
    assert kstest(standardised(gaps_ms, 2, 0.5), "norm").pvalue > 0.001
    assert len(set(gaps_ms)) > DRAWS * 0.99


def test_a_shorter_answer_is_the_beginning_of_a_longer_one() -> None:
    """Asking for more tokens does not change when the first ones come."""
    latency = Latency(MODEL, 7, "provider-a")
    assert latency.token_due_ns(b"key", 100)[:10] == latency.token_due_ns(b"key", 10)


def test_sigma_zero_is_the_median_itself() -> None:
    """Without spread the first token comes at the median and each further one a token time later."""
    latency = Latency(LatencyModel(ttft_median_ms=10, ttft_sigma=0, token_ms=1.5, token_sigma=0), 7, "provider-a")
    assert latency.token_due_ns(b"key", 4) == [10_000_000, 11_500_000, 13_000_000, 14_500_000]


@pytest.mark.parametrize(("ttft_ms", "token_ms"), [(0, 3), (3, 0)])
def test_one_of_the_two_may_be_nothing(ttft_ms: float, token_ms: float) -> None:
    """No time to first token, or no time between tokens, leaves the other as it is."""
    model = LatencyModel(ttft_median_ms=ttft_ms, ttft_sigma=0, token_ms=token_ms, token_sigma=0)
    latency = Latency(model, 7, "provider-a")
    assert not latency.instant
    assert latency.token_due_ns(b"key", 3) == [round((ttft_ms + place * token_ms) * 1e6) for place in range(3)]


def test_no_times_at_all_are_instant() -> None:
    """A provider without latency says so, and everything is due at once."""
    latency = Latency(LatencyModel(ttft_median_ms=0, token_ms=0), 7, "provider-a")
    assert latency.instant
    assert latency.token_due_ns(b"key", 3) == [0, 0, 0]


def measured(order: str = "sampled", **values: object) -> MeasuredLatency:
    """A trace of four answers, not in the order of their times."""
    return MeasuredLatency.model_validate(
        {"kind": "measured", "path": "x.csv", "order": order, "ttft_ms": (30, 10, 40, 20), **values}
    )


def test_uniform_times_fill_their_range() -> None:
    """A Kolmogorov-Smirnov test finds nothing, and finds a range that is a tenth too wide."""
    drawn = first_tokens_ms(UniformLatency(kind="uniform", low_ms=10, high_ms=30))
    assert kstest(drawn, "uniform", (10, 20)).pvalue > 0.001
    assert kstest(drawn, "uniform", (9, 22)).pvalue < 0.001


def test_a_constant_is_the_same_for_everybody() -> None:
    """Every answer is due at the same times; without any time it is instant."""
    latency = Latency(ConstantLatency(kind="constant", ttft_ms=10, token_ms=2), 7, "provider-a")
    assert {tuple(latency.token_due_ns(key, 3)) for key in keys()[:50]} == {(10_000_000, 12_000_000, 14_000_000)}
    assert Latency(ConstantLatency(kind="constant", ttft_ms=0), 7, "provider-a").instant


def test_a_long_prompt_takes_longer() -> None:
    """Each token of the prompt adds its time to the first token, and nothing to the gaps."""
    latency = Latency(ConstantLatency(kind="constant", ttft_ms=0, token_ms=1, input_token_ms=0.5), 7, "provider-a")
    assert latency.token_due_ns(b"key", 2, tokens_in=40) == [20_000_000, 21_000_000]
    assert not Latency(ConstantLatency(kind="constant", ttft_ms=0, input_token_ms=0.5), 7, "provider-a").instant


def test_sampled_times_are_those_of_the_trace_equally_often() -> None:
    """Each of four rows is a quarter of the draws, within five standard deviations, and nothing else is ever drawn."""
    drawn = first_tokens_ms(measured())
    counts = {value: drawn.count(value) for value in set(drawn)}
    assert sorted(counts) == [10, 20, 30, 40]
    # Binomial: sqrt(4000 * 1/4 * 3/4) = 27.4
    assert all(abs(count - DRAWS / 4) < 5 * 27.4 for count in counts.values())
    assert drawn != first_tokens_ms(measured(), seed=8)


def test_a_larger_uniform_number_is_a_longer_time() -> None:
    """The draw is the quantile function: what orders the draws of another model for the same keys orders these, too."""
    by_uniform = first_tokens_ms(UniformLatency(kind="uniform", low_ms=0, high_ms=1))
    by_trace = first_tokens_ms(measured())
    in_order = [time for _, time in sorted(zip(by_uniform, by_trace, strict=True))]
    assert in_order == sorted(in_order)


def test_a_replayed_trace_goes_by_the_ordinal() -> None:
    """Attempt 1 takes the first row, attempt 5 the first again; who asks does not matter."""
    latency = Latency(measured("replayed"), 7, "provider-a")
    due = [latency.token_due_ns(b"key %d" % ordinal, 1, ordinal=ordinal)[0] / 1e6 for ordinal in range(1, 7)]
    assert due == [30, 10, 40, 20, 30, 10]


def test_a_row_is_taken_whole() -> None:
    """The token time, or the time of the whole answer, is that of the row whose first token was drawn."""
    by_token = Latency(measured("replayed", token_ms=(3, 1, 4, 2)), 7, "provider-a")
    assert by_token.token_due_ns(b"key", 3, ordinal=3) == [40_000_000, 44_000_000, 48_000_000]
    by_total = Latency(measured("replayed", total_ms=(130, 110, 140, 120)), 7, "provider-a")
    assert by_total.token_due_ns(b"key", 5, ordinal=3)[::4] == [40_000_000, 140_000_000]
    assert by_total.token_due_ns(b"key", 1, ordinal=3) == [40_000_000]
    sampled = Latency(measured(token_ms=(3, 1, 4, 2)), 7, "provider-a")
    rows = {tuple(round(due / 1e6) for due in sampled.token_due_ns(key, 2)) for key in keys()[:200]}
    assert rows == {(10, 11), (20, 22), (30, 33), (40, 44)}
